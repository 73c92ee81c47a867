package protocol

import (
	"strings"
	"testing"
)

// TestIncomingIsMaskedForLogs wants no secret of an answer, nor of a request
// that the original sent back as it was, in what is shown.
func TestIncomingIsMaskedForLogs(t *testing.T) {
	long := strings.Repeat("x", 2000)
	for _, c := range []struct{ in, want string }{
		{`{"resp":true,"key":"planted"}`, `{"resp":true,"key":"***"}`},
		{`{"call":"foo","passwd":"planted","key":7,"serverpasswd":["planted"]}`,
			`{"call":"foo","passwd":"***","key":"***","serverpasswd":"***"}`},
		{`{"resp":true,"a":{"key":"planted"},"b":[{"newpasswd":"planted"},{"name":"key"},"free"]}`,
			`{"resp":true,"a":{"key":"***"},"b":[{"newpasswd":"***"},{"name":"key"},"free"]}`},
		{`{"resp":true,"img":"` + long + `"}`, `{"resp":true,"img":"` + long[:497] + `…"}`},
		{"{ \"resp\" : true }\n", `{"resp":true}`},
	} {
		codec, err := FindCodec("ascii")
		if err != nil {
			t.Fatal(err)
		}
		r := NewIncomingReader(strings.NewReader(c.in), codec)
		if _, err := r.Next(); err != nil && !strings.Contains(c.in, `"key":7`) {
			t.Fatal(err)
		}
		if got := string(r.AppendMasked(nil)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}
