package main

import (
	"errors"
	"testing"
)

// TestOneLine: several lines become one sentence.
func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"one":                               "one",
		"one\ntwo\n":                        "one; two",
		"it ended; its log:\n\tfirst\nthen": "it ended; its log: first; then",
	} {
		if got := oneLine(errors.New(text)); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
