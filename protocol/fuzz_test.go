package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// The fuzzing of what comes off the wire. Each target asserts what a decoder
// owes: the same requests however the bytes were split, no limit exceeded, no
// memory out of proportion, and what it accepts is what another decoder reads.

const (
	fuzzDepth = 8
	fuzzLimit = 4096
)

// decodeAll reads requests of a wire until an error, within the fuzz limits.
func decodeAll(codec *Codec, wire io.Reader) ([]Request, error) {
	d := NewDecoder(wire, DecoderConfig{Codec: codec, Depth: fuzzDepth, Limit: func(bool) int { return fuzzLimit }})
	defer d.Close()
	return all(d)
}

// chunked delivers a text in chunks of these sizes, over and over.
type chunked struct {
	text  []byte
	sizes []byte
	next  int
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.text) == 0 {
		return 0, io.EOF
	}
	size := len(c.text)
	if len(c.sizes) > 0 {
		size = min(size, 1+int(c.sizes[c.next%len(c.sizes)]))
		c.next++
	}
	n := copy(p, c.text[:size])
	c.text = c.text[n:]
	return n, nil
}

// allocated is how many bytes do takes from the heap, given back or not.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// checkMemory holds a decoder to memory in proportion to its input.
func checkMemory(t *testing.T, input int, do func()) {
	t.Helper()
	most := uint64(256<<10 + 64*input)
	if used := allocated(do); used > most {
		t.Fatalf("%d bytes of input took %d bytes of memory", input, used)
	}
}

// checkSplits decodes a text whole, in chunks and byte by byte.
func checkSplits(t *testing.T, codec *Codec, text, sizes []byte) []Request {
	t.Helper()
	var whole []Request
	var end error
	checkMemory(t, len(text), func() { whole, end = decodeAll(codec, bytes.NewReader(text)) })
	for how, wire := range map[string]io.Reader{
		"chunks": &chunked{text: text, sizes: sizes},
		"bytes":  iotest.OneByteReader(bytes.NewReader(text)),
	} {
		split, err := decodeAll(codec, wire)
		if err != end || !reflect.DeepEqual(whole, split) {
			t.Fatalf("%s %v: %v and %v\n%+v\n%+v", how, sizes, end, err, whole, split)
		}
	}
	return whole
}

// FuzzRequests feeds any bytes to the decoder of a connection.
func FuzzRequests(f *testing.F) {
	deep := strings.Repeat("[", 100)
	for _, text := range []string{
		`{"call":"message","msg":"a\"}{b\u00e9","begin":-12}{"id":"x"}`,
		`{"x":[[{"a":{}}]]} [`,
		`{"call":"login","usernm":"hello","passwd":"world"}{"call":"getjoinedservers","id":2}`,
		"\ufeff{\"call\":\"ping\"}\r\n\t{\"call\":\"ping\",\"id\":1.50e+3}",
		`{"call":"a","call":"b"}`, `{"Call":"a","\u212aey":"b"}`, `{"x":{"y":1,"y":2}}`,
		`{"call":"x","msg":"` + strings.Repeat("m", fuzzLimit) + `"}`,
		`{"x":[[[[[[[]]]]]]]}`, `{"x":[[[[[[[[]]]]]]]]}`, `{"x":` + deep, `{"begin":9223372036854775808,"end":1e3,"count":-0,"before":"1"}`,
		`{"msg":"\ud83d\ude00\u0000😀"}`, `{"msg":"\ud800"}`, "{\"msg\":\"\xff\"}",
	} {
		f.Add([]byte(text), []byte{3})
	}
	codec := mustCodec(f, "ascii")
	f.Fuzz(func(t *testing.T, text, sizes []byte) {
		rest, got := text, checkSplits(t, codec, text, sizes)
		checkScanned(t, codec, text, got)
		for _, r := range got {
			if r.Bytes < 2 || r.Bytes > fuzzLimit || len(r.ID) > maxID {
				t.Fatalf("beyond a limit: %+v", r)
			}
			rest = skipBlank(rest)
			checkAccepted(t, rest[:r.Bytes], &r)
			checkThereAndBack(t, &r)
			rest = rest[r.Bytes:]
		}
	})
}

