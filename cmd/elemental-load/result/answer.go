package result

import (
	"fmt"
	"strings"

	"elemental/cmd/elemental-load/plan"
)

// level is how good what is said is.
type level string

const (
	good  level = "good"
	plain level = "plain"
	doubt level = "doubt" // an answer that is no success, or figures that deserve distrust
	bad   level = "bad"   // what must never happen
)

// statement is something that is said of a run in a sentence or two.
type statement struct {
	Level level
	Text  string
}

// answer is what a person wants to know first: whether something happened that
// must not, whether the figures can be trusted, and how the provider fared.
func (r *Result) answer() []statement {
	var said []statement
	if len(r.Violations) > 0 {
		said = append(said, statement{bad, plural(r.violations(), "violation", "violations") + ": what must never happen did happen."})
	}
	if r.Ended == "" {
		said = append(said, statement{doubt, "The run did not end by itself."})
	} else if r.Ended != Completed {
		said = append(said, statement{doubt, "The run ended early: " + r.Ended + "."})
	}
	if r.Generator.Behind {
		said = append(said, statement{doubt, fmt.Sprintf(
			"The load generator fell behind (in %s of all cases it was more than 10 ms late for its own fault): distrust the figures.",
			share(r.Generator.LateShare))})
	}
	return append(said, r.verdict())
}

// verdict is how the provider fared, in one sentence.
func (r *Result) verdict() statement {
	o := r.main()
	if o == nil || o.Done == 0 {
		return statement{bad, "Nothing was done" + r.mishaps() + "."}
	}
	figures := fmt.Sprintf("%s of %s %s at %s%s", number(o.Done), number(o.asked()), nounOf(o.Name), rate(r.pace(o)), within99(&o.Corrected))
	level, lead := r.fared()
	return statement{level, lead + ": " + figures + r.mishaps() + "."}
}

// within99 is how long it took, for the middle of a sentence.
func within99(l *Latency) string {
	if l.Count == 0 {
		return ""
	}
	return fmt.Sprintf(", half within %s, 99%% within %s", latency(l.P50), latency(l.P99))
}

// fared is whether the provider kept up, and the words that begin the verdict.
func (r *Result) fared() (level, string) {
	mishaps := r.refused()+r.failed() > 0
	switch {
	case r.Ended != Completed:
		return plain, "Until then"
	case r.Generator.Behind && (mishaps || r.overrun()):
		return doubt, "Whether the provider kept up cannot be told"
	case r.Generator.Behind:
		return plain, "The provider answered what it was sent"
	case r.Plan.Model == plan.Closed && mishaps:
		return doubt, "The provider answered, but not all went well"
	case r.Plan.Model == plan.Closed:
		return good, "The provider answered all, each client waiting for its answers"
	case r.overrun():
		return doubt, "The provider did not keep up"
	case mishaps:
		return doubt, "The provider kept up, but not all went well"
	default:
		return good, "The provider kept up"
	}
}

// few is a share of all that does not count: the last ones may still be under way,
// and several processes round each for itself.
const few = 0.01

// overrun reports whether the provider did less than was due: actions had to wait
// for answers, failed or are missing, it all took longer than it should have, or
// was answered so late that a queue stood.
func (r *Result) overrun() bool {
	const (
		queue = 1000 // milliseconds that half of the answers needed at least
		slack = 1.05 // of the plan's length, and a second
	)
	scheduled, done := r.actions()
	planned := r.Plan.Length().Seconds()
	return float64(r.Generator.HeldBack) > few*float64(scheduled) ||
		float64(done) < (1-few)*float64(scheduled) ||
		float64(r.main().Failed) > few*float64(r.main().asked()) ||
		planned > 0 && r.Duration+r.Warmup > slack*planned+1 ||
		r.main().Corrected.P50 >= queue
}

// notBegun is how many actions were held back until the load was over.
func (r *Result) notBegun() int64 {
	var scheduled, started int64
	for _, p := range r.Parts {
		scheduled, started = scheduled+p.Scheduled, started+p.Started
	}
	if missing := scheduled - started; r.Ended == Completed && float64(missing) > few*float64(scheduled) {
		return missing
	}
	return 0
}

