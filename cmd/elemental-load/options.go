package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"elemental/client"
	"elemental/cmd/elemental-load/crew"
	"elemental/cmd/elemental-load/drive"
	"elemental/cmd/elemental-load/plan"
	"elemental/cmd/elemental-load/result"
	"elemental/cmd/elemental-load/wire"
	"elemental/cmd/internal/cli"
)

// commandLine is everything that can be given on the command line.
type commandLine struct {
	Run       runOptions      `cmd:"" default:"withargs" help:"Make the load and tell how it went. This is what is done when no command is named."`
	Report    reportOptions   `cmd:"" help:"Make the report and the other files of runs again, from their result.json."`
	Compare   compareOptions  `cmd:"" help:"Put runs side by side and say what differs beyond noise. The first is the base."`
	Table     tableOptions    `cmd:"" help:"Print runs as a Markdown table."`
	Scenarios struct{}        `cmd:"" help:"List the scenarios."`
	Version   cli.VersionFlag `env:"-" help:"Print the version and exit."`
}

// runOptions are the options of a run. Options that are not given are taken from the
// scenario file, or else from the scenario's defaults.
type runOptions struct {
	Scenario []string `arg:"" optional:"" env:"-" help:"Scenarios, with weights if you like: chat, or chat:7 history:2 poll:1. Without one: chat. 'elemental-load scenarios' lists them."`

	Address     string        `group:"target" placeholder:"HOST:PORT" help:"Provider to load (localhost:5005)."`
	SelfHost    bool          `group:"target" help:"Start a provider for the run, in a temporary folder."`
	Provider    string        `group:"target" placeholder:"PATH" help:"Its program. Without it one is looked for, or built from the source."`
	ProviderArg []string      `group:"target" sep:"none" placeholder:"ARG" help:"An option for it, such as --providerarg=--hashworkers=4. May be given again."`
	Pid         *plan.Count   `group:"target" placeholder:"N" help:"Process of a provider on this machine, for its CPU and memory."`
	Remote      bool          `group:"target" help:"Allow a provider on another machine. Ask those who run it first."`
	TLS         bool          `group:"target" help:"Connect with TLS."`
	TLSCA       string        `group:"target" placeholder:"FILE" help:"Certificates (PEM) to trust in place of the system's."`
	TLSInsecure bool          `group:"target" help:"Trust any certificate."`
	Timeout     plan.Duration `group:"target" default:"30s" help:"Give a connection up that owes an answer for so long."`

	File     string         `group:"load" short:"f" placeholder:"FILE" help:"Scenario file (YAML or JSON). Options override it."`
	Model    string         `group:"load" placeholder:"open|closed" help:"open: send on schedule (default). closed: each client sends when it is answered."`
	Rate     *plan.Number   `group:"load" placeholder:"N" help:"Actions a second, of all scenarios together."`
	Duration *plan.Duration `group:"load" placeholder:"TIME" help:"Length of the load (10s)."`
	Ramp     *plan.Duration `group:"load" placeholder:"TIME" help:"Rise to the rate in this time, a part of the duration."`
	Stages   []string       `group:"load" sep:"," placeholder:"STAGE" help:"In place of rate, duration and ramp: 500x10s,500-2000x20s,5000x3s. Actions a second (open) or clients (closed)."`
	Warmup   *plan.Duration `group:"load" placeholder:"TIME" help:"First part of the load that the figures leave out."`
	Clients  *plan.Count    `group:"load" placeholder:"N" help:"Connections."`
	Users    *plan.Count    `group:"load" placeholder:"N" help:"Accounts that they share."`
	Servers  *plan.Count    `group:"load" placeholder:"N" help:"Servers of each scenario."`
	Channels *plan.Count    `group:"load" placeholder:"N" help:"Channels of each server."`
	History  *plan.Count    `group:"load" placeholder:"N" help:"Messages in a channel before scenarios that read back begin."`
	Size     plan.Range     `group:"load" placeholder:"BYTES" help:"Size of messages, 200 or 100-300; 96 at least."`
	Pipeline *plan.Count    `group:"load" placeholder:"N" help:"Closed model: requests of a client under way at once."`
	Think    *plan.Duration `group:"load" placeholder:"TIME" help:"Closed model: pause between an answer and the next request."`

	Workers      plan.Count `group:"reach" default:"1" help:"Processes that share the load."`
	Sources      plan.Count `group:"reach" placeholder:"N" help:"Local addresses to connect from, 127.0.0.1 and on. 0: as many as are needed."`
	Outstanding  plan.Count `group:"reach" default:"10000" help:"Most actions of a process that may be under way."`
	UserPrefix   string     `group:"reach" placeholder:"NAME" help:"Use the users NAME-u0, NAME-u1, … again in each run; needs --passwordfile. Without it each run makes new ones, which stay."`
	PasswordFile string     `group:"reach" placeholder:"FILE" help:"Their password."`

	Out     string   `group:"results" placeholder:"DIR" help:"Keep the results: result.json, report.html, .hgrm, seconds.csv."`
	Expect  []string `group:"results" sep:"none" placeholder:"COND" help:"Such as 'p99<20ms', 'delivered.p99<50ms', 'errors=0', 'rate>900'; exit code 3 if it is not met. May be given again."`
	NoCheck bool     `group:"results" help:"Do not read the history back. Pushes are checked all the same."`
	Keep    bool     `group:"results" help:"Leave the run's servers, and the folder of a provider that was started, as they are."`
	Plain   bool     `group:"results" help:"No progress bar, plain lines."`
}

