package cli

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// Options of commands and variables of arguments are known; what other programs read is none of
// this program's.
func TestUnknownVariables(t *testing.T) {
	var options struct {
		Top bool
		Run struct {
			Place string   `arg:"" optional:"" env:"CHAT_LOAD_PLACE"`
			Pace  Duration `default:"1m30s"`
			Count *int
		} `cmd:"" default:"withargs"`
	}
	for _, name := range []string{"CHAT_LOAD_TOP", "CHAT_LOAD_PLACE", "CHAT_LOAD_COUNT", "CHAT_LOAD_COUNTS", "CHAT_TOP"} {
		t.Setenv(name, "010")
	}
	t.Setenv("CHAT_LOAD_TOP", "true")
	parser, err := New("chat-load", "", &options, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := UnknownVariables(parser); !slices.Equal(got, []string{"CHAT_LOAD_COUNTS"}) {
		t.Errorf("unknown: %q", got)
	}
	if _, err := parser.Parse(nil); err != nil {
		t.Fatal(err)
	}
	if run := options.Run; !options.Top || run.Place != "010" || *run.Count != 10 || run.Pace != Duration(90*time.Second) {
		t.Errorf("read: %+v", options)
	}
}

// Every time that is printed can be read again and is the same.
func TestDuration(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "0.75": "750ms", "90": "1m30s", "3600": "1h", "1h0m5s": "1h5s", "10m": "10m", "-1s": "-1s", "2h10m0s": "2h10m",
	} {
		var d, again Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.String() != want {
			t.Errorf("%q is %v, want %s (%v)", text, d, want, err)
		}
		if err := again.UnmarshalText([]byte(d.String())); err != nil || again != d {
			t.Errorf("%v is read as %v (%v)", d, again, err)
		}
	}
	for _, text := range []string{"", "soon", "1 s", "NaN", "Inf", "-1e10"} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %v", text, d)
		}
	}
}

// Several lines become one sentence.
func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"one":                               "one",
		"one\ntwo\n":                        "one; two",
		"it ended; its log:\n\tfirst\nthen": "it ended; its log: first; then",
	} {
		if got := OneLine(errors.New(text)); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
