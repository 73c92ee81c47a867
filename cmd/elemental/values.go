package main

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// This file holds the kinds of option values that a plain Go type does not cover.

// toggle is a yes or no. Python's argparse took a separate word here
// (`--sendotherusersdata True`), which kong's own bool does not.
type toggle bool

// IsBool lets help show the flag without a value.
func (toggle) IsBool() bool { return true }

// Decode takes the next word only when it is a yes or a no, so that a bare
// flag may be followed by another flag.
func (t *toggle) Decode(ctx *kong.DecodeContext) error {
	next := ctx.Scan.Peek()
	attached := next.Type == kong.FlagValueToken
	value, known := toggleWords[strings.ToLower(next.String())]
	switch {
	case known && (attached || next.Type == kong.UntypedToken):
		ctx.Scan.Pop()
		*t = toggle(value)
	case attached || next.IsValue():
		return fmt.Errorf("%q is neither True nor False", next.String())
	default:
		*t = true
	}
	return nil
}

var toggleWords = map[string]bool{
	"true": true, "yes": true, "on": true, "1": true,
	"false": false, "no": false, "off": false, "0": false,
}

// wholeNumber reads a plain int as people mean it, and as sizes and times are read: kong takes 010 for 8.
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

// duration is a Go duration ("1m30s") or plain seconds ("0.75").
type duration time.Duration

func (d duration) String() string {
	if d == 0 {
		return "0"
	}
	text := time.Duration(d).String()
	text = strings.Replace(text, "m0s", "m", 1)
	return strings.Replace(text, "h0m", "h", 1)
}

// UnmarshalText is called by kong with the option's text.
func (d *duration) UnmarshalText(text []byte) error {
	if parsed, err := time.ParseDuration(string(text)); err == nil {
		*d = duration(parsed)
		return nil
	}
	seconds, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.IsNaN(seconds) || math.Abs(seconds) > math.MaxInt64/float64(time.Second)/2 {
		return fmt.Errorf("%q is no duration such as 750ms, 1m30s or 0.75 (seconds)", text)
	}
	*d = duration(math.Round(seconds * float64(time.Second)))
	return nil
}

// size is a number of bytes: "4096", "16KiB", "1MiB".
type size int64

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{{"gib", 1 << 30}, {"mib", 1 << 20}, {"kib", 1 << 10}, {"gb", 1e9}, {"mb", 1e6}, {"kb", 1e3}, {"b", 1}, {"", 1}}

func (s size) String() string {
	for _, unit := range sizeUnits[:3] {
		if s != 0 && int64(s)%unit.bytes == 0 {
			name := strings.ToUpper(unit.suffix[:1]) + "iB"
			return strconv.FormatInt(int64(s)/unit.bytes, 10) + name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// UnmarshalText is called by kong with the option's text.
func (s *size) UnmarshalText(text []byte) error {
	lower := strings.ToLower(strings.TrimSpace(string(text)))
	for _, unit := range sizeUnits {
		number, found := strings.CutSuffix(lower, unit.suffix)
		if !found {
			continue
		}
		count, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || count > math.MaxInt64/unit.bytes || count < math.MinInt64/unit.bytes {
			break
		}
		*s = size(count * unit.bytes)
		return nil
	}
	return fmt.Errorf("%q is no size such as 4096, 16KiB or 1MiB", text)
}

// versionFlag prints the version. kong's own does not notice that it could not.
type versionFlag bool

// BeforeReset is called by kong where the flag is given.
func (versionFlag) BeforeReset() error {
	_, err := fmt.Println(versionLine())
	printed(err)
	return nil
}

// printHelp is kong's printer. What keeps it from writing is no mistake in the options.
func printHelp(options kong.HelpOptions, given *kong.Context) error {
	printed(kong.DefaultHelpPrinter(options, given))
	return nil
}

// printed ends the program, which was asked for nothing but the text that has been printed, or could not be.
func printed(err error) {
	if err != nil {
		complain(os.Stderr, fmt.Errorf("the output cannot be written: %w", err))
		os.Exit(exitTrouble)
	}
	os.Exit(exitOK)
}
