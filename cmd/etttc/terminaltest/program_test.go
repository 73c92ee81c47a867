package terminaltest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// asProgram, in the environment, makes the test binary act as the program that its tests run.
// That program shows the messages it gets.
const asProgram = "TERMINALTEST_PROGRAM=1"

func TestMain(m *testing.M) {
	if os.Getenv("TERMINALTEST_PROGRAM") == "" {
		os.Exit(m.Run())
	}
	if _, err := tea.NewProgram(heard{}).Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(3)
}

type heard struct{ lines []string }

func (h heard) Init() tea.Cmd { return tea.RequestBackgroundColor }

func (h heard) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		h.say("size %dx%d", msg.Width, msg.Height)
	case tea.BackgroundColorMsg:
		h.say("dark %v", msg.IsDark())
	case tea.KeyPressMsg:
		if msg.String() == "q" {
			return h, tea.Quit
		}
		h.say("key %s", msg)
	case tea.PasteMsg:
		h.say("paste %q", msg.Content)
	case tea.MouseClickMsg:
		h.say("click %d,%d", msg.X, msg.Y)
	case tea.MouseWheelMsg:
		h.say("wheel %s", msg)
	}
	return h, nil
}

func (h *heard) say(format string, args ...any) {
	h.lines = append(h.lines[:len(h.lines):len(h.lines)], fmt.Sprintf(format, args...))
}

func (h heard) View() tea.View {
	view := tea.NewView("ready 日本 e\u0301 👩‍👩‍👧|end\n" + strings.Join(h.lines, "\n"))
	view.AltScreen, view.MouseMode, view.WindowTitle = true, tea.MouseModeCellMotion, "what was heard"
	return view
}
