package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"elemental/client"
	"elemental/protocol"
)

// options holds every option of the command, with its default and help. On the command line an
// option has its field's name in lower case, in the environment ETTTC_ and the field's name in
// upper case.
type options struct {
	Host string `arg:"" optional:"" name:"host[:port]" env:"ETTTC_HOST" help:"Provider to connect to. Default: the last one, else localhost; port 5005."`

	User         string `group:"login" env:"ETTTC_USER" placeholder:"NAME" help:"User to log in."`
	PasswordFile string `group:"login" env:"ETTTC_PASSWORDFILE" placeholder:"FILE" help:"File whose first line is the password. It may also be in the environment, as ETTTC_PASSWORD."`
	Register     bool   `group:"login" env:"ETTTC_REGISTER" help:"Register the user first."`
	Server       string `group:"login" env:"ETTTC_SERVER" placeholder:"NAME" help:"Server to go to."`
	Channel      string `group:"login" env:"ETTTC_CHANNEL" placeholder:"NAME" help:"Channel to go to. Default: general."`

	Encoding      string `group:"connection" env:"ETTTC_ENCODING" default:"ascii" help:"Text encoding of the provider: ascii, utf-8, latin-1, …"`
	TLS           bool   `group:"connection" name:"tls" env:"ETTTC_TLS" help:"Encrypt the connection."`
	CAFile        string `group:"connection" name:"cafile" env:"ETTTC_CAFILE" placeholder:"FILE" help:"Certificates (PEM) to trust instead of the system's. Implies --tls."`
	TLSSkipVerify bool   `group:"connection" name:"tlsskipverify" env:"ETTTC_TLSSKIPVERIFY" help:"Trust any certificate, so that anybody in between can read along. Implies --tls."`

	Plain   bool     `group:"lines" env:"ETTTC_PLAIN" help:"Lines instead of the full screen. Each line of the input is posted, or is a command (/help); //x posts /x. Messages of others are printed, your own are not."`
	JSON    bool     `group:"lines" name:"json" env:"ETTTC_JSON" help:"Print events as JSON lines: message, posted, deleted, refused, notice, status, image, wire. Implies --plain."`
	Follow  bool     `group:"lines" env:"ETTTC_FOLLOW" help:"Go on printing when the input has ended."`
	Tail    *int     `group:"lines" env:"ETTTC_TAIL" placeholder:"N" help:"Print the last N messages first. Default: 15 on a terminal, 0 otherwise."`
	Literal bool     `group:"lines" env:"ETTTC_LITERAL" help:"Post every line as it is: there are no commands. For input that others have a hand in."`
	Timeout duration `group:"lines" env:"ETTTC_TIMEOUT" default:"60s" help:"Time in which the provider has to answer, and, when the input is no terminal, to come back after a loss."`

	Raw     bool        `group:"other" env:"ETTTC_RAW" help:"Show the JSON that goes over the wire, secrets masked."`
	Images  string      `group:"other" env:"ETTTC_IMAGES" placeholder:"FOLDER" help:"Where images are saved. Default: etttc in the user's cache folder."`
	Version versionFlag `group:"other" env:"-" help:"Print the version and exit."`
}

var groups = []kong.Group{
	{Key: "login", Title: "Login and place:", Description: "What is missing is asked for, if there is a terminal."},
	{Key: "connection", Title: "Connection:"},
	{Key: "lines", Title: "Line mode:"},
	{Key: "other", Title: "Other:"},
}

const description = "The terminal client of an elemental provider.\n\n" +
	"Each option is also an environment variable (ETTTC_USER). Host and user of the last login at a terminal are remembered, the password never is.\n\n" +
	"Exit codes: 0 fine; 1 trouble, the provider cannot be reached or was lost; 2 a mistake in the options; 3 the login was refused; " +
	"4 a post or command was refused; 130 ended by Ctrl-C, 143 by SIGTERM, 129 by the end of the terminal, 141 since nobody reads the output any more.\n\n" +
	"Example: echo hello | etttc --plain --user alice --passwordfile secret --server demo --channel general"

