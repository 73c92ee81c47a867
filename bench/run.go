package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// runOptions say what is measured, and how much of it.
type runOptions struct {
	Rows     []string      `placeholder:"NAME" help:"Rows to measure, such as post64,name64. Without it all are, which takes half an hour."`
	List     bool          `help:"List the rows and exit."`
	Turns    int           `default:"5" help:"Turns of each server. The first of several warms up and is left out, but not in idle15000, start and recovery, which have three at the most."`
	Duration time.Duration `default:"3s" help:"Length of a turn, where it has one."`
	JSON     string        `placeholder:"FILE" help:"Write every turn to this file."`
	Dir      string        `placeholder:"DIR" help:"Where the temporary folders are made. It should be on a disk."`
	Floor    string        `env:"ELEMENTAL_FLOOR" placeholder:"DIR" help:"Source of the bare server to measure beside: a Go program that takes -addr and -file."`

	Messages    int           `default:"1000000" help:"Messages of the largest channel."`
	Members     int           `default:"10000" help:"Members of the largest server."`
	Subscribers int           `default:"1000" help:"Subscribers that are pushed to."`
	Idle        int           `default:"15000" help:"Idle connections."`
	Users       int           `default:"100000" help:"Users of the folder that is started on. Each tenth of them has a server with five channels."`
	Settle      time.Duration `default:"16s" help:"Time in which a server may collect its garbage before its memory is told."`
}

// run measures the chosen rows and prints the table. After an error it still prints what
// was measured before.
func (o *runOptions) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	chosen, err := o.chosen()
	if err != nil {
		return err
	}
	if o.List {
		return list(stdout, chosen)
	}
	l := &lab{ctx: ctx, options: o, out: stderr}
	defer func() { err = errors.Join(err, l.close()) }()
	if err := l.open(); err != nil {
		return err
	}
	if o.Floor == "" {
		l.tell("no bare server to measure beside: ELEMENTAL_FLOOR or --floor names the folder of one")
	}
	found := newResults(o)
	for _, r := range chosen {
		measured, failed := r.measure(l)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", r.name, failed))
			l.tell("%s: %v", r.name, failed)
		}
		found.Rows = append(found.Rows, measured)
		if ctx.Err() != nil {
			break
		}
	}
	if o.JSON != "" { // first, since a reader of the output that has gone may end the program
		err = errors.Join(err, found.save(o.JSON))
	}
	_, failed := io.WriteString(stdout, found.markdown())
	return errors.Join(err, failed)
}

// chosen are the rows that were asked for, in the order of rows.
func (o *runOptions) chosen() ([]row, error) {
	if o.Turns < 1 || o.Duration <= 0 {
		return nil, errors.New("--turns and --duration: there is nothing to measure in none")
	}
	if min(o.Messages, o.Members, o.Subscribers, o.Idle, o.Users) < 1 {
		return nil, errors.New("--messages, --members, --subscribers, --idle and --users must be at least 1")
	}
	if len(o.Rows) == 0 {
		return rows, nil
	}
	var chosen []row
	for _, r := range rows {
		if slices.Contains(o.Rows, r.name) {
			chosen = append(chosen, r)
		}
	}
	for _, name := range o.Rows {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.name == name }) {
			return nil, fmt.Errorf("--rows: there is no %q; --list lists them", name)
		}
	}
	return chosen, nil
}

func list(stdout io.Writer, chosen []row) error {
	var text strings.Builder
	for _, r := range chosen {
		fmt.Fprintf(&text, "%-16s %s\n", r.name, r.about)
	}
	_, err := io.WriteString(stdout, text.String())
	return err
}

// lab is where the rows are measured. It has the programs, and a folder for their data.
type lab struct {
	ctx     context.Context
	options *runOptions
	out     io.Writer
	dir     string
	built   map[string]string // path of the program by its name
	undo    []func()          // to be called at the end of the current row
}

func (l *lab) open() (err error) {
	l.built = map[string]string{}
	l.dir, err = os.MkdirTemp(l.options.Dir, "elemental-bench-")
	return err
}

func (l *lab) close() error {
	l.clear()
	return os.RemoveAll(l.dir)
}

// later has undo called at the end of the row. The last one is called first.
func (l *lab) later(undo func()) { l.undo = append(l.undo, undo) }

func (l *lab) clear() {
	for _, undo := range slices.Backward(l.undo) {
		undo()
	}
	l.undo = nil
}

// folder makes a folder that is removed at the end of the row.
func (l *lab) folder() (string, error) {
	dir, err := os.MkdirTemp(l.dir, "row-")
	if err == nil {
		l.later(func() {
			if err := os.RemoveAll(dir); err != nil {
				l.tell("%v", err)
			}
		})
	}
	return dir, err
}

// tell prints progress.
func (l *lab) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(l.out, format+"\n", args...) // it is only progress, so errors do not matter
}
