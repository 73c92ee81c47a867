package protocol

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestHostileAnswers ends the stream where an answer takes more than it may.
func TestHostileAnswers(t *testing.T) {
	codec := mustCodec(t, "ascii")
	for what, wire := range map[string]string{
		"many messages": `{"resp":true,"messages":[` + strings.Repeat("{},", maxList) + `{}]}`,
		"many members":  `{"resp":true,"members":[` + strings.Repeat("{},", maxList) + `{}]}`,
		"many servers":  `{"resp":true,"servers":[` + strings.Repeat(`"",`, maxList) + `""]}`,
		"many channels": `{"resp":true,"channels":[` + strings.Repeat(`"",`, maxList) + `""]}`,
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

// TestMarkedAnswers reads answers as Python encodes them, each with a byte order mark, in pieces of
// all kinds. A mark inside of a text belongs to it.
func TestMarkedAnswers(t *testing.T) {
	const text = "\uFEFFa\\\"b\uFEFF\\"
	for _, name := range []string{"utf-8-sig", "utf-16", "utf-32"} {
		codec := mustCodec(t, name)
		var wire []byte
		for range 3 {
			one := append([]byte(byteOrderMark), BeginAnswer(nil)...)
			one = append(AppendText(one, "name", text), '}')
			wire = append(wire, codec.Finish(one, 0)...)
		}
		for _, from := range []io.Reader{strings.NewReader(string(wire)), iotest.OneByteReader(strings.NewReader(string(wire)))} {
			r := NewIncomingReader(from, codec)
			for range 3 {
				if in, err := r.Next(); err != nil || !in.OK || in.Name != text {
					t.Fatalf("%s: read %+v, %v", name, in, err)
				}
			}
			if _, err := r.Next(); err != io.EOF {
				t.Errorf("%s: then %v", name, err)
			}
		}
		half := string(wire) + string(codec.Finish([]byte("\uFEFE{}"), 0))
		r := NewIncomingReader(strings.NewReader(half), codec)
		for range 3 {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}
		if in, err := r.Next(); err == nil {
			t.Errorf("%s: what is no mark is left out, and %+v read", name, in)
		}
	}
}