func newParser(opts *options) (*kong.Kong, error) {
	return kong.New(opts,
		kong.Name("etttc"),
		kong.Description(description),
		kong.FlagNamer(strings.ToLower),
		kong.KindMapper(reflect.Int, kong.MapperFunc(wholeNumber)),
		kong.ExplicitGroups(groups),
		kong.ValueFormatter(func(value *kong.Value) string { return value.Help }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.Help(printHelp),
	)
}

// parseOptions reads the command line and the environment. The error is a mistake of the user, in
// words for the user.
func parseOptions(args []string) (*options, *kong.Kong, error) {
	opts := &options{}
	parser, err := newParser(opts)
	if err != nil {
		return nil, nil, err
	}
	if _, err := parser.Parse(args); err != nil {
		return nil, nil, err
	}
	opts.Plain = opts.Plain || opts.JSON
	opts.TLS = opts.TLS || opts.CAFile != "" || opts.TLSSkipVerify
	return opts, parser, opts.check()
}

// check finds mistakes that only several options together show, and values out of range.
func (o *options) check() error {
	if _, err := protocol.FindCodec(o.Encoding); err != nil {
		return fmt.Errorf("--encoding: %w", err)
	}
	switch {
	case o.Channel != "" && o.Server == "":
		return errors.New("--channel needs --server")
	case o.Register && o.User == "":
		return errors.New("--register needs --user")
	case o.Timeout <= 0:
		return fmt.Errorf("--timeout: %v is out of range, it must be above 0", time.Duration(o.Timeout))
	case o.CAFile != "" && o.TLSSkipVerify:
		return errors.New("--cafile and --tlsskipverify exclude each other")
	case !o.Plain && (o.Follow || o.Literal || o.Tail != nil):
		return errors.New("--follow, --literal and --tail need --plain")
	case o.Tail != nil && *o.Tail < 0:
		return fmt.Errorf("--tail: %d is out of range, it must be at least 0", *o.Tail)
	}
	return nil
}

// address returns where to connect to: what the user said, else what is remembered from the last
// login.
func (o *options) address(m *memory) (string, error) {
	address, err := client.Address(cmp.Or(o.Host, m.Address))
	if err != nil && o.Host == "" {
		return "", fmt.Errorf("%s: %w", m.path, err)
	}
	return address, err
}

// images returns the folder in which images are saved.
func (o *options) images() string {
	if o.Images != "" {
		return o.Images
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "etttc")
}

// unknownVariables returns the names of the ETTTC_ environment variables that belong to no
// option.
func unknownVariables(parser *kong.Kong) []string {
	known := map[string]bool{passwordVariable: true, "ETTTC_HOST": true}
	for _, flag := range parser.Model.Flags {
		for _, env := range flag.Envs {
			known[env] = true
		}
	}
	var unknown []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "ETTTC_") && !known[name] {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

func versionLine() string {
	version, revision := "(devel)", ""
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "etttc " + version
	}
	version = cmp.Or(info.Main.Version, version)
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			revision = " " + setting.Value
		}
	}
	return fmt.Sprintf("etttc %s%s (%s)", version, revision, info.GoVersion)
}

// versionFlag prints the version. It replaces kong's own flag, which does not notice when
// printing fails.
type versionFlag bool

// BeforeReset is called by kong if the flag is given. It ends the program.
func (versionFlag) BeforeReset() error {
	_, err := fmt.Println(versionLine())
	printed(err)
	return nil
}

// duration is a time in the form of Go ("1m30s") or, as in the other programs, in plain seconds
// ("0.75").
type duration time.Duration

// UnmarshalText is called by kong with the option's text.
func (d *duration) UnmarshalText(text []byte) error {
	if parsed, err := time.ParseDuration(string(text)); err == nil {
		*d = duration(parsed)
		return nil
	}
	const most = 1e9 // in seconds; more would not fit into a time.Duration
	seconds, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(math.Abs(seconds) <= most) {
		return fmt.Errorf("%q is no duration such as 750ms, 1m30s or 0.75 (seconds)", text)
	}
	*d = duration(seconds * float64(time.Second))
	return nil
}

// wholeNumber reads a whole number in decimal, as people mean it and as the provider does. kong
// would read 010 as 8.
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

// printHelp prints the help as kong does, and then ends the program. If it returned a failure to
// write, that would be reported as a mistake in the options.
func printHelp(options kong.HelpOptions, given *kong.Context) error {
	printed(kong.DefaultHelpPrinter(options, given))
	return nil
}

// printed ends the program after it has printed the text that it was asked for. err says why that
// failed, if it did.
func printed(err error) {
	if err != nil {
		complain(fmt.Errorf("the output cannot be written: %w", err))
		os.Exit(exitTrouble)
	}
	os.Exit(exitOK)
}
