package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

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