type reportOptions struct {
	Dir []string `arg:"" help:"Folders of runs (of --out)."`
}

type tableOptions struct {
	Dir []string `arg:"" help:"Folders of runs (of --out)."`
}

type compareOptions struct {
	Run []string `arg:"" help:"Two or more: each the folder of a run, or a folder of the folders of repeated runs."`
}

var groups = []kong.Group{
	{Key: "target", Title: "What is loaded:"},
	{Key: "load", Title: "The load:", Description: "Without these, what the scenario is usually like."},
	{Key: "reach", Title: "Reach:"},
	{Key: "results", Title: "Results:"},
}

const description = "Loads an elemental provider with many clients and tells how it fared.\n\n" +
	"Without arguments: the scenario chat for ten seconds, against localhost:5005. " +
	"'elemental-load run --help' lists the options of a run; 'run' itself may be left out, as in " +
	"'elemental-load chat:7 history:3 --rate 500 --selfhost'. " +
	"Each option is also an environment variable (ELEMENTAL_LOAD_RATE)."

// parse reads the command line and returns what is to be done.
func parse(args []string) (func() (int, error), error) {
	chosen := &commandLine{}
	parser, err := cli.New("elemental-load", description, chosen, groups)
	if err != nil {
		return nil, err
	}
	context, err := parser.Parse(joined(args))
	if err != nil {
		return nil, err
	}
	for _, name := range cli.UnknownVariables(parser) {
		fmt.Fprintln(os.Stderr, "elemental-load: warning: unknown environment variable", name)
	}
	switch name, _, _ := strings.Cut(context.Command(), " "); name {
	case "report":
		return chosen.Report.run, nil
	case "table":
		return chosen.Table.run, nil
	case "compare":
		return chosen.Compare.run, nil
	case "scenarios":
		return listScenarios, nil
	}
	job, err := chosen.Run.job()
	if err != nil {
		return nil, err
	}
	return job.run, nil
}

// negative matches a value that the parser would take for an option. No option begins
// like that.
var negative = regexp.MustCompile(`^-[0-9.]`)

// joined joins negative values to the option before with "=", so that the user is told
// what is wrong with the value.
func joined(args []string) (all []string) {
	for i, arg := range args {
		if i > 0 && negative.MatchString(arg) && strings.HasPrefix(args[i-1], "--") {
			all[len(all)-1] += "=" + arg
		} else {
			all = append(all, arg)
		}
	}
	return all
}

