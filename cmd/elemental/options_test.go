package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"elemental/actors"
	"elemental/persistence"
	"elemental/transport"
)

// parsed parses as main does; the environment is the test's.
func parsed(t *testing.T, args ...string) *options {
	t.Helper()
	opts, _, err := parseOptions(args)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return opts
}

func TestTheOriginalsOptions(t *testing.T) {
	want := parsed(t)
	if want.Port != 5005 || want.Host != "" || want.Encoding != "ascii" || want.ProviderName != "LOCALPROVIDER" ||
		want.StoragePath != "providerstorage" || want.JSONFileIndent != 2 || want.SendOtherUsersData ||
		want.ProviderNameInConsole != "[SERVER]" {
		t.Errorf("other defaults than the original: %+v", want)
	}
	want.Port, want.Host, want.Encoding, want.ProviderName = 6000, "127.0.0.1", "utf-8", "HOME"
	want.StoragePath, want.JSONFileIndent, want.SendOtherUsersData, want.ProviderNameInConsole = "data", 4, true, "me"
	values := strings.Fields("port 6000 host 127.0.0.1 encoding utf-8 providername HOME storagepath data " +
		"jsonfileindent 4 sendotherusersdata True providernameinconsole me")
	var apart, joined []string
	for i := 0; i < len(values); i += 2 {
		apart = append(apart, "--"+values[i], values[i+1])
		joined = append(joined, "--"+values[i]+"="+values[i+1])
	}
	if got := parsed(t, apart...); !reflect.DeepEqual(got, want) {
		t.Errorf("%q\n got %+v\nwant %+v", apart, got, want)
	}
	if got := parsed(t, joined...); !reflect.DeepEqual(got, want) {
		t.Errorf("%q\n got %+v\nwant %+v", joined, got, want)
	}
	if got := parsed(t, "--host", ""); got.Host != "" {
		t.Errorf("an empty host became %q", got.Host)
	}
}

func TestToggle(t *testing.T) {
	for args, want := range map[string]bool{
		"":                                         false,
		"--sendotherusersdata":                     true,
		"--sendotherusersdata True":                true,
		"--sendotherusersdata False":               false,
		"--sendotherusersdata true --port 1":       true,
		"--sendotherusersdata --port 1":            true,
		"--port 1 --sendotherusersdata":            true,
		"--sendotherusersdata no --logrequests":    false,
		"--sendotherusersdata=False":               false,
		"--sendotherusersdata=True":                true,
		"--sendotherusersdata=1":                   true,
		"--sendotherusersdata 0":                   false,
		"--sendotherusersdata=yes --port=1":        true,
		"--logrequests --sendotherusersdata FALSE": false,
	} {
		if got := parsed(t, strings.Fields(args)...); bool(got.SendOtherUsersData) != want {
			t.Errorf("%s: got %v", args, got.SendOtherUsersData)
		}
	}
}

func TestFaultLabHasTwoSpellings(t *testing.T) {
	for _, args := range []string{"--faultlab", "--fault-lab", "--fault-lab=yes"} {
		if !parsed(t, args, "--admin", "127.0.0.1:0").FaultLab {
			t.Errorf("%s has no effect", args)
		}
	}
}

