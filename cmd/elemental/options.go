package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"elemental/cmd/internal/cli"
	"elemental/inspector"
	"elemental/protocol"
)

// options is every option of the command, with its default, bounds and help. On the
// command line and in the config file an option has the name of its field in lower
// case; in the environment it is ELEMENTAL_ and that name in upper case.
type options struct {
	Port                  int    `group:"original" default:"5005" min:"0" max:"65535" help:"TCP port to listen on. 0 takes a free port, which the start line shows."`
	Host                  string `group:"original" default:"" help:"Address or host name to listen on. Empty means all interfaces, 0.0.0.0 those of IPv4."`
	Encoding              string `group:"original" default:"ascii" help:"Text encoding of all connections; clients must use the same: ascii, utf-8, latin-1, utf-16 or another usual name."`
	ProviderName          string `group:"original" default:"LOCALPROVIDER" help:"Name of the provider, sent to clients."`
	StoragePath           string `group:"original" default:"providerstorage" help:"Folder of everything that the provider stores. It is created when it is missing."`
	JSONFileIndent        int    `group:"original" default:"2" min:"0" max:"16" help:"Spaces per level in the JSON snapshot files. 0 writes them on one line."`
	SendOtherUsersData    toggle `group:"original" default:"false" help:"Send every connection the new messages of all servers of its user, from login on."`
	ProviderNameInConsole string `group:"original" default:"[SERVER]" help:"Name of the provider in the lines of --logrequests."`

	TLSCert string `group:"tls" default:"" help:"File of the TLS certificate, read again when it changes. Without it connections are plain TCP."`
	TLSKey  string `group:"tls" default:"" help:"File of the private key of that certificate."`

	ProviderWelcome string       `group:"provider" default:"welcome to your LOCALPROVIDER, the BEST test provider on localhost" help:"Welcome text, sent to clients."`
	HideUsers       toggle       `group:"provider" default:"false" help:"Answer an unknown user like a wrong password, and as slowly."`
	KeyLifetime     cli.Duration `group:"provider" default:"1h" min:"1ms" help:"Time after its last use at which a session key ends."`
	CountInterval   cli.Duration `group:"provider" default:"750ms" min:"0" help:"Least time between two gettotalmessages of a connection. 0 means no limit."`

	LoginFailures        int          `group:"provider" default:"10" min:"1" help:"Wrong passwords for one user or server from one address before a pause."`
	LoginFailuresAddress int          `group:"provider" default:"100" min:"0" help:"Wrong passwords from one address in the time of a pause, whatever they are for. 0 means no such limit."`
	LoginPause           cli.Duration `group:"provider" default:"30s" min:"0" help:"Length of a pause after wrong passwords."`

	MaxConnections        int          `group:"limits" default:"16384" min:"1" help:"Connections at the same time."`
	MaxConnectionsAddress int          `group:"limits" default:"0" min:"0" help:"Connections from one address at the same time. 0 means no such limit."`
	MaxRequest            size         `group:"limits" default:"1MiB" min:"64" help:"Bytes of one request after login."`
	MaxRequestBeforeLogin size         `group:"limits" default:"16KiB" min:"64" help:"Bytes of one request before login, and of one with a password."`
	MaxDepth              int          `group:"limits" default:"32" min:"1" help:"Nesting depth of a request."`
	MaxImage              size         `group:"limits" default:"512KiB" min:"0" help:"Bytes of a server's image, as base64."`
	MaxMessage            size         `group:"limits" default:"16KiB" min:"1" help:"Bytes of one message's text."`
	MaxAnswerMessages     int          `group:"limits" default:"10000" min:"1" max:"65536" help:"Messages in one answer."`
	MaxAnswer             size         `group:"limits" default:"8MiB" min:"1KiB" help:"Bytes of text in one answer, also of names in a list."`
	Window                int          `group:"limits" default:"64" min:"1" help:"Unanswered requests of one connection."`
	WindowTogether        int          `group:"limits" default:"0" min:"0" help:"Unanswered messages of all connections that send ahead of their answers, while others ask too; 64 times as many while they are alone. 0 means 6 for each processor."`
	MaxInFlight           int          `group:"limits" default:"50000" min:"1" help:"Unanswered requests of all connections."`
	MaxInFlightBytes      size         `group:"limits" default:"256MiB" min:"1KiB" help:"Bytes of the unanswered requests of all connections."`
	MaxSubscriptions      int          `group:"limits" default:"1000000" min:"1" help:"Subscriptions of all connections. One connection may have an eighth of what the others leave, and 16 in any case."`
	MaxOutbox             size         `group:"limits" default:"1MiB" min:"1KiB" help:"Bytes that may wait for one client to read them, besides one answer of any size. Beyond that the client is disconnected."`
	MaxUnread             size         `group:"limits" default:"256MiB" min:"64KiB" help:"Bytes that may wait for all clients to read them. Beyond that, clients with more than an equal share that do not read are disconnected."`
	LoginTimeout          cli.Duration `group:"limits" default:"5m" min:"1ms" help:"Time in which a new connection has to log in."`
	RequestTimeout        cli.Duration `group:"limits" default:"30s" min:"1ms" help:"Time in which a request has to be complete once it has begun."`
	IdleTimeout           cli.Duration `group:"limits" default:"0" min:"0" help:"Time without a request after which a connection is closed, even if events are sent to it. 0 means never."`
	WriteTimeout          cli.Duration `group:"limits" default:"30s" min:"1ms" help:"Time in which a client has to read some of what it is sent."`
	AnswerTimeout         cli.Duration `group:"limits" default:"10s" min:"1ms" help:"Time after which a client hears that the outcome of its request is unknown."`

	MaxState         size         `group:"storage" default:"256MiB" min:"1MiB" help:"Memory for users, servers and channels. Beyond it they leave memory as soon as they are idle."`
	Passivate        cli.Duration `group:"storage" default:"5m" min:"1ms" help:"Idle time after which a user, server or channel leaves memory."`
	SnapshotInterval cli.Duration `group:"storage" default:"5m" min:"1ms" help:"Time between two snapshots."`
	SegmentSize      size         `group:"storage" default:"64MiB" min:"4KiB" help:"Size of a journal segment at which snapshots are made before their time."`

	HashMemory  int `group:"passwords" default:"19456" min:"8" max:"4194304" help:"KiB of memory of one password hash (argon2id)."`
	HashTime    int `group:"passwords" default:"2" min:"1" max:"1000" help:"Passes of one password hash."`
	HashWorkers int `group:"passwords" default:"0" min:"0" max:"1024" help:"Password hashes made at the same time. 0 means one less than there are processors, at least one."`
	HashQueue   int `group:"passwords" default:"256" min:"0" help:"Password hashes that may wait for their turn. Addresses take turns; when there is no room, the one with most of them loses one."`

	LogRequests toggle       `group:"operation" default:"false" help:"Print every request and answer on standard output, secrets masked."`
	LogLevel    string       `group:"operation" default:"info" words:"debug,info,warn,error" help:"Lowest level of the log on standard error: debug, info, warn or error."`
	LogFormat   string       `group:"operation" default:"text" words:"text,json" help:"Form of the log: text or json."`
	StopTimeout cli.Duration `group:"operation" default:"10s" min:"1ms" help:"Time after which an orderly stop is given up."`

	Admin          string  `group:"inspector" default:"" help:"Address of the inspector, as in 127.0.0.1:5006: a page that shows the living actors, and metrics. Empty means none. Without --admintokenfile it has to be this machine's own."`
	AdminTokenFile string  `group:"inspector" default:"" help:"File with the token, at least 16 letters, that is needed to use the inspector."`
	FaultLab       toggle  `group:"inspector" default:"false" aliases:"fault-lab" help:"Let the inspector harm the provider on purpose: crash actors, delay and fill the disk, stall connections. For those who study it, never where people chat."`
	OTLP           string  `group:"inspector" default:"" help:"URL of an OpenTelemetry collector, to which traces of requests are sent. Empty means none."`
	TraceSample    float64 `group:"inspector" default:"0.001" min:"0" max:"1" help:"Share of the requests that are traced with --otlp."`

	Config      configFile      `group:"command" env:"ELEMENTAL_CONFIG" placeholder:"FILE" help:"Config file (YAML or JSON). A flag overrides the environment, the environment overrides the file."`
	PrintConfig bool            `group:"command" env:"-" help:"Print a config file with every option explained, and exit."`
	Version     cli.VersionFlag `group:"command" env:"-" help:"Print the version and exit."`
}

