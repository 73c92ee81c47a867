package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// profileOptions say which row is profiled, for how long, and where the chart is written.
type profileOptions struct {
	File     string        `arg:"" help:"Where the chart is put, as PNG."`
	Row      string        `default:"post64" help:"The row whose work is done."`
	Duration time.Duration `default:"5s" help:"How long it is done while it is recorded, and before that to warm up."`
	Dir      string        `placeholder:"DIR" help:"Where the temporary folders are made. It should be on a disk."`
}

const mailboxes, other = "mailboxes and their scheduler", "other"

// rules say to which part of the work a sample belongs: to the part of the first rule
// that has a function anywhere in the sample's stack. So rules for functions come before
// those for their callers.
var rules = []struct {
	part      string
	functions []string // how their names begin
}{
	{"garbage collector and allocation", []string{"runtime.mallocgc", "runtime.gc", "runtime.bgsweep", "runtime.bgscavenge"}},
	{"page files and snapshots", []string{"persistence.(*pool).work"}},
	{"journal: write and sync", []string{"persistence.(*writer)."}},
	{"writing answers to sockets", []string{"transport.(*conn).flushNow", "transport.(*flusher)."}},
	{"waiting for sockets", []string{"transport.(*pollSet).wait", "runtime.netpoll"}},
	{"scanning and translating requests", []string{"protocol.(*Scanner).", "transport.(*values)."}},
	{mailboxes, []string{"actors/dispatch.(*Mailbox).Post", "actors/dispatch.(*Mailbox).pop", "actors/dispatch.(*Scheduler).wake", "actors/dispatch.(*Scheduler).next"}},
	{"actors", []string{"actors/dispatch.(*Mailbox).turn"}},
	{"reading sockets", []string{"transport.(*poller).round"}},
	{mailboxes, []string{"actors/dispatch.(*Scheduler).", "actors/dispatch.(*Turns)."}},
	{"the runtime's scheduler", []string{"runtime.mcall", "runtime.mstart", "runtime.findRunnable", "runtime.futex", "runtime.sysmon"}},
}

// partOf is the part to which a stack belongs.
func partOf(stack []string) string {
	for _, r := range rules {
		for _, function := range stack {
			if slices.ContainsFunc(r.functions, func(f string) bool { return strings.HasPrefix(function, f) }) {
				return r.part
			}
		}
	}
	return other
}

// samplesOf counts the samples of each part in the output of `perf script -F
// comm,tid,ip,sym`. For each sample that has a line with the thread's name, its functions
// with their addresses, innermost first, and an empty line.
func samplesOf(script string) (counts map[string]int, all int) {
	counts = map[string]int{}
	for sample := range strings.SplitSeq(strings.TrimSpace(script), "\n\n") {
		var stack []string
		for _, line := range strings.Split(sample, "\n")[1:] {
			_, function, _ := strings.Cut(strings.TrimSpace(line), " ")
			stack = append(stack, strings.TrimPrefix(function, "elemental/"))
		}
		if len(stack) > 0 {
			counts[partOf(stack)]++
			all++
		}
	}
	return counts, all
}

// run profiles a row's provider, prints the share of each part, and draws them.
func (o *profileOptions) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	perf, err := exec.LookPath("perf")
	if err != nil {
		return fmt.Errorf("profile needs perf, Linux's profiler: %w", err)
	}
	chosen := &runOptions{}
	if err := kong.ApplyDefaults(chosen); err != nil {
		return err
	}
	chosen.Rows, chosen.Duration, chosen.Dir, chosen.Floor = []string{o.Row}, o.Duration, o.Dir, ""
	work, err := chosen.chosen()
	if err != nil {
		return err
	}
	l := &lab{ctx: ctx, options: chosen, out: stderr}
	defer func() { err = errors.Join(err, l.close()) }()
	if err := l.open(); err != nil {
		return err
	}
	t, script, err := l.profile(perf, work[0])
	if err != nil {
		return err
	}
	return o.tell(stdout, t, script)
}

// profile lets a row's first contestant take two turns, and records the second. It
// returns that turn and what perf script prints of it.
func (l *lab) profile(perf string, r row) (t Turn, script string, err error) {
	all, err := r.enter(l)
	if err != nil {
		return t, "", err
	}
	first, file := all[0], filepath.Join(l.dir, "perf.data")
	if first.of == nil {
		return t, "", fmt.Errorf("%s cannot be profiled: its turns are not one load on one process", r.name)
	}
	if _, err = first.turn(); err != nil {
		return t, "", err
	}
	recorder, err := l.launch("perf", perf, "record", "-F", "999", "-g", "-o", file, "-p", strconv.Itoa(first.of.cmd.Process.Pid))
	if err != nil {
		return t, "", err
	}
	if t, err = first.turn(); err != nil {
		return t, "", err
	}
	recorder.end(syscall.SIGINT)
	text, err := exec.CommandContext(l.ctx, perf, "script", "--no-inline", "-i", file, "-F", "comm,tid,ip,sym").Output()
	if err != nil {
		err = fmt.Errorf("perf script: %w; perf record said: %s", err, recorder.log.Text())
	}
	return t, string(text), err
}

// tell prints each part's share and draws them.
func (o *profileOptions) tell(stdout io.Writer, t Turn, script string) error {
	counts, all := samplesOf(script)
	if all == 0 {
		return errors.New("perf has recorded nothing")
	}
	var shares plotter.Values
	var labels []string
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(counts[b]-counts[a], strings.Compare(a, b)) })
	for _, name := range names {
		share := float64(counts[name]) / float64(all)
		shares = append(shares, 100*share)
		labels = append(labels, fmt.Sprintf("%.1f %%, %.2f µs", 100*share, share*cpu(t)))
		if _, err := fmt.Fprintf(stdout, "%-35s%s\n", name, labels[len(labels)-1]); err != nil {
			return err
		}
	}
	p, err := sharesPlot(names, shares, labels)
	if err != nil {
		return err
	}
	p.Title.Text = fmt.Sprintf("%s: %s/s, %s µs of the provider's processor time each", o.Row, number(t.Figure), number(cpu(t)))
	p.X.Label.Text = fmt.Sprintf("%% of %s samples", number(float64(all)))
	return picture(p, 20*vg.Centimeter, 10*vg.Centimeter, o.File)
}