// checkScanned holds a scanner to what the decoder reads.
func checkScanned(t *testing.T, codec *Codec, text []byte, want []Request) {
	t.Helper()
	d := NewDecoder(nil, DecoderConfig{Codec: codec, Depth: fuzzDepth})
	var s Scanner
	for i := 0; ; i++ {
		r, n := s.Scan(d, text)
		if n == 0 || r.Bytes > fuzzLimit { // the caller's to judge
			return
		}
		if i >= len(want) || !reflect.DeepEqual(*r, want[i]) {
			t.Fatalf("request %d: scanned %+v, decoded %+v", i, *r, want[min(i, len(want)):])
		}
		text = text[n:]
	}
}

// skipBlank passes over what may stand between requests.
func skipBlank(text []byte) []byte {
	for {
		shorter := bytes.TrimPrefix(bytes.TrimLeft(text, " \r\n\t"), []byte(byteOrderMark))
		if len(shorter) == len(text) {
			return text
		}
		text = shorter
	}
}

// checkAccepted reads a request that was accepted with another decoder.
func checkAccepted(t *testing.T, raw []byte, r *Request) {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || !utf8.Valid(raw) {
		t.Fatalf("%q was accepted: %v", raw, err)
	}
	checkShape(t, raw)
	for name := range members {
		for _, known := range valueNames {
			if name != known && strings.EqualFold(name, known) && !r.Spoiled {
				t.Fatalf("%q was accepted with the name %q", raw, name)
			}
		}
	}
	for _, name := range valueNames {
		if text := r.text([]byte(name)); text != nil {
			checkText(t, name, members[name], text)
		}
	}
}

// checkText compares a value with what the other decoder has.
func checkText(t *testing.T, name string, raw json.RawMessage, got *Text) {
	t.Helper()
	want := Text{}
	if len(raw) > 0 && raw[0] == '"' {
		want.Is = Given
		if err := json.Unmarshal(raw, &want.Value); err != nil {
			t.Fatal(err)
		}
	} else if len(raw) > 0 {
		want.Is = Mistyped
	}
	if *got != want {
		t.Fatalf("%s of %s: %+v, want %+v", name, raw, *got, want)
	}
}

