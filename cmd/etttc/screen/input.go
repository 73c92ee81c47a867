package screen

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
)

// mostRemembered is how many lines the history of the input has.
const mostRemembered = 200

// input is what the user types, what they typed before, and the completion under way.
type input struct {
	editor
	past       []string // what was entered before, without secrets, oldest first
	back       int      // how far back in past the user is; 0 is the text being typed
	draft      string   // the text being typed, while the user is back in past
	completion completion
	layout     inputLayout
}

// inputLayout keeps the input as it was last laid out, since one message asks for it several
// times.
type inputLayout struct {
	laid
	of    string
	cells cells
}

// completion is a word that is being completed. Each Tab puts the next candidate in its place.
type completion struct {
	start      int
	candidates []string
	chosen     int
}

// lay returns the input in rows, as it looks on the screen.
func (in *input) lay(c cells, width int) *laid {
	const prompt, free = 2, 1
	if l := &in.layout; l.rows == nil || l.of != in.text || l.cells != c || l.width != width-prompt-free {
		*l = inputLayout{in.editor.lay(c, width-prompt, in.secret()), in.text, c}
	}
	return &in.layout.laid
}

// secret returns a function that reports for a byte offset in the input whether a secret is
// there: what commands.Masked hides.
func (in *input) secret() func(at int) bool {
	masked := commands.Masked(in.text)
	if masked == in.text {
		return noSecret
	}
	from := len(strings.TrimRight(masked, "*"))
	return func(at int) bool { return at >= from }
}

// remember adds a line to the history, up to where secrets begin. Recalled and entered again, it
// asks for them.
func (in *input) remember(text string) {
	text = commands.WithoutSecrets(text)
	in.past = slices.DeleteFunc(in.past, func(old string) bool { return old == text })
	in.past = append(in.past, text)
	if len(in.past) > mostRemembered {
		in.past = in.past[1:]
	}
	in.back = 0
}

// setAside moves what is being typed to the history, and reports whether there was anything.
func (in *input) setAside() bool {
	text, recalled := in.text, in.back > 0
	if recalled && strings.TrimSpace(in.draft) != "" {
		in.remember(in.draft)
	}
	in.completion, in.back = completion{}, 0
	in.set("")
	if strings.TrimSpace(text) == "" {
		return false
	}
	in.remember(text)
	return true
}

// recall goes back in the history by that many lines, or forward if by is below 0.
func (in *input) recall(by int) {
	to := min(max(in.back+by, 0), len(in.past))
	if to == in.back {
		return
	}
	if in.back == 0 {
		in.draft = in.text
	}
	in.back = to
	if to == 0 {
		in.set(in.draft)
		return
	}
	in.set(in.past[len(in.past)-to])
}

// complete replaces the word at the cursor by its next candidate.
func (in *input) complete(by int, known commands.Names) {
	c := &in.completion
	if len(c.candidates) > 1 {
		c.chosen = (c.chosen + by + len(c.candidates)) % len(c.candidates)
		in.replace(c.start, c.candidates[c.chosen])
		return
	}
	start, candidates := commands.Complete(in.text, in.cursor, known)
	switch len(candidates) {
	case 0:
		return
	case 1:
		in.replace(start, candidates[0]+" ")
		return
	}
	*c = completion{start: start, candidates: candidates}
	if by < 0 {
		c.chosen = len(candidates) - 1
	}
	in.replace(start, candidates[c.chosen])
}

// names returns the names that completion can offer in the present place. If the provider does
// not tell the members, they are those who wrote lately.
func (m *model) names() commands.Names {
	var known commands.Names
	for _, s := range m.servers {
		known.Servers = append(known.Servers, s.name)
	}
	if s := m.server(m.at.Server); s != nil {
		known.Channels = s.channels
	}
	for _, member := range m.members[m.at.Server].Members {
		known.Members = append(known.Members, member.User)
	}
	if known.Members == nil {
		said := m.here().history.messages
		for _, message := range said[max(len(said)-100, 0):] {
			known.Members = append(known.Members, message.Author)
		}
		slices.Sort(known.Members)
		known.Members = slices.Compact(known.Members)
	}
	return known
}

// candidatesLine returns a line with the candidates, the chosen one marked. It is "" if there is
// no choice.
func (m *model) candidatesLine(width int) string {
	c := m.input.completion
	if len(c.candidates) < 2 {
		return ""
	}
	from, to := c.around(width-2, m.cells.width)
	var words []string
	for i := from; i < to; i++ {
		word := visible.Line(c.candidates[i])
		if i == c.chosen {
			word = m.theme.chosen.Render("[" + word + "]")
		}
		words = append(words, word)
	}
	return m.cells.cut(strings.Join(words, " "), width-2)
}

// around returns which candidates a line of that width shows. If those before the chosen one do
// not all have room, the chosen one comes last. Only the candidates that are needed are measured.
func (c *completion) around(width int, measure func(string) int) (from, to int) {
	const brackets, space = 2, 1
	columns := func(i int) int { return measure(visible.Line(c.candidates[i])) + space }
	taken := brackets + columns(c.chosen)
	for from = c.chosen; from > 0; from-- {
		before := columns(from - 1)
		if taken+before > width-brackets {
			break
		}
		taken += before
	}
	for to = c.chosen + 1; to < len(c.candidates) && taken <= width; to++ {
		taken += columns(to)
	}
	return from, to
}

// submit enters what was typed.
func (m *model) submit() tea.Cmd {
	text := strings.Trim(m.input.text, "\n")
	switch {
	case strings.TrimSpace(text) == "":
		return nil
	case m.user == "":
		return nil // the text stays in the input
	case m.full():
		m.tell(warns, "too much is waiting to be posted; the text stays in the input")
		return nil
	}
	m.input.remember(text)
	m.input.set("")
	m.here().newFrom = -1
	m.toNewest()
	if cmd, done := m.runAtOnce(text); done {
		return cmd
	}
	return m.enter(text)
}

// paste inserts what the terminal has pasted, into the dialog if one is open.
func (m *model) paste(text string) {
	m.input.completion = completion{}
	fits := true
	switch {
	case m.dialog == nil:
		fits = m.input.insert(typed(text))
	case !m.trying() && !m.dialog.passes(m.now):
		fits = m.dialog.field().paste(typed(text))
	}
	if !fits {
		m.tell(warns, "that is too much to be pasted")
	}
}
