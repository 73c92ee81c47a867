package originaltest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf16"
)

// data is what the original kept in its folder.
type data struct {
	mu      sync.Mutex
	users   map[string]*user
	servers map[string]*server
}

type user struct {
	password string
	joined   []string
}

type server struct {
	owner    string
	password string
	members  []string // somebody who joins twice stands here twice
	channels []string
	folders  map[string]*folder
	image    json.RawMessage // nil: none was set
}

// folder is a channel's folder. One that a stranger made, in vain, has no
// counter, and stays in the way of the owner's.
type folder struct {
	counted  bool
	messages []*message // nil: counted, but never written
}

type message struct {
	text   json.RawMessage
	time   time.Time
	author string
}

// remove takes the first of what is name out of list, and tells whether there was one.
func remove(list *[]string, name string) bool {
	at := slices.Index(*list, name)
	if at < 0 {
		return false
	}
	*list = slices.Delete(*list, at, at+1)
	return true
}

// The texts below are as Python's json.dumps writes them.

func (m *message) dump() string {
	seconds := float64(m.time.UnixMicro()) / 1e6
	stamp := strconv.FormatFloat(seconds, 'f', -1, 64)
	if !strings.Contains(stamp, ".") {
		stamp += ".0"
	}
	return `{"message": ` + dump(m.text) + `, "timestamp": ` + stamp + `, "author": ` + dumpText(m.author) + `}`
}

// dump writes a value; what is no text stays as it was sent.
func dump(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) != nil || string(value) == "null" {
		return string(value)
	}
	return dumpText(text)
}

func dumpText(text string) string {
	var plain, b strings.Builder
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a text always can be
	for _, r := range strings.TrimSuffix(plain.String(), "\n") {
		if r < 0x7f {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

func dumpList(items []string) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = dumpText(item)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}
