package main

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestForms that people write values and config files in.
func TestForms(t *testing.T) {
	if opts := parsed(t, "--otlp", "https://collector:4318"); opts.OTLP == "" {
		t.Error("a collector with TLS is not taken")
	}
	file := filepath.Join(t.TempDir(), "elemental.yaml")
	for text, want := range map[string]string{
		"# nothing\n": parsed(t).ProviderWelcome, "---\nproviderwelcome: hi\n---\n": "hi", "providerwelcome: |\n  hi\n  you\n": "hi\nyou\n",
	} {
		writeFile(t, file, text)
		if got := parsed(t, "--config", file).ProviderWelcome; got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestBadVariables are told with the variable's name; one that the command line overrides is not.
func TestBadVariables(t *testing.T) {
	for variable, mention := range map[string][]string{
		"ELEMENTAL_PORT=65536":    {"--port", "65535", "ELEMENTAL_PORT="},
		"ELEMENTAL_STOPTIMEOUT=0": {"--stoptimeout", "ELEMENTAL_STOPTIMEOUT="},
		"ELEMENTAL_PORT=many":     {"--port", "ELEMENTAL_PORT="},
		"ELEMENTAL_CONFIG=":       {"ELEMENTAL_CONFIG", "empty"},
		"ELEMENTAL_LOGFORMAT=xml": {"--logformat", "ELEMENTAL_LOGFORMAT=", "text, json"},
		"ELEMENTAL_TLSCERT=\xe9":  {"--tlscert", "ELEMENTAL_TLSCERT=", "UTF-8"},
		"ELEMENTAL_LOGLEVEL=loud": {"--loglevel", "ELEMENTAL_LOGLEVEL=", "debug, info, warn, error"},
	} {
		t.Run(variable, func(t *testing.T) {
			p := unstarted(t, "")
			p.Env = []string{variable}
			refuses(t, p, exitUsage, mention, t.TempDir())
		})
	}
	p := unstarted(t, "")
	p.Env = []string{"ELEMENTAL_PORT=6000"}
	refuses(t, p, exitUsage, []string{"--port: 65536"}, t.TempDir(), "--port", "65536")
	if strings.Contains(p.Stderr.Text(), "ELEMENTAL") {
		t.Errorf("the variable is blamed for the flag's value: %s", p.Stderr.Text())
	}
}

func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "elemental.json")
	writeFile(t, file, `{"providername": "file", "providerwelcome": "file", "jsonfileindent": 7, "sendotherusersdata": true}`)
	t.Setenv("ELEMENTAL_CONFIG", file)
	t.Setenv("ELEMENTAL_PROVIDERNAME", "env")
	t.Setenv("ELEMENTAL_PROVIDERWELCOME", "env")
	got := parsed(t, "--providername", "flag")
	if got.ProviderName != "flag" || got.ProviderWelcome != "env" || got.JSONFileIndent != 7 ||
		!got.SendOtherUsersData || got.Encoding != "ascii" {
		t.Errorf("flag, environment, file, default is not the order: %+v", got)
	}
}

func TestUnknownVariableIsNamed(t *testing.T) {
	p := unstarted(t, filepath.Join(t.TempDir(), "data"))
	p.Env = []string{"ELEMENTAL_LOAD_RATE=5", "ELEMENTAL_PROT=1", "ELEMENTAL_PROVIDERNAME=ENVIRON"}
	p.Start()
	p.WaitLog("a warning", func(line string) bool {
		return strings.Contains(line, "ELEMENTAL_PROT") && strings.Contains(line, "WARN")
	})
	if said := p.Stderr.Text(); strings.Contains(said, "ELEMENTAL_PROVIDERNAME") || strings.Contains(said, "ELEMENTAL_LOAD") {
		t.Errorf("a known variable is called unknown:\n%s", p.Stderr.Text())
	}
	if name := p.dial().must("getprovidername")["name"]; name != "ENVIRON" {
		t.Errorf("the variable has no effect: %v", name)
	}
	p.Stop()
}

func TestPrintedConfigIsAConfig(t *testing.T) {
	text := run(t, "--printconfig", "--providerwelcome", `say "hi": [now] é`, "--port", "6001")
	file := filepath.Join(t.TempDir(), "printed.yaml")
	writeFile(t, file, text)
	want := parsed(t, "--providerwelcome", `say "hi": [now] é`, "--port", "6001")
	want.Config = configFile(file)
	if got := parsed(t, "--config", file); !reflect.DeepEqual(got, want) {
		t.Errorf("the printed file\n%s\n gives %+v\nwant %+v", text, got, want)
	}
	_, parser, err := parseOptions(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range configurable(parser.Model.Flags) {
		if !strings.Contains(text, "# "+flag.Help+"\n"+flag.Name+": ") {
			t.Errorf("%s is not explained in the printed file", flag.Name)
		}
	}
}
