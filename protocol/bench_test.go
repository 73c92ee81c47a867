package protocol

import (
	"io"
	"strings"
	"testing"
)

// endless repeats one chunk, a read at a time, as a client would send it.
type endless struct{ chunk string }

func (e *endless) Read(p []byte) (int, error) { return copy(p, e.chunk), nil }

func noLimit(bool) int { return 1 << 20 }

func mustCodec(t testing.TB, name string) *Codec {
	t.Helper()
	codec, err := FindCodec(name)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

func newTestDecoder(t testing.TB, wire io.Reader) *Decoder {
	return NewDecoder(wire, DecoderConfig{Codec: mustCodec(t, "ascii"), Depth: 32, Limit: noLimit})
}

func benchmarkDecode(b *testing.B, chunk string) {
	d := newTestDecoder(b, &endless{chunk})
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeProviderName(b *testing.B) { benchmarkDecode(b, `{"call": "getprovidername"}`) }

func BenchmarkDecodeMessage(b *testing.B) {
	benchmarkDecode(b, `{"call": "message", "msg": "hello, how are you today?", "servername": "gophers", `+
		`"channel": "general", "usernm": "alice", "passwd": "secret", "id": 17}`)
}

func BenchmarkDecodePipelined(b *testing.B) {
	one := `{"call": "message", "msg": "hello, how are you today?", "servername": "gophers", "channel": "general"}`
	benchmarkDecode(b, strings.Repeat(one, 4))
}

func BenchmarkEncodePosted(b *testing.B) {
	codec := mustCodec(b, "ascii")
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = EndAnswer(AppendPosted(BeginAnswer(buf[:0]), 123456, 1586562444123456), []byte("17"))
		buf = codec.Finish(buf, 0)
	}
}

func BenchmarkEncodeHundredMessages(b *testing.B) {
	codec := mustCodec(b, "ascii")
	m := &Message{Text: "hello, how are you today?", Author: "alice", Timestamp: 1586562444123456}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = BeginList(BeginAnswer(buf[:0]), "messages")
		for i := range 100 {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = AppendMessage(buf, m, false)
		}
		buf = codec.Finish(EndAnswer(EndList(buf), nil), 0)
	}
}
