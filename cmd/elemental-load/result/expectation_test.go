package result

import (
	"strings"
	"testing"
)

func TestExpectations(t *testing.T) {
	steady, stalled, closed := load(t, "steady"), load(t, "stalled"), load(t, "closed")
	for _, c := range []struct {
		text  string
		of    *Result
		met   bool
		value string
	}{
		{"p99<20ms", steady, true, "3.4 ms"},
		{" p99 < 3ms ", steady, false, "3.4 ms"},
		{"p50<=1.5s", steady, true, "1.2 ms"},
		{"p90>800us", steady, true, "2.0 ms"},
		{"p95<1ms", steady, false, "2.4 ms"},
		{"p99.9>5ms", steady, true, "5.5 ms"},
		{"p99.99<9ms", steady, false, "9.3 ms"},
		{"max<10ms", steady, true, "9.3 ms"},
		{"mean<2ms", steady, true, "1.3 ms"},
		{"min>1us", steady, true, "231 µs"},
		{"delivered.p99<4ms", steady, false, "4.3 ms"},
		{"delivered.p99.9<11ms", steady, true, "10.1 ms"},
		{"post.p99<20ms", stalled, false, "702 ms"},
		{"post.uncorrected.p99<20ms", stalled, true, "2.9 ms"},
		{"uncorrected.p99<20ms", stalled, true, "2.9 ms"},
		{"poll.messages.p50<1ms", stalled, true, "401 µs"},
		{"poll.messages.uncorrected.max<5ms", stalled, true, "4.7 ms"},
		{"poll.total.p99.9>=1ms", closed, true, "894 ms"},
		{"rate>=200", steady, true, "200/s"},
		{"rate>200/s", steady, false, "200/s"},
		{"delivered.rate != 200/s", steady, true, "995/s"},
		{"done=4000", steady, true, "4,000"},
		{"delivered.done>=4000", steady, true, "19,893"},
		{"errors=0", steady, true, "0"},
		{"errors=0", stalled, false, "44"},
		{"errors<=44", stalled, true, "44"},
		{"refused!=40", stalled, false, "40"},
		{"failed<5", stalled, true, "4"},
		{"poll.messages.errors=4", stalled, true, "4"},
		{"poll.messages.refused=4", stalled, true, "4"},
		{"poll.messages.failed=0", stalled, true, "0"},
		{"violations=0", steady, true, "0"},
		{"violations=0", stalled, false, "2"},
		{"behind=0", steady, true, "0"},
		{"behind=0", stalled, false, "1"},
		{"heldback<=100", stalled, false, "110"},
		{"cpu<50", steady, true, "34.0% of a core"},
		{"cpu<30%", steady, false, "34.0% of a core"},
		{"memory<200MiB", steady, true, "50.0 MiB"},
		{"memory<=52428800B", steady, true, "50.0 MiB"},
		{"memory<50 MB", steady, false, "50.0 MiB"},
		{"memory<0.1GiB", steady, true, "50.0 MiB"},
		{"memoryperconn<64KiB", steady, true, "60.0 KiB"},
		{"memoryperconn<60kB", steady, false, "60.0 KiB"},

		// An operation that was never done has failed zero times.
		{"connection.failed=0", steady, true, "0"},
		{"connection.done>0", steady, false, "0"},

		// An expectation whose value is not known is not met.
		{"cpu>=0", closed, false, "the provider's process is not known"},
		{"memory>=0B", closed, false, "the provider's process is not known"},
		{"memoryperconn>=0B", stalled, false, "there were too few connections to tell"},
		{"login.p99<1h", stalled, false, "no login was measured"},
		{"login.p99!=0s", stalled, false, "no login was measured"},
		{"connection.p99<1h", steady, false, "no connection was measured"},
		{"p99<1h", &Result{}, false, "nothing was measured"},
	} {
		e, err := ParseExpectation(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		met := e.Check(c.of)
		if want := (Met{strings.TrimSpace(c.text), c.value, c.met}); met != want {
			t.Errorf("%+v, and not %+v", met, want)
		}
	}
}

// TestExpectsAnswers: a percentile is not known if more of what was sent had no answer. What the
// closed model puts in for a stall was not sent.
func TestExpectsAnswers(t *testing.T) {
	r := &Result{Operations: []Operation{{Name: "post", Done: 980, Failed: 20, Corrected: Latency{Count: 5000, P95: 1, P99: 1}}}}
	for text, want := range map[string]string{"p95<20ms": "1.0 ms", "p99<20ms": "20 posts had no answer"} {
		e, err := ParseExpectation(text)
		if err != nil {
			t.Fatal(err)
		}
		if met := e.Check(r); met.Value != want {
			t.Errorf("%+v, and not %s", met, want)
		}
	}
}

func TestMistakenExpectations(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "there is no operator; it is one of <= >= != < > =",
		"p99":                    "there is no operator",
		"p99!20ms":               "the operator is one of",
		"p98<20ms":               `there is no figure "p98"; there are p50 p90 p95 p99 p99.9 p99.99 max mean min rate done errors`,
		"<20ms":                  `there is no figure ""`,
		"post.<20ms":             `there is no figure "post."`,
		".p99<20ms":              "before a dot stands an operation",
		"post..p99<20ms":         "before a dot stands an operation",
		"p99<20":                 "p99 is compared with a time such as 800us, 20ms or 1.5s",
		"p99<-20ms":              "p99 is compared with a time",
		"p99<":                   "p99 is compared with a time",
		"p99==20ms":              "p99 is compared with a time",
		"p99<20parsecs":          "p99 is compared with a time",
		"uncorrected.rate>1":     "there is nothing uncorrected about it",
		"post.violations=0":      "violations is of the whole run",
		"post.memory<1MiB":       "memory is of the whole run",
		"memory<200":             "memory is compared with a size in B, KiB, MiB, GiB, kB, MB or GB",
		"memory<MiB":             "memory is compared with a size",
		"memory<-1MiB":           "memory is compared with a size",
		"rate>many":              `rate is compared with a number, not with "many"`,
		"errors=NaN":             "errors is compared with a number",
		"errors<Inf":             "errors is compared with a number",
		"errors=-1":              "errors is compared with a number",
		"behind=no":              "behind is compared with a number",
		"cpu<50 percent of core": "cpu is compared with a number",
	} {
		e, err := ParseExpectation(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", text, e, err)
		}
	}
}
