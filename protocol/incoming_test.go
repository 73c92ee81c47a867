package protocol

import (
	"strings"
	"testing"
)

// TestHostileAnswers ends the stream where an answer takes more than it may.
func TestHostileAnswers(t *testing.T) {
	codec := mustCodec(t, "ascii")
	for what, wire := range map[string]string{
		"many messages": `{"resp":true,"messages":[` + strings.Repeat("{},", maxMessages) + `{}]}`,
		"no list":       `{"resp":true,"messages":7}`,
		"no end":        `{"resp":true,"name":"` + strings.Repeat("x", maxIncoming),
	} {
		if in, err := NewIncomingReader(strings.NewReader(wire), codec).Next(); err == nil {
			t.Errorf("%s: %d messages were read", what, len(in.Messages))
		}
	}
}

// TestLooseText reads what the original let somebody post in place of a text.
func TestLooseText(t *testing.T) {
	const wire = `{"resp":true,"messages":[{"message":5,"timestamp":null,"author":["a"]},{"message":"\ud800","timestamp":1.5,"author":"b"}]}`
	in, err := NewIncomingReader(strings.NewReader(wire), mustCodec(t, "ascii")).Next()
	if err != nil {
		t.Fatal(err)
	}
	first, second := in.Messages[0], in.Messages[1]
	if first.Text != "5" || first.Author != `["a"]` || first.Time != 0 || second.Text != "\uFFFD" || second.Time != 1_500_000 {
		t.Errorf("read %+v", in.Messages)
	}
}
