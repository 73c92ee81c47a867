package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/alecthomas/kong"

	"elemental/client"
	"elemental/cmd/internal/cli"
	"elemental/protocol"
)

// options holds every option of the command, with its default and help. On the command line an
// option has its field's name in lower case, in the environment ETTTC_ and the field's name in
// upper case.
type options struct {
	Host string `arg:"" optional:"" name:"host[:port]" env:"ETTTC_HOST" help:"Provider to connect to. Default: the last one, else localhost; port 5005."`

	User         string `group:"login" placeholder:"NAME" help:"User to log in."`
	PasswordFile string `group:"login" placeholder:"FILE" help:"File whose first line is the password. It may also be in the environment, as ETTTC_PASSWORD."`
	Register     bool   `group:"login" help:"Register the user first."`
	Server       string `group:"login" placeholder:"NAME" help:"Server to go to."`
	Channel      string `group:"login" placeholder:"NAME" help:"Channel to go to. Default: general."`

	Encoding      string `group:"connection" default:"ascii" help:"Text encoding of the provider: ascii, utf-8, latin-1, …"`
	TLS           bool   `group:"connection" name:"tls" help:"Encrypt the connection."`
	CAFile        string `group:"connection" name:"cafile" placeholder:"FILE" help:"Certificates (PEM) to trust instead of the system's. Implies --tls."`
	TLSSkipVerify bool   `group:"connection" name:"tlsskipverify" help:"Trust any certificate, so that anybody in between can read along. Implies --tls."`

	Plain   bool         `group:"lines" help:"Lines instead of the full screen. Each line of the input is posted, or is a command (/help); //x posts /x. Messages of others are printed, your own are not."`
	JSON    bool         `group:"lines" name:"json" help:"Print events as JSON lines: message, posted, deleted, refused, notice, status, image, wire. Implies --plain."`
	Follow  bool         `group:"lines" help:"Go on printing when the input has ended."`
	Tail    *int         `group:"lines" placeholder:"N" help:"Print the last N messages first. Default: 15 on a terminal, 0 otherwise."`
	Literal bool         `group:"lines" help:"Post every line that is not empty as it is: there are no commands. For input that others have a hand in."`
	Timeout cli.Duration `group:"lines" default:"60s" help:"Time in which the provider has to answer, and, when the input is no terminal, to come back after a loss."`

	Raw     bool            `group:"other" help:"Show the JSON that goes over the wire, secrets masked."`
	Images  string          `group:"other" placeholder:"FOLDER" help:"Where images are saved. Default: etttc in the user's cache folder."`
	Version cli.VersionFlag `group:"other" env:"-" help:"Print the version and exit."`
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
	"4 a post or command was refused; 130 ended by Ctrl-C, 131 by Ctrl-\\, 143 by SIGTERM, 129 by the end of the terminal, 141 since nobody reads the output any more.\n\n" +
	"Example: echo hello | etttc --plain --user alice --passwordfile secret --server demo --channel general"

// parseOptions reads the command line and the environment. The error is a mistake of the user, in
// words for the user.
func parseOptions(args []string) (*options, *kong.Kong, error) {
	opts := &options{}
	parser, err := cli.New("etttc", description, opts, groups)
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