// checkShape wants no name twice in an object and no nesting beyond the depth.
func checkShape(t *testing.T, raw []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var open []map[string]bool // nil for an array
	isName := false
	for {
		token, err := d.Token()
		if err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		inObject := len(open) > 0 && open[len(open)-1] != nil
		switch {
		case inObject && isName && token != json.Delim('}'):
			if name := token.(string); open[len(open)-1][name] {
				t.Fatalf("%q was accepted with %q twice", raw, name)
			}
			open[len(open)-1][token.(string)] = true
			isName = false
			continue
		case token == json.Delim('{'):
			open = append(open, map[string]bool{})
		case token == json.Delim('['):
			open = append(open, nil)
		case token == json.Delim('}') || token == json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > fuzzDepth {
			t.Fatalf("%q was accepted", raw)
		}
		isName = len(open) > 0 && open[len(open)-1] != nil
	}
}

// checkThereAndBack encodes a request, reads it again and wants the same.
func checkThereAndBack(t *testing.T, r *Request) {
	t.Helper()
	text := AppendRequest(nil, r)
	again, err := newTestDecoder(t, bytes.NewReader(text)).Next()
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	want := *r
	want.Bytes, want.Spoiled = len(text), false
	for _, name := range valueNames { // what is no value is not written
		if v := want.text([]byte(name)); v != nil && v.Is == Mistyped {
			*v = Text{}
		}
		if v := want.number([]byte(name)); v != nil && v.Is == Mistyped {
			*v = Number{}
		}
	}
	if !reflect.DeepEqual(*again, want) {
		t.Fatalf("not the same again:\n%+v\n%+v", again, want)
	}
	if twice := AppendRequest(nil, again); !bytes.Equal(twice, text) {
		t.Fatalf("%s became %s", text, twice)
	}
}

// FuzzValues makes a request of any values, sends it and looks for its secrets
// in what a log would hold.
func FuzzValues(f *testing.F) {
	f.Add("login", "alice", "s3cret-word", "hello", int64(0), "1")
	f.Add("message", "é\n", "\x00", "\"}{\\", int64(-1), `"x"`)
	f.Fuzz(func(t *testing.T, call, user, secret, text string, n int64, id string) {
		r := &Request{Call: String(call), Usernm: String(user), Msg: String(text), Begin: Int(n), Before: Int(-n),
			Passwd: String(secret), Key: String(secret), ServerPasswd: String(secret), NewPasswd: String(secret)}
		if raw := json.RawMessage(id); json.Valid(raw) && utf8.Valid(raw) && len(raw) < maxID && strings.ContainsAny(id[:1], `"-0123456789`) {
			r.ID = bytes.TrimSpace(raw)
		}
		for _, name := range valueNames { // what is no text leaves as one
			if v := r.text([]byte(name)); v != nil && v.Is == Given {
				v.Value = strings.ToValidUTF8(v.Value, "?")
			}
		}
		if r.ID != nil && strings.Contains(id, `\u`) {
			r.ID = nil // may be half a surrogate pair
		}
		checkThereAndBack(t, r)
		masked := AppendMasked(nil, r)
		open := *r
		open.Passwd, open.Key, open.ServerPasswd, open.NewPasswd = String(Mask), String(Mask), String(Mask), String(Mask)
		for _, long := range []*Text{&open.Call, &open.Msg} {
			long.Value = shorten(long.Value)
		}
		if want := AppendRequest(nil, &open); !bytes.Equal(masked, want) {
			t.Fatalf("a log has %s, want %s", masked, want)
		}
	})
}

// legacyEncodings are what the original let its operator choose, and clients use.
var legacyEncodings = []string{"ascii", "utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be",
	"utf-32", "koi8-r", "shift_jis", "gb18030"}

// FuzzLegacy sends what clients of the original send: objects as Python's
// json.dumps makes them, with usernm and passwd in each, one after the other
// without anything between, in some encoding, as one recv after the other
// brings them.
func FuzzLegacy(f *testing.F) {
	f.Add("alice", "secret", "hello", byte(0), true, []byte{255})
	f.Add("Ädam", "pässword", "\"}{\n😀", byte(5), false, []byte{0})
	f.Add("名前", "x", "tab\tquote\"", byte(8), true, []byte{2, 0, 9})
	f.Add("é", "\x7f\x00", "\\", byte(3), false, []byte{1})
	f.Fuzz(func(t *testing.T, user, password, text string, which byte, escaped bool, sizes []byte) {
		for _, s := range []*string{&user, &password, &text} {
			if *s = strings.ToValidUTF8(*s, "?"); len(*s) > 300 {
				t.Skip("longer than a request may be in the widest encoding")
			}
		}
		name := legacyEncodings[int(which)%len(legacyEncodings)]
		codec := mustCodec(t, name)
		requests := [][]string{
			{"call", "login", "usernm", user, "passwd", password},
			{"call", "message", "usernm", user, "passwd", password, "servername", text, "channel", "general", "msg", text},
			{"call", "getjoinedservers", "usernm", user, "passwd", password},
		}
		var wire []byte
		for _, pairs := range requests {
			wire = append(wire, pythonEncode(t, name, codec, pairs, escaped)...)
		}
		got := checkSplits(t, codec, wire, sizes)
		if len(got) != len(requests) {
			t.Fatalf("%d requests of %q (%s)", len(got), wire, name)
		}
		for i, pairs := range requests {
			for j := 0; j < len(pairs); j += 2 {
				if v := got[i].text([]byte(pairs[j])); *v != String(pairs[j+1]) {
					t.Fatalf("%s in %s: %+v, want %q", pairs[j], name, v, pairs[j+1])
				}
			}
		}
	})
}

// pythonEncode is json.dumps(…).encode(name): one that marks the byte order
// marks each text.
func pythonEncode(t *testing.T, name string, codec *Codec, pairs []string, escaped bool) []byte {
	t.Helper()
	mark := string(codec.Mark())
	if name == "utf-8-sig" {
		mark = byteOrderMark
	}
	if codec.enc == nil {
		return []byte(mark + pythonDumps(pairs, escaped || name == "ascii"))
	}
	encoded, err := encodeText(codec, pythonDumps(pairs, escaped))
	if err != nil { // the encoding has not all of it
		if encoded, err = encodeText(codec, pythonDumps(pairs, true)); err != nil {
			t.Fatal(err)
		}
	}
	return []byte(mark + encoded)
}

// encodeText encodes what comes back the same.
func encodeText(codec *Codec, text string) (string, error) {
	encoder := codec.enc.NewEncoder()
	if plain := strings.TrimSuffix(strings.TrimSuffix(codec.name, "-le"), "-be"); plain == codec.name && codec.mark != nil {
		encoder = builtin[plain+"-le"].enc.NewEncoder()
	}
	encoded, err := encoder.String(text)
	if err != nil {
		return "", err
	}
	back, err := io.ReadAll(codec.reader(strings.NewReader(encoded)))
	if err == nil && string(back) != text {
		err = fmt.Errorf("%q comes back as %q", text, back)
	}
	return encoded, err
}

// pythonDumps is Python's json.dumps of strings.
func pythonDumps(pairs []string, ascii bool) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, s := range pairs {
		switch {
		case i == 0:
		case i%2 == 0:
			b.WriteString(", ")
		default:
			b.WriteString(": ")
		}
		b.WriteByte('"')
		for _, r := range s {
			pythonRune(&b, r, ascii)
		}
		b.WriteByte('"')
	}
	return b.String() + "}"
}

