package result

import (
	"fmt"
	"strings"

	"elemental/cmd/elemental-load/plan"
)

// level says how good a statement is.
type level string

const (
	good  level = "good"
	plain level = "plain"
	doubt level = "doubt" // no success, or a reason to distrust the figures
	bad   level = "bad"   // something that must never happen
)

// statement is one or two sentences about a run.
type statement struct {
	Level level
	Text  string
}

// answer says what a person wants to know first: whether something happened that must
// not, whether the figures can be trusted, and how the provider did.
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

// verdict says in one sentence how the provider did.
func (r *Result) verdict() statement {
	o := r.main()
	if r.Duration == 0 && r.Warmup > 0 {
		return statement{doubt, "It was still in the warm-up, which the figures leave out."}
	}
	if o == nil || o.Done == 0 {
		return statement{bad, "Nothing was done" + r.mishaps() + "."}
	}
	figures := fmt.Sprintf("%s of %s %s at %s%s", number(o.Done), number(o.asked()), nounOf(o.Name), rate(r.pace(o)), within99(&o.Corrected))
	level, lead := r.fared()
	return statement{level, lead + ": " + figures + r.mishaps() + "."}
}

// within99 tells how long the operations took, for the middle of a sentence.
func within99(l *Latency) string {
	if l.Count == 0 {
		return ""
	}
	return fmt.Sprintf(", half within %s, 99%% within %s", latency(l.P50), latency(l.P99))
}

// fared says whether the provider kept up, with the words that begin the verdict.
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

// few is a share of all actions that does not matter: the last ones may still be under
// way, and several processes round their schedules separately.
const few = 0.01

// overrun reports whether the provider did less than was due. That is so if too many
// actions had to wait for answers, failed or are missing, if it all took longer than
// planned, or if answers were so late that requests must have queued.
func (r *Result) overrun() bool {
	const (
		queue = 1000 // milliseconds that half of the answers took at least
		slack = 1.05 // factor of the planned length; one second is added
	)
	scheduled, done := r.actions()
	planned := r.Plan.Length().Seconds()
	return float64(r.Generator.HeldBack) > few*float64(scheduled) ||
		float64(done) < (1-few)*float64(scheduled) ||
		float64(r.main().Failed) > few*float64(r.main().asked()) ||
		planned > 0 && r.Duration+r.Warmup > slack*planned+1 ||
		r.main().Corrected.P50 >= queue
}

// notBegun is how many actions were held back until the load was over, if they are more
// than a few.
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

// mishaps is the end of a sentence: what did not go well.
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

// nounOf is the plural by which an operation is called in sentences.
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

// share writes a part of one in percent. A part above zero is never written as none.
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

// checks says what the checks looked at, and that they found nothing if that is so.
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
	so := ""
	if c.Acknowledged > 0 { // else the processes may not have told it
		so = " (" + acknowledged + ")"
	}
	switch {
	case c.Failed != "":
		return "The history could not be compared" + so + ": " + c.Failed + "."
	case !c.History:
		return "The history was not compared" + so + "."
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

// used says how much CPU and memory the provider's process used. It is nil if that is not
// known.
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

// generated says how much the load generator used, and how late it was.
func (r *Result) generated() []string {
	g := &r.Generator
	var said []string
	if g.Memory > 0 { // else it is not known
		said = append(said, "CPU "+cores(g.CPU), "memory "+size(float64(g.Memory))+" at most")
	}
	if g.Late.Count > 0 {
		said = append(said, fmt.Sprintf("in 99%% of all cases less than %s late, at most %s", latency(g.Late.P99), latency(g.Late.Max)),
			share(g.LateShare)+" more than 10 ms")
	}
	return said
}

// apart reports whether the uncorrected latencies differ from the corrected ones so much
// that both are worth showing.
func (o *Operation) apart() bool {
	return o.Uncorrected.Count > 0 && (far(o.Corrected.P99, o.Uncorrected.P99) || far(o.Corrected.Max, o.Uncorrected.Max))
}

// far tells whether an uncorrected latency is far below the corrected one.
func far(corrected, uncorrected float64) bool {
	const tenth = 0.1
	return corrected-uncorrected > tenth*corrected
}