// spec is the plan that was asked for: options override the scenario file.
func (o *runOptions) spec() (*plan.Spec, error) {
	below := &plan.Spec{}
	if o.File != "" {
		var err error
		if below, err = plan.ReadSpec(o.File); err != nil {
			return nil, err
		}
	}
	mix, err := plan.ParseMix(o.Scenario)
	if err != nil {
		return nil, err
	}
	stages, err := plan.ParseStages(o.Stages)
	if err != nil {
		return nil, err
	}
	spec := plan.Spec{
		Scenarios: mix, Model: plan.Model(o.Model), Rate: o.Rate, Stages: stages,
		Duration: o.Duration, Ramp: o.Ramp, Warmup: o.Warmup,
		Clients: o.Clients, Users: o.Users, Servers: o.Servers, Channels: o.Channels, History: o.History,
		Size: o.Size, Pipeline: o.Pipeline, Think: o.Think, Expect: o.Expect,
	}.Over(below)
	return &spec, nil
}

// job makes a job from the options, or says what is wrong with them.
func (o *runOptions) job() (*job, error) {
	spec, err := o.spec()
	if err != nil {
		return nil, err
	}
	j := &job{options: o}
	if j.plan, err = spec.Build(); err != nil {
		return nil, err
	}
	if j.expect, err = expectations(j.plan, spec.Expect); err != nil {
		return nil, err
	}
	if o.PasswordFile != "" {
		text, err := os.ReadFile(o.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("--passwordfile: %w", err)
		}
		j.password = strings.TrimRight(string(text), "\r\n")
	}
	return j, o.check(j.password)
}

// expectations reads the expectations. It refuses an operation that the plan's scenarios
// do not have, so that the user learns it before the run.
func expectations(p *plan.Plan, texts []string) (all []result.Expectation, err error) {
	var names []string
	for _, k := range drive.OperationsOf(p) {
		names = append(names, k.Name)
	}
	for _, text := range texts {
		e, err := result.ParseExpectation(text)
		if err != nil {
			return nil, err
		}
		if e.Operation() != "" && !slices.Contains(names, e.Operation()) {
			return nil, fmt.Errorf("the expectation %q: this run has no operation %q; it has %s", text, e.Operation(), strings.Join(names, " "))
		}
		all = append(all, e)
	}
	return all, nil
}

// check finds mistakes that no single option shows.
func (o *runOptions) check(password string) error {
	if _, err := client.Address(o.Address); err != nil {
		return err
	}
	switch {
	case o.Workers < 1 || o.Workers > crew.Most:
		return fmt.Errorf("--workers: %d is out of range, 1 to %d", o.Workers, crew.Most)
	case o.Outstanding < 1:
		return fmt.Errorf("--outstanding: %d is out of range, it must be at least 1", o.Outstanding)
	case o.Sources < 0 || o.Sources > wire.MostSources:
		return fmt.Errorf("--sources: %d is out of range, 0 to %d", o.Sources, wire.MostSources)
	case o.Pid != nil && *o.Pid < 1:
		return fmt.Errorf("--pid: %d is no process", *o.Pid)
	case (o.UserPrefix == "") != (password == ""):
		return errors.New("--userprefix and --passwordfile need each other, and a password that is not empty")
	case (o.TLSCA != "" || o.TLSInsecure) && !o.TLS:
		return errors.New("--tlsca and --tlsinsecure are for --tls")
	case o.SelfHost && (o.Address != "" || o.TLS || o.Pid != nil || o.Remote):
		return errors.New("--selfhost starts the provider itself: leave out --address, --tls, --pid and --remote")
	case !o.SelfHost && (o.Provider != "" || len(o.ProviderArg) > 0):
		return errors.New("--provider and --providerarg are for --selfhost")
	case time.Duration(o.Timeout) < time.Second:
		return errors.New("--timeout: it must be at least 1s")
	}
	return nil
}
