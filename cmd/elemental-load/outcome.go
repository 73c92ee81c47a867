package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"elemental/cmd/elemental-load/check"
	"elemental/cmd/elemental-load/drive"
	"elemental/cmd/elemental-load/measure"
	"elemental/cmd/elemental-load/result"
	"elemental/cmd/internal/cli"
)

// This file is what a run has come to: its result, the files of it and the exit code.

// result puts together the result of the run.
func (j *job) result(trouble error) (*result.Result, error) {
	r := &result.Result{
		Format: result.Format, Run: j.name, Title: j.plan.Title(), Started: j.started, Ended: result.Completed,
		Command: append([]string{"elemental-load"}, os.Args[1:]...),
		Plan:    *j.plan, Target: j.target, Machine: measure.Machine(), Processes: int(j.options.Workers),
		Setup: j.setup.Seconds(), Notes: j.notes,
	}
	switch {
	case j.cut:
		r.Ended = fmt.Sprintf("interrupted after %v", j.elapsed.Round(time.Millisecond))
	case trouble != nil && j.loaded:
		r.Ended = "after the load, for trouble"
	case trouble != nil:
		r.Ended = fmt.Sprintf("after %v, for trouble", j.elapsed.Round(time.Millisecond))
	}
	if trouble != nil {
		r.Notes = append(r.Notes, "The run did not go to its end: "+cli.OneLine(trouble))
	}
	if err := j.collect.Fill(r, j.elapsed); err != nil {
		return nil, err
	}
	j.judge(r)
	for _, e := range j.expect {
		r.Verdicts = append(r.Verdicts, e.Check(r))
	}
	return r, nil
}

// judge adds up what the processes have found.
func (j *job) judge(r *result.Result) {
	r.Checked.History, r.Checked.Streamed = j.checked && !j.options.NoCheck, j.checked
	if j.failed != nil {
		r.Checked.Failed = cli.OneLine(j.failed)
	}
	var slow drive.SlowReaders
	var strays int64
	for _, o := range j.outcomes {
		r.Notes = append(r.Notes, o.Notes...)
		slow.Add(o.Slow)
		strays += o.Strays
		r.Checked.Acknowledged += o.Counts.Acknowledged
		r.Checked.Found += o.Counts.Found
		r.Checked.Unsure += o.Counts.Unsure
		r.Checked.Pushes += o.Counts.Pushes
		r.Checked.Streams += o.Counts.Streams
	}
	if slow.All > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("Slow readers: %d stopped reading; %d were disconnected and told why, %d without a word, %d kept their connection.",
			slow.All, slow.Told, slow.Untold, slow.All-slow.Told-slow.Untold))
	}
	if strays > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d pushes came that nobody had subscribed to: the provider tells everybody everything (--sendotherusersdata), or it leaks.", strays))
	}
	r.Violations = violations(j.outcomes)
}

// mostExamples is how many violations of each kind are reported with their details.
const mostExamples = 5

// violations puts together what the processes report, worst first.
func violations(outcomes []*drive.Outcome) (all []result.Found) {
	for _, a := range check.About {
		f := result.Found{Kind: string(a.Kind), About: a.Says}
		for _, o := range outcomes {
			for _, report := range o.Reports {
				if report.Kind == a.Kind {
					f.Count += report.Count
					f.Examples = append(f.Examples, report.Examples...)
				}
			}
		}
		if f.Count > 0 {
			f.Examples = f.Examples[:min(len(f.Examples), mostExamples)]
			all = append(all, f)
		}
	}
	return all
}

// tell prints the result and writes the files.
func (j *job) tell(r *result.Result) error {
	err := result.Text(os.Stdout, r, coloured(os.Stdout))
	if j.options.Out == "" {
		return err
	}
	if failed := result.Write(j.options.Out, r); failed != nil {
		return errors.Join(err, failed)
	}
	fmt.Printf("\nKept in %s: open report.html in a browser.\n", j.options.Out)
	return err
}

// codeOf is the exit code.
func (j *job) codeOf(work context.Context, r *result.Result, err error) int {
	var ended *signalled
	switch {
	case r != nil && len(r.Violations) > 0:
		return exitViolation
	case errors.As(context.Cause(work), &ended):
		return exitSignal + ended.number
	case err != nil, r != nil && r.NothingDone():
		return exitTrouble
	case r != nil && slices.ContainsFunc(r.Verdicts, func(m result.Met) bool { return !m.Met }):
		return exitUnmet
	}
	return exitOK
}
