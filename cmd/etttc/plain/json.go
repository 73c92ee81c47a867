package plain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"

	"elemental/client"
	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
)

// jsonTeller prints one JSON object per line.
type jsonTeller struct{ out *output }

// event is one line of the output. Which members it has besides the first depends on that one.
type event struct {
	Event   string          `json:"event"`
	Server  string          `json:"server,omitempty"`
	Channel string          `json:"channel,omitempty"`
	Index   *int64          `json:"index,omitempty"`
	Time    *time.Time      `json:"time,omitempty"`
	Author  string          `json:"author,omitempty"`
	Text    *string         `json:"text,omitempty"`
	Line    int             `json:"line,omitempty"`
	Code    client.Code     `json:"code,omitempty"`
	State   string          `json:"state,omitempty"`
	Path    string          `json:"path,omitempty"`
	Sent    *bool           `json:"sent,omitempty"`
	JSON    json.RawMessage `json:"json,omitempty"`
}

func (t *jsonTeller) message(m client.Message) { t.print(ofMessage("message", m)) }

func (t *jsonTeller) posted(m client.Message, line int) {
	e := ofMessage("posted", m)
	e.Line = line
	t.print(e)
}

// ofMessage returns the event for a message. It leaves out index and time if they are not known:
// the original provider does not tell them of a post.
func ofMessage(kind string, m client.Message) event {
	e := event{Event: kind, Server: m.Server, Channel: m.Channel, Author: m.Author, Text: &m.Text}
	if m.Index >= 0 {
		e.Index = &m.Index
	}
	if !m.Time.IsZero() {
		utc := m.Time.UTC()
		e.Time = &utc
	}
	return e
}

func (t *jsonTeller) deleted(at commands.Place) {
	t.print(event{Event: "deleted", Server: at.Server, Channel: at.Channel})
}

func (t *jsonTeller) status(s client.Status, text string) {
	e := event{Event: "status", State: s.State.String()}
	if text != "" {
		e.Text = &text
	}
	t.print(e)
}

func (t *jsonTeller) notice(text string) { t.print(event{Event: "notice", Text: &text}) }

func (t *jsonTeller) unheard(at commands.Place, why string, code client.Code) {
	t.print(event{Event: "notice", Server: at.Server, Channel: at.Channel, Text: &why, Code: code})
}

func (t *jsonTeller) refused(why string, code client.Code, line int) {
	t.print(event{Event: "refused", Text: &why, Code: code, Line: line})
}

func (t *jsonTeller) saved(server, path string) {
	t.print(event{Event: "image", Server: server, Path: path})
}

func (t *jsonTeller) wire(w client.Traffic) {
	utc := w.Time.UTC()
	t.print(event{Event: "wire", Sent: &w.Sent, Time: &utc, JSON: w.JSON})
}

func (t *jsonTeller) broken() error { return t.out.broken() }

func (t *jsonTeller) print(e event) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		b.Reset()
		fmt.Fprintf(&b, "{\"event\":\"notice\",\"text\":\"an event could not be printed\"}\n")
	}
	t.out.write(escape(b.String()))
}

// escape escapes the characters that a terminal must not get, so that a line is safe to look at.
// In JSON such characters can only stand inside strings, except for the line break at the end.
func escape(line string) string {
	var b strings.Builder
	for _, r := range line {
		switch {
		case r == '\n' || visible.Rune(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