var groups = []kong.Group{
	{Key: "original", Title: "Options of the original provider:"},
	{Key: "provider", Title: "Provider:"},
	{Key: "tls", Title: "Encryption:"},
	{Key: "limits", Title: "Limits:", Description: "Sizes are bytes, or as in 16KiB; times are seconds, or as in 750ms."},
	{Key: "storage", Title: "Storage:"},
	{Key: "passwords", Title: "Passwords:"},
	{Key: "operation", Title: "Operation:"},
	{Key: "inspector", Title: "Inspector:"},
	{Key: "command", Title: "Command:"},
}

const description = "The elemental provider: users, servers, channels and messages, durable, over TCP.\n\n" +
	"Each option is also an environment variable (ELEMENTAL_PORT) and a key of the config file (port)."

// parseOptions reads command line, environment and config file. An error is a mistake of
// the operator's, and its text is for the operator.
func parseOptions(args []string) (*options, *kong.Kong, error) {
	opts := &options{}
	parser, err := cli.New("elemental", description, opts, groups, kong.WithHyphenPrefixedParameters(true))
	if err != nil {
		return nil, nil, err
	}
	given, err := parser.Parse(args)
	if err != nil {
		return nil, nil, err
	}
	if err := checkBounds(given); err != nil {
		return nil, nil, err
	}
	return opts, parser, opts.check()
}

