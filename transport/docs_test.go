package transport

import (
	"os"
	"strings"
	"testing"

	"elemental/actors"
	"elemental/protocol"
)

// TestTheExamplesOfTheManual holds docs/protocol.md to the code: every example
// is a request that is understood or something that a client can read, and every
// call has an example.
func TestTheExamplesOfTheManual(t *testing.T) {
	raw, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	manual, shown := string(raw), map[string]bool{}
	codec, err := protocol.FindCodec("utf-8")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(manual) {
		if text, ok := strings.CutPrefix(line, "→ "); ok {
			v := values{imageBytes: 1 << 10}
			req := v.translate(decode(t, text))
			if _, refused := req.Command.(actors.Refused); refused {
				t.Errorf("%s is refused: %v", line, req.Command)
			}
			shown[req.Call] = true
		}
		if text, ok := strings.CutPrefix(line, "← "); ok {
			if _, err := protocol.NewIncomingReader(strings.NewReader(text), codec).Next(); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	for call := range calls {
		if !shown[call] {
			t.Errorf("docs/protocol.md has no example of %s", call)
		}
	}
}
