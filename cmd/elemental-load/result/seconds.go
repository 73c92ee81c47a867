package result

import (
	"encoding/csv"
	"io"
	"strconv"
)

// writeSeconds writes seconds.csv, a line for each second of the run: the columns that
// all operations share, then four columns for each operation. What is not known is left
// empty, so that it is not taken for zero: the latencies if nothing was done, the
// provider's figures if its process is not known or has ended.
func writeSeconds(w io.Writer, r *Result) error {
	names := fileNames(r.Operations)
	out := csv.NewWriter(w)
	if err := out.Write(secondsHeader(names)); err != nil {
		return err
	}
	for _, s := range r.Seconds {
		if err := out.Write(secondsLine(r, s)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func secondsHeader(names []string) []string {
	header := []string{"second", "phase", "scheduled", "started", "refused", "failed", "connections",
		"load_cpu_percent", "provider_cpu_percent", "provider_memory_bytes"}
	for _, n := range names {
		header = append(header, n+"_done", n+"_p50_ms", n+"_p99_ms", n+"_max_ms")
	}
	return header
}

func secondsLine(r *Result, s Second) []string {
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	figure := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	line := []string{strconv.Itoa(s.Second), r.phase(s.Second), count(s.Scheduled), count(s.Started),
		count(s.Refused), count(s.Failed), strconv.Itoa(s.Connections), figure(s.LoadCPU)}
	if !r.usageKnown(s) {
		line = append(line, "", "")
	} else {
		line = append(line, figure(s.CPU), count(s.Memory))
	}
	for _, o := range r.Operations {
		x, any := s.Operations[o.Name]
		if !any || x.Done == 0 {
			line = append(line, "0", "", "", "")
			continue
		}
		line = append(line, count(x.Done), figure(x.P50), figure(x.P99), figure(x.Max))
	}
	return line
}