func TestDurationsAndSizes(t *testing.T) {
	for text, want := range map[string]string{
		"0.75": "750ms", "750ms": "750ms", "90": "1m30s", "1m30s": "1m30s", "1h": "1h", "2h5m": "2h5m", "0": "0",
	} {
		if got := parsed(t, "--countinterval", text).CountInterval.String(); got != want {
			t.Errorf("duration %q is %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]int64{
		"4096": 4096, "16KiB": 16 << 10, "1MiB": 1 << 20, "2gib": 2 << 30, "5 kb": 5000, "100b": 100,
	} {
		if got := parsed(t, "--maxinflightbytes", "2GiB", "--maxrequest", text).MaxRequest; int64(got) != want {
			t.Errorf("size %q is %d, want %d", text, got, want)
		}
	}
}

// TestLeadingZeros change no number, wherever it is from.
func TestLeadingZeros(t *testing.T) {
	file := filepath.Join(t.TempDir(), "elemental.yaml")
	writeFile(t, file, "port: 010\n")
	inFile, onLine := parsed(t, "--config", file), parsed(t, "--port", "010", "--maxrequest", "0100", "--logintimeout", "010")
	t.Setenv("ELEMENTAL_PORT", "010")
	if inVariable := parsed(t); inFile.Port != 10 || onLine.Port != 10 || inVariable.Port != 10 {
		t.Errorf("010 is %d in a file, %d on the command line, %d in a variable", inFile.Port, onLine.Port, inVariable.Port)
	}
	if onLine.MaxRequest != 100 || onLine.LoginTimeout.String() != "10s" {
		t.Errorf("a size of 0100 is %v, a time of 010 is %v", onLine.MaxRequest, onLine.LoginTimeout)
	}
}

// The documented defaults are those of the rooms.
func TestDefaultsAreTheActors(t *testing.T) {
	if got, want := parsed(t).domain(""), actors.DefaultConfig(); !reflect.DeepEqual(got, want) {
		t.Errorf("actors\n got %+v\nwant %+v", got, want)
	}
}

func TestDefaultsAreTheTransports(t *testing.T) {
	if got, want := parsed(t).wire(nil), transport.DefaultConfig(); !reflect.DeepEqual(got, want) {
		t.Errorf("transport\n got %+v\nwant %+v", got, want)
	}
}

// An option that is set has an effect, and each its own: all values differ from the defaults
// and from one another.
func TestOptionsReachTheRooms(t *testing.T) {
	const second = time.Second
	opts := parsed(t, strings.Fields(`--port 6000 --host [::1] --encoding utf-8 --providername HOME --storagepath data --jsonfileindent 4
		--sendotherusersdata --providernameinconsole me --tlscert cert --tlskey key --providerwelcome hello --hideusers
		--keylifetime 101s --countinterval 102s --loginfailures 103 --loginfailuresaddress 104 --loginpause 105s
		--maxconnections 106 --maxconnectionsaddress 107 --maxrequest 10800 --maxrequestbeforelogin 10900 --maxdepth 110
		--maximage 111 --maxmessage 112 --maxanswermessages 113 --maxanswer 11400 --window 115 --windowtogether 116
		--maxinflight 117 --maxinflightbytes 11800 --maxoutbox 11900 --maxunread 120000 --logintimeout 121s
		--requesttimeout 122s --idletimeout 123s --writetimeout 124s --answertimeout 125s --maxstate 12600000
		--passivate 127s --snapshotinterval 128s --segmentsize 12900 --hashmemory 130 --hashtime 131 --hashworkers 132
		--hashqueue 133 --maxsubscriptions 134 --logrequests --admin 127.0.0.1:0`)...)
	domain := actors.Config{
		Name: "HOME", Welcome: "hello", Icon: "icon", AutoSubscribe: true, HideUsers: true, KeyLifetime: 101 * second,
		CountInterval: 102 * second, LoginFailures: 103, LoginFailuresAddress: 104, LoginPause: 105 * second,
		MessageBytes: 112, AnswerMessages: 113, AnswerBytes: 11400, InFlightRequests: 117, InFlightBytes: 11800, Subscriptions: 134,
		Deadline: 125 * second, StateBytes: 12600000, Passivate: 127 * second,
		HashMemory: 130, HashTime: 131, HashWorkers: 132, HashQueue: 133, Inspect: true, Calls: transport.Calls(),
	}
	if got := opts.domain("icon"); !reflect.DeepEqual(got, domain) {
		t.Errorf("actors\n got %+v\nwant %+v", got, domain)
	}
	wire := transport.Config{
		Port: 6000, Host: "::1", Encoding: "utf-8", CertFile: "cert", KeyFile: "key", ConsoleName: "me", RequestLog: io.Discard,
		Connections: 106, PerAddress: 107, RequestBytes: 10800, LoginRequestBytes: 10900, Depth: 110, ImageBytes: 111,
		Window: 115, Together: 116, OutboxBytes: 11900, UnreadBytes: 120000,
		LoginTime: 121 * second, RequestTime: 122 * second, IdleTime: 123 * second, StallTime: 124 * second, Inspect: true,
	}
	if got := opts.wire(io.Discard); !reflect.DeepEqual(got, wire) {
		t.Errorf("transport\n got %+v\nwant %+v", got, wire)
	}
	storage := persistence.Config{Dir: "data", Indent: 4, SnapshotInterval: 128 * second, SegmentBytes: 12900, OpenPages: openPages(), Inspect: true}
	if got := opts.storage(nil); !reflect.DeepEqual(got, storage) {
		t.Errorf("persistence\n got %+v\nwant %+v", got, storage)
	}
}

// TestLimitsMayBeEqual: what another limit allows just fits.
func TestLimitsMayBeEqual(t *testing.T) {
	parsed(t, strings.Fields("--maxmessage 2KiB --maxanswer 2KiB --maxoutbox 20KiB --maxrequest 1GiB --maxinflightbytes 1GiB")...)
	parsed(t, strings.Fields("--maxmessage 1GiB --maxrequest 1KiB --maxoutbox 16KiB")...) // no message is longer than its request
	startRefused(t, exitUsage, []string{"--maxoutbox"}, t.TempDir(), "--maxmessage", "2KiB", "--maxoutbox", "19KiB")
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	file, short := filepath.Join(t.TempDir(), "elemental.yaml"), filepath.Join(t.TempDir(), "token")
	writeFile(t, short, "guessed\n")
	for _, row := range []struct {
		args, config string
		mention      []string
	}{
		{args: "--prot 5", mention: []string{"--prot", "--port"}},
		{args: "stray", mention: []string{"stray"}},
		{args: "--port abc", mention: []string{"--port", "abc"}},
		{args: "--port 0x10", mention: []string{"--port", "0x10"}},
		{args: "--port 65536", mention: []string{"--port", "65536", "65535"}},
		{args: "--port -1", mention: []string{"--port", "-1"}},
		{args: "--port", mention: []string{"--port"}},
		{args: "--jsonfileindent=-2", mention: []string{"--jsonfileindent"}},
		{args: "--sendotherusersdata maybe", mention: []string{"--sendotherusersdata", "maybe", "True"}},
		{args: "--encoding klingon", mention: []string{"encoding", "klingon"}},
		{args: "--answertimeout soon", mention: []string{"--answertimeout", "soon", "750ms"}},
		{args: "--answertimeout -5s", mention: []string{"--answertimeout", "-5s"}},
		{args: "--stoptimeout 0", mention: []string{"--stoptimeout"}},
		{args: "--maxrequest huge", mention: []string{"--maxrequest", "huge", "16KiB"}},
		{args: "--maxconnections 0", mention: []string{"--maxconnections"}},
		{args: "--maxmessage 1MiB", mention: []string{"--maxoutbox", "--maxmessage", "1MiB"}},
		{args: "--maxmessage 9223372036854775807", mention: []string{"--maxoutbox", "--maxmessage"}},
		{args: "--maxanswer 8KiB", mention: []string{"--maxanswer", "8KiB", "--maxmessage", "16KiB"}},
		{args: "--maxinflightbytes 512KiB", mention: []string{"--maxinflightbytes", "512KiB", "--maxrequest", "1MiB"}},
		{args: "--maxrequest 9999999999GiB", mention: []string{"--maxrequest", "9999999999GiB", "16KiB"}},
		{args: "--maxrequest=-9999999999GiB", mention: []string{"--maxrequest", "-9999999999GiB", "16KiB"}},
		{args: "--tlscert cert.pem", mention: []string{"--tlskey"}},
		{args: "--tlskey key.pem", mention: []string{"--tlscert"}},
		{args: "--loglevel loud", mention: []string{"--loglevel", "loud"}},
		{args: "--admin 5006", mention: []string{"--admin", "5006"}},
		{args: "--admin :5006", mention: []string{"--admin", "token", "127.0.0.1"}},
		{args: "--admin 0.0.0.0:5006", mention: []string{"--admin", "token"}},
		{args: "--admin 127.0.0.1:0 --admintokenfile options_test.go/none", mention: []string{"--admintokenfile", "options_test.go/none"}},
		{args: "--admin 127.0.0.1:99999", mention: []string{"--admin", "127.0.0.1:99999"}},
		{args: "--admin 127.0.0.1:0 --admintokenfile " + short, mention: []string{"--admintokenfile: " + short, "16 letters"}},
		{args: "--faultlab", mention: []string{"--faultlab", "--admin,"}},
		{args: "--admintokenfile options_test.go", mention: []string{"--admintokenfile", "--admin,"}},
		{args: "--otlp collector:4318", mention: []string{"--otlp", "http://"}},
		{args: "--otlp http://", mention: []string{"--otlp", "http://"}},
		{args: "--otlp http://me:secret@collector:4318", mention: []string{"--otlp", "OTEL_EXPORTER_OTLP_HEADERS"}},
		{args: "--tracesample 1.5", mention: []string{"--tracesample", "1.5"}},
		{args: "--tracesample=-0.1", mention: []string{"--tracesample"}},
		{args: "--config /nowhere/at.all", mention: []string{"/nowhere/at.all"}},
		{config: "port: 1\ncolour: red\n", mention: []string{"elemental.yaml:2", "colour"}},
		{config: "port: 1\nport: 2\n", mention: []string{"elemental.yaml", "port"}},
		{config: "port: 1\n---\nport: 2\n", mention: []string{"elemental.yaml:3", "second document"}},
		{config: "port: many\n", mention: []string{"elemental.yaml:1", "port", "many"}},
		{config: "port: [1, 2]\n", mention: []string{"elemental.yaml:1", "port"}},
		{config: "# first\n\nport:\n", mention: []string{"elemental.yaml:3", "port"}},
		{config: "port: 99999\n", mention: []string{"elemental.yaml:1", "port", "99999", "65535"}},
		{config: "port: 1\nloglevel: loud\n", mention: []string{"elemental.yaml:2", "loglevel", "loud", "warn"}},
		{config: "just words\n", mention: []string{"elemental.yaml"}},
		{config: "port: \"1\n", mention: []string{"elemental.yaml"}},
		{config: `{"port": 1, "Host": "x"}`, mention: []string{"elemental.yaml:1", "Host"}},
		{config: "config: other.yaml\n", mention: []string{"elemental.yaml:1", "config"}},
		{args: "--providername caf\xe9", mention: []string{"--providername", "UTF-8"}},
		{args: "--config caf\xe9", mention: []string{"--config", "UTF-8"}},
		{config: "port: 0\nprovidername: caf\xe9\n", mention: []string{"elemental.yaml:2", "UTF-8"}},
		{config: "\xff\xfep\x00o\x00r\x00t\x00", mention: []string{"elemental.yaml:1", "UTF-8"}},
		{config: "\ufeffport: many\n", mention: []string{"elemental.yaml:1: port", "many"}},
	} {
		args := strings.Fields(row.args)
		if row.config != "" {
			writeFile(t, file, row.config)
			args = append(args, "--config", file)
		}
		t.Run(row.args+row.config, func(t *testing.T) {
			root := t.TempDir()
			startRefused(t, exitUsage, row.mention, root, append(args, "--storagepath", filepath.Join(root, "data"))...)
		})
	}
}

// TestEmptyNames of files and folders are told as such.
func TestEmptyNames(t *testing.T) {
	for _, option := range []string{"--config", "--storagepath"} {
		startRefused(t, exitUsage, []string{option, "empty"}, t.TempDir(), option, "")
	}
}

// run runs the program to its end and gives its standard output.
func run(t *testing.T, args ...string) string {
	t.Helper()
	p := unstarted(t, "")
	p.Launch(args...)
	if code := p.Wait(); code != 0 || p.Stderr.Text() != "" {
		t.Errorf("%q: exit code %d\n%s", args, code, p.Stderr.Text())
	}
	return p.Stdout.Text()
}

func TestHelpAndVersion(t *testing.T) {
	help := run(t, "--help")
	for _, words := range []string{"--port=5005", "Limits:", "--sendotherusersdata", "ELEMENTAL_PORT", "--config"} {
		if !strings.Contains(help, words) {
			t.Errorf("the help has no %q:\n%s", words, help)
		}
	}
	if version := run(t, "--version"); !strings.HasPrefix(version, "elemental ") || !strings.Contains(version, "go1.") {
		t.Errorf("version %q", version)
	}
}

// TestOutputThatCannotBeWritten is told, and is no mistake in the options.
func TestOutputThatCannotBeWritten(t *testing.T) {
	shut, err := os.Open(os.DevNull) // for reading alone
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = shut.Close() }()
	for _, option := range []string{"--help", "--version", "--printconfig"} {
		p := unstarted(t, "")
		if err := p.LaunchTo(shut, option); err != nil {
			t.Fatal(err)
		}
		if code, said := p.Wait(), p.Stderr.Text(); code != 1 || !strings.HasPrefix(said, "elemental: the output cannot be written: ") {
			t.Errorf("%s: exit code %d, %q", option, code, said)
		}
	}
}

// TestOptionsAreDocumented holds the table in docs/operations.md to the real
// options. ELEMENTAL_UPDATE=1 writes it anew.
func TestOptionsAreDocumented(t *testing.T) {
	const file, begin, end = "../../docs/operations.md", "<!-- options -->\n", "<!-- /options -->\n"
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(content), begin)
	table, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no options table", file)
	}
	want := optionsTable(t)
	if os.Getenv("ELEMENTAL_UPDATE") != "" {
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Errorf("the options table is old; ELEMENTAL_UPDATE=1 go test ./cmd/elemental -run OptionsAreDocumented writes it\n%s", want)
	}
}

func optionsTable(t *testing.T) string {
	t.Helper()
	_, parser, err := parseOptions(nil)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	group := ""
	for _, flag := range parser.Model.Flags {
		if flag.Group == nil {
			continue // --help
		}
		if flag.Group.Title != group {
			group = flag.Group.Title
			fmt.Fprintf(&table, "\n### %s\n\n| option | default | |\n|---|---|---|\n", strings.TrimSuffix(group, ":"))
		}
		value := ""
		if flag.Default != "" {
			value = "`" + flag.Default + "`"
		}
		fmt.Fprintf(&table, "| `--%s` | %s | %s |\n", flag.Name, value, flag.Help)
	}
	return table.String() + "\n"
}

// TestMissingValue: what an option is to be is not guessed when the command line ends with its name.
func TestMissingValue(t *testing.T) {
	root := t.TempDir()
	startRefused(t, exitUsage, []string{"--host: its value is missing"}, root, append(on(filepath.Join(root, "data")), "--host")...)
}
