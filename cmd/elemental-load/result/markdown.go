package result

import (
	"fmt"
	"io"
	"strings"

	"elemental/client/visible"
)

// Markdown writes runs as a Markdown table: each with its main operation and, if there
// are any, its deliveries. Below the table it says on which machines the runs were made.
func Markdown(w io.Writer, runs []*Result) error {
	var out strings.Builder
	out.WriteString("| run | clients | operation | rate | p50 | p99 | p99.9 | max | errors | provider CPU, memory |\n")
	out.WriteString("|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range runs {
		for i := range r.Operations {
			o := &r.Operations[i]
			if i == 0 || o.Name == "delivered" {
				markdownLine(&out, r, o, i == 0)
			}
		}
	}
	out.WriteString("\n")
	seen := map[string]bool{}
	for _, r := range runs {
		if on := ranOn(r); !seen[on] {
			seen[on] = true
			fmt.Fprintf(&out, "%s\n", on)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func markdownLine(out *strings.Builder, r *Result, o *Operation, first bool) {
	title, clients, errors, used := "", "", "", ""
	if first {
		title, clients, errors = cell(r.Title), number(int64(r.Plan.Clients)), number(r.refused()+r.failed())
		if n := r.violations(); n > 0 {
			errors += fmt.Sprintf(", **%s**", plural(n, "violation", "violations"))
		}
		if r.Generator.Behind {
			title += " (generator behind)"
		}
		if u := r.Provider; u != nil {
			used = fmt.Sprintf("%s, %s", cores(u.CPU), size(float64(u.Memory)))
			if u.PerConn > 0 {
				used += fmt.Sprintf(", at most %s a connection", size(u.PerConn))
			}
		}
	}
	l := &o.Corrected
	fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", title, clients, cell(o.Name), rate(r.pace(o)),
		l.show(l.P50), l.show(l.P99), l.show(l.P999), l.show(l.Max), errors, used)
}

// ranOn says when a run was made, on which machine and by how many processes.
func ranOn(r *Result) string {
	m := r.Machine
	return fmt.Sprintf("%s, load generator of %s on %s (%s, %s/%s), %s.",
		r.Started.Format("2006-01-02"), plural(int64(max(r.Processes, 1)), "process", "processes"),
		plural(int64(m.CPUs), "core", "cores"), cell(m.CPU), cell(m.OS), cell(m.Arch), cell(m.Go))
}

// cell makes text that cannot break the table.
func cell(text string) string { return strings.ReplaceAll(visible.Line(text), "|", "\\|") }
