package wire

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"elemental/protocol"
)

var objects = []string{
	`{"resp":true,"index":12,"timestamp":1586562444.123456}`,
	`{"resp":false,"reason":"busy, try again","code":"busy"}`,
	`{"a":"}{\"\\","b":[{"c":"]"},[],{}],"d":{}}`,
	`{"call":"newmessage","message":"x","index":0}`,
	`{}`,
}

// TestFrames: a stream is cut into its objects, wherever it is split in two, and with
// nothing, a newline or spaces between them.
func TestFrames(t *testing.T) {
	for _, between := range []string{"", "\n", "  \r\n "} {
		stream := []byte(strings.Join(objects, between))
		for cut := range stream {
			var s scanner
			var got []string
			buf := stream[:cut:cut]
			take := func() {
				for end := s.next(buf); end > 0; end = s.next(buf) {
					got = append(got, strings.TrimSpace(string(buf[:end])))
					buf = buf[end:]
				}
			}
			take()
			buf = append(buf, stream[cut:]...)
			take()
			if strings.Join(got, "|") != strings.Join(objects, "|") {
				t.Fatalf("cut at %d, between %q: %q", cut, between, got)
			}
		}
	}
}

func TestParseAnswer(t *testing.T) {
	p := parse([]byte(`{ "resp" : true , "index":41, "amount":7,"key":"k\u00e9y","name":"A \"B\"","unknown":{"resp":false},"id":null,` +
		`"messages":[{"message":"a,]}\n","author":"x","index":3},{"message":"b","timestamp":1.5,"author":"y"}]}`))
	a := p.answer
	if !a.OK || a.Index != 41 || a.Amount != 7 || a.Key != "kéy" || a.Name != `A "B"` || p.call != "" {
		t.Errorf("%+v", a)
	}
	if len(a.Messages) != 2 || a.Messages[0] != (Message{"a,]}\n", 3}) || a.Messages[1] != (Message{"b", -1}) {
		t.Errorf("%+v", a.Messages)
	}
}

// TestParseRefusal: the original provider sends reasons but no codes.
func TestParseRefusal(t *testing.T) {
	for text, code := range map[string]string{
		`{"resp":false,"reason":"busy, try again","code":"busy"}`:                                 "busy",
		`{"resp": false, "reason":"user already exists"}`:                                         "user_exists",
		`{"resp": false, "reason": "requesting too many times, only request every 0.75 seconds"}`: "too_often",
		`{"call":"disconnected","reason":"reading too slowly","code":"slow_reader"}`:              "slow_reader",
	} {
		if a := parse([]byte(text)).answer; a.OK || a.Code != code || a.Reason == "" {
			t.Errorf("%s: %+v", text, a)
		}
	}
}

func push() []byte {
	return protocol.AppendNewMessage(nil, &protocol.NewMessage{
		Message: protocol.Message{Text: strings.Repeat("words ", 25), Author: "load-u17", Timestamp: 1786562450000001, Index: 123456},
		Server:  "load-abc-1", Channel: "general",
	})
}

func TestParsePush(t *testing.T) {
	p := parse(push())
	e := p.event
	if p.call != "newmessage" || e.Index != 123456 || string(e.Server) != "load-abc-1" || string(e.Channel) != "general" ||
		string(e.Text) != strings.Repeat("words ", 25) {
		t.Errorf("%+v", p)
	}
}

// FuzzParse: whatever a provider sends, it is parsed without a panic, and frames are
// never longer than what came.
func FuzzParse(f *testing.F) {
	for _, o := range objects {
		f.Add([]byte(o))
	}
	f.Add([]byte(`{"a":"\`))
	f.Add([]byte(`]]}{"messages":[{"message":1},,"x"`))
	f.Fuzz(func(t *testing.T, stream []byte) {
		var s scanner
		for rest := stream; ; {
			end := s.next(rest)
			if end == 0 {
				break
			}
			parse(rest[:end])
			rest = rest[end:]
		}
		parse(stream)
	})
}

// BenchmarkPush parses a push: with the code here, and with what the client library uses.
func BenchmarkPush(b *testing.B) {
	one := push()
	b.Run("here", func(b *testing.B) {
		b.SetBytes(int64(len(one)))
		b.ReportAllocs()
		for range b.N {
			var s scanner
			parse(one[:s.next(one)])
		}
	})
	b.Run("library", func(b *testing.B) {
		codec, err := protocol.FindCodec("ascii")
		if err != nil {
			b.Fatal(err)
		}
		r := protocol.NewIncomingReader(bytes.NewReader(bytes.Repeat(one, b.N)), codec)
		b.SetBytes(int64(len(one)))
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			if _, err := r.Next(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestWaitingStaysSmall: the list of waiting requests does not grow on a connection that
// always has a request under way.
func TestWaitingStaysSmall(t *testing.T) {
	c := &Conn{}
	for range 2 {
		if err := c.await(waiter{}); err != nil {
			t.Fatal(err)
		}
	}
	for range 100_000 {
		if err := c.await(waiter{}); err != nil {
			t.Fatal(err)
		}
		if _, waits := c.first(); !waits {
			t.Fatal("a request got lost")
		}
	}
	if len(c.waiting)-c.head != 2 || cap(c.waiting) > 1000 {
		t.Errorf("%d under way, room for %d", len(c.waiting)-c.head, cap(c.waiting))
	}
}

// TestSendingToNobody: if sending shows that a connection is lost, the error has no
// addresses, so that equal causes are counted together.
func TestSendingToNobody(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	raw, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Close()
	c := &Conn{net: raw, handler: Nobody{}} // nobody reads it
	c.Send(func(dst []byte, _ time.Time) []byte { return append(dst, "{}"...) }, func(*Answer) {})
	if said := c.Err().Error(); !strings.HasPrefix(said, "sending: ") || strings.Contains(said, "127.0.0.1") {
		t.Error(said)
	}
}
