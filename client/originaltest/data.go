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

// data is what the original kept in files.
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
	members  []string // a user who joins twice is listed twice
	channels []string
	folders  map[string]*folder
	image    json.RawMessage // nil if none was set
}

// folder is a channel's folder. If a user who was not the owner tried to make the channel, the
// folder remains without a counter, and the owner cannot make a channel of that name either.
type folder struct {
	counted  bool
	messages []*message // nil for a message that was counted but never written
}

type message struct {
	text   json.RawMessage
	time   time.Time
	author string
}

// remove removes the first item of list that is name, and reports whether there was one.
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

// dump returns a value as the original wrote it. A value that is no text stays as it was sent.
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
	_ = encoder.Encode(text) // a text can always be encoded
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
