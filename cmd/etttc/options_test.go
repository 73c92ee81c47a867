package main

import "testing"

// A number is decimal, from the command line as from the environment.
func TestLeadingZeros(t *testing.T) {
	t.Setenv("ETTTC_TAIL", "010")
	for _, args := range [][]string{{"--plain", "--tail", "010"}, {"--plain", "--tail=010"}, {"--plain"}} {
		opts, _, err := parseOptions(args)
		if err != nil {
			t.Fatal(err)
		}
		if opts.Tail == nil || *opts.Tail != 10 {
			t.Errorf("%q: the tail is %v", args, opts.Tail)
		}
	}
}