// mishaps ends a sentence with what did not go well.
func (r *Result) mishaps() string {
	var parts []string
	if n := r.refused(); n > 0 {
		parts = append(parts, number(n)+" refused")
	}
	if n := r.failed(); n > 0 {
		parts = append(parts, number(n)+" failed")
	}
	if n := r.Generator.HeldBack; n > 0 {
		parts = append(parts, plural(n, "action", "actions")+" had to wait since too many were unanswered")
	}
	if n := r.notBegun(); n > 0 {
		parts = append(parts, plural(n, "action was", "actions were")+" not begun before the end")
	}
	if len(parts) == 0 {
		return ""
	}
	return "; " + strings.Join(parts, ", ")
}

// nounOf is what several of an operation are called.
func nounOf(operation string) string {
	if noun, known := nouns[operation]; known {
		return noun
	}
	return operation + " calls"
}

var nouns = map[string]string{
	"post": "posts", "delivered": "deliveries", "seen": "messages seen", "page": "pages of history", "count": "counts",
	"return": "returns", "ping": "pings", "connect": "connections", "register": "registrations", "login": "logins",
	"join": "joins", "leave": "leaves", "subscribe": "subscriptions", "newserver": "new servers", "newchannel": "new channels",
	"endserver": "deleted servers", "endchannel": "deleted channels",
}

// share is a part of one in percent. What is above nothing never reads as nothing.
func share(of1 float64) string {
	switch percent := of1 * 100; {
	case percent <= 0:
		return "none"
	case percent < 0.1:
		return "less than 0.1%"
	default:
		return decimal(percent) + "%"
	}
}

// checks says what the checks looked at and, where nothing was found, that.
func (r *Result) checks() []string {
	c := &r.Checked
	said := []string{r.historyChecked()}
	if c.Unsure > 0 {
		said = append(said, plural(c.Unsure, "post", "posts")+" without an answer may be in the history or not.")
	}
	if c.Streams > 0 {
		ended := "none lost, doubled or out of order."
		switch {
		case !c.Streamed:
			ended = "not judged."
		case r.violations() > 0:
			ended = "not all as they should be: see the violations."
		}
		said = append(said, fmt.Sprintf("%s on %s, %s", plural(c.Pushes, "push", "pushes"),
			plural(c.Streams, "subscription", "subscriptions"), ended))
	}
	return said
}

func (r *Result) historyChecked() string {
	c := &r.Checked
	acknowledged := plural(c.Acknowledged, "acknowledged message", "acknowledged messages")
	switch {
	case !c.History:
		return "The history was not compared (" + acknowledged + ")."
	case c.Acknowledged == 0 && c.Found == 0:
		return "Nothing was posted."
	case r.violations() > 0:
		return fmt.Sprintf("%s of %s found in the history; see the violations.", number(c.Found), acknowledged)
	case c.Found == c.Acknowledged:
		return acknowledged + ", all found once and in order."
	default:
		return fmt.Sprintf("%s of %s found once and in order.", number(c.Found), acknowledged)
	}
}

// used says what the provider's process used; nil where it is not known.
func (r *Result) used() []string {
	u := r.Provider
	if u == nil {
		return nil
	}
	said := []string{"CPU " + cores(u.CPU), "memory " + size(float64(u.Memory)) + " at most"}
	if u.MemoryBefore > 0 {
		said = append(said, size(float64(u.MemoryBefore))+" before the run")
	}
	if u.MemoryIdle > 0 {
		said = append(said, size(float64(u.MemoryIdle))+" with all connections")
	}
	if u.PerConn != 0 {
		said = append(said, "at most "+size(u.PerConn)+" a connection")
	}
	return said
}

// generated says how the generator itself fared.
func (r *Result) generated() []string {
	g := &r.Generator
	said := []string{"CPU " + cores(g.CPU), "memory " + size(float64(g.Memory)) + " at most"}
	if g.Late.Count > 0 {
		said = append(said, fmt.Sprintf("in 99%% of all cases less than %s late, at most %s", latency(g.Late.P99), latency(g.Late.Max)),
			share(g.LateShare)+" more than 10 ms")
	}
	return said
}

// apart reports whether the uncorrected latencies differ from the corrected ones
// so much that both are worth showing.
func (o *Operation) apart() bool {
	const tenth = 0.1
	differ := func(corrected, uncorrected float64) bool { return corrected-uncorrected > tenth*corrected }
	return o.Uncorrected.Count > 0 &&
		(differ(o.Corrected.P99, o.Uncorrected.P99) || differ(o.Corrected.Max, o.Uncorrected.Max))
}