// check finds mistakes that concern several options together, or need more than a bound.
func (o *options) check() error {
	if o.StoragePath == "" {
		return errors.New("--storagepath: it is empty, and has to name a folder")
	}
	if _, err := protocol.FindCodec(o.Encoding); err != nil {
		return fmt.Errorf("--encoding: %w", err)
	}
	if (o.TLSCert == "") != (o.TLSKey == "") {
		return errors.New("--tlscert and --tlskey need each other")
	}
	if err := o.checkInspector(); err != nil {
		return err
	}
	if err := o.checkCollector(); err != nil {
		return err
	}
	return o.checkSizes()
}

func (o *options) checkCollector() error {
	where, err := url.Parse(o.OTLP)
	switch {
	case o.OTLP == "":
		return nil
	case err != nil || where.Host == "" || where.Scheme != "http" && where.Scheme != "https":
		return errors.New("--otlp: it has to be a URL such as http://127.0.0.1:4318")
	case where.User != nil:
		return errors.New("--otlp: a URL with a user or password is not taken; put them into the environment variable OTEL_EXPORTER_OTLP_HEADERS")
	}
	return nil
}

// checkInspector refuses an inspector that could not start, and its options without --admin.
func (o *options) checkInspector() error {
	switch {
	case o.Admin == "" && bool(o.FaultLab):
		return errors.New("--faultlab does nothing without --admin, the address of the inspector that it is a part of")
	case o.Admin == "" && o.AdminTokenFile != "":
		return errors.New("--admintokenfile does nothing without --admin, the address of the inspector that the token is for")
	case o.Admin == "":
		return nil
	}
	cfg, err := o.inspector(nil)
	if err != nil {
		return fmt.Errorf("--admintokenfile: %w", err)
	}
	switch err := inspector.Check(cfg); {
	case errors.Is(err, inspector.ErrShortToken):
		return fmt.Errorf("--admintokenfile: %s: %w", o.AdminTokenFile, err)
	case err != nil:
		return fmt.Errorf("--admin: %w", err)
	}
	return nil
}

