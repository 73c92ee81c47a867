package protocol

import (
	"fmt"
	"testing"
)

// TestUsualRequestsAreScanned wants the quick way for what clients send. What it
// makes of them is compared with the decoder's by FuzzRequests.
func TestUsualRequestsAreScanned(t *testing.T) {
	codec := mustCodec(t, "ascii")
	d := NewDecoder(nil, DecoderConfig{Codec: codec})
	var s Scanner
	for _, text := range []string{
		`{"call":"login","usernm":"hello","passwd":"world"}`,
		`{"call": "login", "usernm": "hello", "key": "abc"}` + "\n",
		`{"call":"message","servername":"s","channel":"general","msg":"a \"quoted\" \u00e9 é 😀\n","nonce":"n1","id":7}`,
		`{"id":"x","call":"getmessages","servername":"s","channel":"general","begin":0,"end":15}`,
		"\r\n\t {\"call\":\"ping\"}",
	} {
		if r, n := s.Scan(d, []byte(text+`{"call":`)); r == nil || n < r.Bytes || r.Call.Value == "" {
			t.Errorf("%s is left to the decoder", text)
		}
	}
	for _, text := range []string{
		``, `{`, `{}`, `[]`, `{"call":"ping"`, `{"call":"ping",}`, `{"call":"a","call":"b"}`, `{"c\u0061ll":"ping"}`,
		`{"call":"ping","begin":1.5}`, `{"call":"ping","begin":01}`, `{"call":"ping","begin":1`, `{"call":5}`, `{"other":"x"}`,
		`{"call":"ping"` + "\x00" + `}`, "{\"call\":\"\xff\"}", "{\"call\":\"a\nb\"}", `{"call":"\ud800"}`, `{"call":"x\`, "\ufeff{\"call\":\"ping\"}",
	} {
		if r, n := s.Scan(d, []byte(text)); r != nil || n != 0 {
			t.Errorf("%q is scanned: %v", text, r)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	d := NewDecoder(nil, DecoderConfig{Codec: mustCodec(b, "ascii")})
	text := fmt.Appendf(nil, `{"call":"message","servername":"gophers","channel":"general","msg":%q}`, "a message of usual length, no more")
	var s Scanner
	b.ReportAllocs()
	for b.Loop() {
		if _, n := s.Scan(d, text); n != len(text) {
			b.Fatal(n)
		}
	}
}
