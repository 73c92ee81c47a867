package main_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMistakes: mistakes in the options end with exit code 2, and nothing is sent.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		`no scenario "dance"`:          {"dance"},
		"unknown flag --speed":         {"--speed=3"},
		"--workers: 0":                 {"--workers=0"},
		"99999: invalid port":          {"--address=localhost:99999"},
		"--pid: 0":                     {"--pid=0"},
		"--sources: 999":               {"--sources=999", "--address=localhost:1"},
		"--sources: -1":                {"--sources=-1"},
		"--sources: 1000":              {"--sources=01000"},
		`few is no whole number`:       {"--clients=few"},
		"clients: 0 is out of range":   {"--clients=0"},
		"rate: it must be above 0":     {"--rate", "0"},
		"duration: it must be above 0": {"--duration=0s"},
		`"-1s" is no duration`:         {"--duration", "-1s"},
		"clients: -5 is out of range":  {"chat", "--clients", "-5", "--servers=1"},
		"--workers: 64 is out":         {"--workers=064"},
		"the 10 that there are":        {"--clients=010", "--model=closed", "--stages=11x1s"},
		"the closed model has no rate": {"--model=closed", "--rate=3"},
		"neither open nor closed":      {"--model=ajar"},
		"p98":                          {"--expect=p98<3ms"},
		`no operation "posts"`:         {"--expect=posts.p99<3ms", "--address=localhost:1"},
		`no operation "page"; it has`:  {"chat", "--expect=page.p99<3ms", "--address=localhost:1"},
		"--outstanding: 0 is out":      {"--outstanding=0"},
		"--timeout: it must be":        {"--timeout=999ms"},
		"need each other":              {"--userprefix=u"},
		"--tlsca and --tlsinsecure":    {"--tlsca=cert.pem"},
		"are for --tls":                {"--tlsinsecure"},
		"are for --selfhost":           {"--provider=elemental"},
		"--provider and --providerarg": {"--providerarg=--port=1"},
		"--pid and --remote":           {"--selfhost", "--remote"},
		"starts the provider itself":   {"--selfhost", "--pid=1"},
		"leave out --address, --tls":   {"--selfhost", "--tls"},
		"leave out --address":          {"--selfhost", "--address", "localhost:5005"},
		"no such file":                 {"--file=/nowhere/at-all.yaml"},
		"two runs or more":             {"compare", "somewhere"},
	} {
		out, err := exec.Command(program, args...).CombinedOutput()
		if code := exitCode(err); code != 2 || !strings.Contains(string(out), want) {
			t.Errorf("%q: exit code %d, %s", args, code, out)
		}
	}
}

// TestUnknownVariableIsNamed: a warning names unknown variables, but none that belongs to
// an option or to the provider.
func TestUnknownVariableIsNamed(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	run := exec.Command(program, "scenarios")
	run.Stderr = &said
	run.Env = append(os.Environ(), "ELEMENTAL_LOAD_RATE=5", "ELEMENTAL_LOAD_RAET=5", "ELEMENTAL_PORT=1")
	if err := run.Run(); err != nil {
		t.Fatal(err)
	}
	if want := "elemental-load: warning: unknown environment variable ELEMENTAL_LOAD_RAET\n"; said.String() != want {
		t.Errorf("%q, wanted %q", said.String(), want)
	}
}