// checkSizes finds limits that are too small for what another limit allows.
func (o *options) checkSizes() error {
	longest := min(o.MaxMessage, o.MaxRequest) // of a message's text
	// One push must fit, or it would disconnect whoever it is sent to.
	if room := o.MaxOutbox - roomForNames; room/longestEscape < longest {
		return fmt.Errorf("--maxoutbox: %v cannot hold a message of --maxmessage %v, it must be at least %d for each byte of it and %d more",
			o.MaxOutbox, o.MaxMessage, longestEscape, roomForNames)
	}
	if o.MaxAnswer < longest {
		return fmt.Errorf("--maxanswer: with %v nobody could read a message of --maxmessage %v, it must be at least as much", o.MaxAnswer, o.MaxMessage)
	}
	if o.MaxInFlightBytes < o.MaxRequest {
		return fmt.Errorf("--maxinflightbytes: with %v a request of --maxrequest %v would never be let in, it must be at least as much", o.MaxInFlightBytes, o.MaxRequest)
	}
	return nil
}

const (
	longestEscape = 6       // bytes that one byte of text may become on the wire: \u0000
	roomForNames  = 8 << 10 // everything else in a push, escaped
)

// checkBounds holds every option to its min, max and words.
func checkBounds(given *kong.Context) error {
	for _, flag := range given.Model.Flags {
		if err := checkBound(flag, flag.Target); err != nil {
			return fmt.Errorf("--%s: %w%s", flag.Name, err, variableOf(flag, given))
		}
	}
	return nil
}

// variableOf names the environment variable that a flag's value comes from, in the words that
// kong uses; "" for a value from elsewhere.
func variableOf(flag *kong.Flag, given *kong.Context) string {
	if slices.ContainsFunc(given.Path, func(word *kong.Path) bool { return word.Flag == flag }) {
		return "" // the value is from the command line
	}
	for _, env := range flag.Envs {
		if text, set := os.LookupEnv(env); set {
			return fmt.Sprintf(" (from envar %s=%q)", env, text)
		}
	}
	return ""
}

// checkBound checks a value against the flag's min, max and words. kong's own enum does not name
// the variable that a value comes from.
func checkBound(flag *kong.Flag, value reflect.Value) error {
	if words := flag.Tag.Get("words"); words != "" && !slices.Contains(strings.Split(words, ","), value.String()) {
		return fmt.Errorf("%q is none of %s", value, strings.ReplaceAll(words, ",", ", "))
	}
	for _, bound := range []string{"min", "max"} {
		if !flag.Tag.Has(bound) {
			continue
		}
		limit, err := decodeLike(flag, flag.Tag.Get(bound))
		if err != nil {
			return err
		}
		if order := compare(value, limit); bound == "min" && order < 0 || bound == "max" && order > 0 {
			return fmt.Errorf("%v is out of range, %s", value.Interface(), rangeOf(flag))
		}
	}
	return nil
}

func compare(a, b reflect.Value) int {
	if a.CanFloat() {
		return cmp.Compare(a.Float(), b.Float())
	}
	return cmp.Compare(a.Int(), b.Int())
}

// rangeOf says in words what checkBounds accepts.
func rangeOf(flag *kong.Flag) string {
	if flag.Tag.Has("max") {
		return fmt.Sprintf("it must be %s to %s", flag.Tag.Get("min"), flag.Tag.Get("max"))
	}
	return fmt.Sprintf("it must be at least %s", flag.Tag.Get("min"))
}

// decodeLike turns text into a value of the flag's type.
func decodeLike(flag *kong.Flag, text string) (reflect.Value, error) {
	value := reflect.New(flag.Target.Type()).Elem()
	scan := kong.Scan().PushTyped(text, kong.FlagValueToken)
	return value, flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, value)
}