func pythonRune(b *strings.Builder, r rune, ascii bool) {
	if i := strings.IndexRune("\"\\\n\r\t\f\b", r); i >= 0 {
		b.WriteString(`\` + string(`"\nrtfb`[i]))
	} else if r < ' ' || ascii && r >= utf8.RuneSelf {
		b.Write(appendRuneEscape(nil, r))
	} else {
		b.WriteRune(r)
	}
}

// FuzzEncodings feeds any bytes in any encoding.
func FuzzEncodings(f *testing.F) {
	for i := range legacyEncodings {
		f.Add([]byte(`{"call":"ping","msg":"`+"\xe9"+`"}{"id":"\u00e9"}`), byte(i), []byte{byte(i)})
	}
	f.Add([]byte("\xff\xfe{\x00}\x00\xff\xfe{\x00}\x00"), byte(5), []byte{0})
	f.Add([]byte("\xff\xfe\x00\x00{\x00\x00\x00}\x00\x00\x00"), byte(8), []byte{2})
	f.Add([]byte("\x00\xd8{\x00"), byte(6), []byte{0})
	f.Fuzz(func(t *testing.T, text []byte, which byte, sizes []byte) {
		codec := mustCodec(t, legacyEncodings[int(which)%len(legacyEncodings)])
		for _, r := range checkSplits(t, codec, text, sizes) {
			if r.Bytes < 2 || r.Bytes > fuzzLimit || len(r.ID) > maxID {
				t.Fatalf("beyond a limit: %+v", r)
			}
			checkThereAndBack(t, &r)
		}
	})
}

// FuzzIncoming is the client's side: whatever a provider says takes memory in
// proportion, and no secret of it is shown.
func FuzzIncoming(f *testing.F) {
	f.Add([]byte(`{"resp":true,"key":"planted"}{"resp":false,"reason":"a","code":"b","id":1}`))
	f.Add([]byte(`{"call":"newmessage","message":"x","timestamp":1.5,"author":"a","servername":"s","channel":"c","index":3}`))
	f.Add([]byte(`{"resp":true,"messages":[{"message":5,"timestamp":null,"author":["a"]}],"members":[{"usernm":"x","online":true}]}`))
	f.Add([]byte(`{"a":{"key":["planted"]},"b":[{"newpasswd":{"passwd":"x"}}],"passwd":"p","serverpasswd":7}`))
	codec := mustCodec(f, "utf-8")
	f.Fuzz(func(t *testing.T, stream []byte) {
		checkMemory(t, 16*len(stream), func() {
			in := NewIncomingReader(bytes.NewReader(stream), codec)
			for {
				if _, err := in.Next(); err != nil {
					return
				}
				checkMasked(t, in.AppendMasked(nil))
			}
		})
	})
}

// checkMasked wants JSON in which each secret is stars.
func checkMasked(t *testing.T, masked []byte) {
	t.Helper()
	var value any
	if err := json.Unmarshal(masked, &value); err != nil {
		t.Fatalf("%q: %v", masked, err)
	}
	var walk func(any)
	walk = func(value any) {
		switch v := value.(type) {
		case []any:
			for _, element := range v {
				walk(element)
			}
		case map[string]any:
			for name, member := range v {
				if secretNames[name] && member != Mask {
					t.Fatalf("%s shows %s", masked, name)
				}
				walk(member)
			}
		}
	}
	walk(value)
}
