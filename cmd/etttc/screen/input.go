package screen

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"elemental/cmd/etttc/commands"
	"elemental/cmd/etttc/visible"
)

// mostRemembered bounds the input's history.
const mostRemembered = 200

// input is what the user types, what they typed before, and the completion
// under way.
type input struct {
	editor
	past       []string // without secrets
	back       int      // how far back in it the user is; 0 is at the text being typed
	draft      string   // the text being typed, while they are in the past
	completion completion
}

// completion is a word being completed: Tab puts one candidate after the other
// in its place.
type completion struct {
	start      int
	candidates []string
	chosen     int
}

// lay is the input as it looks on the screen.
func (in *input) lay(c cells, width int) typing {
	const prompt = 2
	return in.editor.lay(c, width-prompt, in.secret())
}

// secret tells which places of the input hold a secret: what Masked hides.
func (in *input) secret() func(at int) bool {
	masked := commands.Masked(in.text)
	if masked == in.text {
		return noSecret
	}
	from := len(strings.TrimRight(masked, "*"))
	return func(at int) bool { return at >= from }
}

// remember keeps a line in the history.
func (in *input) remember(text string) {
	text = commands.Masked(text)
	in.past = slices.DeleteFunc(in.past, func(old string) bool { return old == text })
	in.past = append(in.past, text)
	if len(in.past) > mostRemembered {
		in.past = in.past[1:]
	}
	in.back = 0
}

// recall goes back in the history by some lines, or on.
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

// complete puts the next candidate for the word at the cursor in its place.
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

// names is what completion knows in the present place. Where the provider does
// not tell the members, those who wrote lately are.
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

// candidatesLine shows the candidates in a line, the chosen one marked.
func (m *model) candidatesLine(width int) string {
	c := m.input.completion
	if len(c.candidates) < 2 {
		return ""
	}
	from := 0 // so that the chosen one is in it
	for m.candidatesWidth(c.candidates[from:c.chosen+1]) > width-4 && from < c.chosen {
		from++
	}
	var words []string
	for i, candidate := range c.candidates[from:] {
		word := visible.Line(candidate)
		if from+i == c.chosen {
			word = m.theme.chosen.Render("[" + word + "]")
		}
		words = append(words, word)
	}
	return m.cells.cut(strings.Join(words, " "), width-2)
}

func (m *model) candidatesWidth(candidates []string) int {
	width := 2
	for _, c := range candidates {
		width += m.cells.width(visible.Line(c)) + 1
	}
	return width
}

// submit enters what was typed.
func (m *model) submit() tea.Cmd {
	text := strings.Trim(m.input.text, "\n")
	switch {
	case strings.TrimSpace(text) == "":
		return nil
	case m.user == "":
		return nil // stays in the input
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

// paste inserts what the terminal pasted.
func (m *model) paste(text string) {
	e := &m.input.editor
	text = typed(text)
	if m.dialog != nil {
		e = &m.dialog.field().editor
		text = strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", " ")
	}
	m.input.completion = completion{}
	if !e.insert(text) {
		m.tell(warns, "that is too much to be pasted")
	}
}
