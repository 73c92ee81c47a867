package screen

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"elemental/client"
)

// marked replaces all that is kept of drawn messages, so that the screen tells what is drawn afresh.
func (u *user) marked() *user {
	for s := range u.m.drawn {
		u.m.drawn[s] = []string{"kept"}
	}
	return u
}

func TestKeysDrawNoMessages(t *testing.T) {
	u := alice(t, 120, 40).page(100, numbered(0, 100)...).presses("x").sees("message 99.").marked()
	u.types("hello").presses("up", "esc").gets(tickMsg{now: noon}).sees("kept").seesNot("message 99.")
	u.posted(numbered(100, 101)...).sees("kept", "message 100.").seesNot("message 99.")
	u.marked().gets(tea.WindowSizeMsg{Width: 119, Height: 40}).sees("message 100.").seesNot("kept")
	u.marked().gets(tea.BackgroundColorMsg{Color: lightGrey{}}).sees("message 100.").seesNot("kept")
}

func TestDrawnMessagesAreBounded(t *testing.T) {
	u := alice(t, 120, 40).page(2000, numbered(0, 2000)...)
	for range 60 {
		if u.presses("pgup").screen(); len(u.m.drawn) > mostDrawn {
			t.Fatalf("%d messages are kept as they were drawn", len(u.m.drawn))
		}
	}
}

// Whatever happens, the screen is the same as one for which all messages are drawn afresh.
func TestKeptLinesAreNeverOutOfDate(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	keys := []string{"pgup", "pgdown", "home", "end", "f2", "f3", "f4", "esc", "ctrl+n"}
	u, next := alice(t, 80, 24).page(8, conversation()...), int64(8)
	happens := map[string]func(){
		"key":   func() { u.presses(keys[random.IntN(len(keys))]) },
		"size":  func() { u.gets(tea.WindowSizeMsg{Width: 40 + random.IntN(90), Height: 10 + random.IntN(30)}) },
		"cells": func() { u.m.cells = cells{[]ansi.Method{ansi.WcWidth, ansi.GraphemeWidth}[random.IntN(2)]} },
		"focus": func() { u.gets(tea.FocusMsg{}) },
		"blur":  func() { u.gets(tea.BlurMsg{}) },
		"user":  func() { u.m.user = []string{"alice", "bob"}[random.IntN(2)] },
		"posted": func() {
			u.posted(said(next, "bob", fmt.Sprintf("alice %d %s", next, strings.Repeat("👩‍🚀", 30))))
			next++
		},
		"older": func() { h := &u.m.here().history; h.newest(len(h.messages)-1, 1<<20) },
		"deleted": func() {
			u.gets(eventsMsg{"gophers", []client.Event{{Kind: client.Deleted, Message: said(0, "", "")}}})
			u.m.enterPlace(general)
			next = 0
		},
	}
	screen := func() string {
		rows, _ := u.m.draw()
		return strings.Join(rows, "\n")
	}
	for range 50 {
		for what, happen := range happens {
			happen()
			kept := screen()
			if clear(u.m.drawn); screen() != kept {
				t.Fatalf("after %s, the screen was\n%s\nafresh it is\n%s", what, kept, screen())
			}
		}
	}
}
