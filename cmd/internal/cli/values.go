package cli

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// wholeNumber reads a whole number in decimal, as people mean it and as sizes and times are
// read. kong would read 010 as 8.
func wholeNumber(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("number", &text); err != nil {
		return err
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%q is no whole number such as 10", text)
	}
	target.SetInt(int64(number))
	return nil
}

// plainText reads a text, which has to be UTF-8. kong would put U+FFFD in place of other bytes, and
// so name another folder than the one that is meant.
func plainText(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("string")
	if err != nil {
		return err
	}
	if token.IsEOL() { // the option is the last word of the command line
		return errors.New("its value is missing")
	}
	text := fmt.Sprint(token.Value)
	if !utf8.ValidString(text) {
		return fmt.Errorf("%q is not UTF-8", text)
	}
	target.SetString(text)
	return nil
}

// Duration is an option's time: a Go duration ("1m30s") or plain seconds ("0.75").
type Duration time.Duration

// String is the shortest Go duration of the same length.
func (d Duration) String() string {
	if d == 0 {
		return "0"
	}
	text := time.Duration(d).String()
	text = strings.Replace(text, "m0s", "m", 1)
	return strings.Replace(text, "h0m", "h", 1)
}

// UnmarshalText reads both forms.
func (d *Duration) UnmarshalText(text []byte) error {
	if parsed, err := time.ParseDuration(string(text)); err == nil {
		*d = Duration(parsed)
		return nil
	}
	seconds, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.IsNaN(seconds) || math.Abs(seconds) > math.MaxInt64/float64(time.Second)/2 {
		return fmt.Errorf("%q is no duration such as 750ms, 1m30s or 0.75 (seconds)", text)
	}
	*d = Duration(math.Round(seconds * float64(time.Second)))
	return nil
}
