package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"elemental/cmd/elemental-load/plan"
	"elemental/cmd/elemental-load/result"
)

// run is the command report: it makes the files of runs again from their result.json.
func (o *reportOptions) run() (int, error) {
	for _, dir := range o.Dir {
		if _, err := result.Rewrite(dir); err != nil {
			return exitTrouble, err
		}
		fmt.Printf("%s: made again\n", dir)
	}
	return exitOK, nil
}

// run is the command table: it prints runs as a Markdown table.
func (o *tableOptions) run() (int, error) {
	var runs []*result.Result
	for _, dir := range o.Dir {
		r, err := result.Read(dir)
		if err != nil {
			return exitTrouble, err
		}
		runs = append(runs, r)
	}
	if err := result.Markdown(os.Stdout, runs); err != nil {
		return exitTrouble, err
	}
	return exitOK, nil
}

// run is the command compare: it compares runs.
func (o *compareOptions) run() (int, error) {
	if len(o.Run) < 2 {
		return exitUsage, errors.New("compare: it takes two runs or more")
	}
	var sides []result.Side
	for _, dir := range o.Run {
		side, err := result.ReadSide(dir)
		if err != nil {
			return exitTrouble, err
		}
		sides = append(sides, side)
	}
	if err := result.Compare(os.Stdout, sides, coloured(os.Stdout)); err != nil {
		return exitTrouble, err
	}
	return exitOK, nil
}

func listScenarios() (int, error) {
	var text strings.Builder
	for _, s := range plan.Scenarios {
		fmt.Fprintf(&text, "%-10s %s\n%-10s alone: %d clients, %g/s\n", s.Name, s.About, "", s.Clients, s.Rate)
	}
	fmt.Fprintf(&text, "%-10s %s\n", plan.Mixed, "chat 70%, history 15%, poll 10%, churn 5%")
	if _, err := os.Stdout.WriteString(text.String()); err != nil {
		return exitTrouble, fmt.Errorf("the output cannot be written: %w", err)
	}
	return exitOK, nil
}
