package protocol

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func TestAppendString(t *testing.T) {
	for s, want := range map[string]string{
		"": `""`, "plain": `"plain"`, "a\"b\\c/d": `"a\"b\\c/d"`, "\n\r\t\x00\x1f": `"\n\r\t\u0000\u001f"`,
		"é😀\x7f": "\"é😀\x7f\"", "a\xffb": "\"a\uFFFDb\"", "\uFFFD": "\"\uFFFD\"",
	} {
		if got := string(appendString(nil, s)); got != want {
			t.Errorf("%q: got %s", s, got)
		}
	}
}

// TestAppendStringAnywhere has each byte at each place of words of eight and what is left.
func TestAppendStringAnywhere(t *testing.T) {
	text := []byte("all of it is plain!!")
	for size := range len(text) + 1 {
		for at := range size {
			for c := range 256 {
				odd := bytes.Clone(text[:size])
				odd[at] = byte(c)
				want := string(appendEscaped([]byte{'"'}, string(odd))) + `"`
				if got := string(appendString(nil, string(odd))); got != want {
					t.Fatalf("byte %d at %d of %d: %s, want %s", c, at, size, got, want)
				}
			}
		}
	}
}

// TestFinishAnywhere has one character that ASCII lacks at each place.
func TestFinishAnywhere(t *testing.T) {
	codec, err := FindCodec("ascii")
	if err != nil {
		t.Fatal(err)
	}
	for at := range 80 {
		before, after := strings.Repeat("a", at), strings.Repeat("b", 79-at)
		if got := string(codec.Finish([]byte("é"+before+"é"+after), len("é"))); got != "é"+before+`\u00e9`+after {
			t.Fatalf("at %d: %s", at, got)
		}
	}
}

func TestTimestamp(t *testing.T) {
	for micro, want := range map[int64]string{
		0: "0.000000", 1: "0.000001", 999999: "0.999999", 1586562444123456: "1586562444.123456", -1500000: "-1.500000",
		999999999999999: "999999999.999999", 1000000000000000: "1000000000.000000", 9098070605040302: "9098070605.040302",
		9999999999999999: "9999999999.999999", 10000000000000000: "10000000000.000000", math.MinInt64: "-9223372036854.775808",
	} {
		if got := string(appendTimestamp(nil, micro)); got != `,"timestamp":`+want {
			t.Errorf("%d: %s", micro, got)
		}
	}
}

func TestRefusal(t *testing.T) {
	got := string(AppendRefusal(nil, "busy", Reason("busy", 0), []byte(`"x"`)))
	if got != `{"resp":false,"reason":"busy, try again","code":"busy","id":"x"}`+"\n" {
		t.Error(got)
	}
	if got := Reason("too_often", 0.75); got != "requesting too many times, only request every 0.75 seconds" {
		t.Error(got)
	}
	if got := Reason("never_heard_of", 0); got != "never_heard_of" {
		t.Error(got)
	}
}

// A provider without codes is understood by its sentences, and only by whole ones.
func TestCodeOfASentence(t *testing.T) {
	for reason, want := range map[string]string{
		Reason("busy", 0): "busy", Reason("too_often", 0.75): "too_often", "": "", "unheard of": "",
		"requesting too many times, only request every day": "", "back in 5 seconds": "",
	} {
		if got := CodeOf(reason); got != want {
			t.Errorf("%q: %q", reason, got)
		}
	}
}

// TestClientReads reads every kind of answer and event back, in every encoding.
func TestClientReads(t *testing.T) {
	m := Message{Text: "ж\"😀", Author: "é", Timestamp: 1586562444123456, Index: 8}
	var text []byte
	text = EndAnswer(AppendText(BeginAnswer(text), "key", "k"), []byte("1"))
	text = EndAnswer(AppendPosted(BeginAnswer(text), m.Index, m.Timestamp), nil)
	text = EndAnswer(EndList(AppendMessage(BeginList(BeginAnswer(text), "messages"), &m, true)), nil)
	text = EndAnswer(EndList(AppendMember(BeginList(BeginAnswer(text), "members"), Member{"é", true})), nil)
	text = AppendRefusal(text, "busy", "busy, try again", nil)
	text = AppendNewMessage(text, &NewMessage{m, "s", "c"})
	text = AppendUnsubscribed(text, &Unsubscribed{"s", "c", "channel_gone", "channel was deleted"})
	text = AppendDisconnected(text, "slow_reader", "reading too slowly")
	want := []Incoming{
		{OK: true, Key: "k", ID: []byte("1")},
		{OK: true, Index: 8, Time: 1586562444123456},
		{OK: true, Messages: []IncomingMessage{{Loose(m.Text), Micros(m.Timestamp), Loose(m.Author), 8}}},
		{OK: true, Members: []IncomingMember{{"é", true}}},
		{Reason: "busy, try again", Code: "busy"},
		{Call: CallNewMessage, Message: m.Text, Author: m.Author, Time: Micros(m.Timestamp), Server: "s", Channel: "c", Index: 8},
		{Call: CallUnsubscribed, Server: "s", Channel: "c", Code: "channel_gone", Reason: "channel was deleted"},
		{Call: CallDisconnected, Code: "slow_reader", Reason: "reading too slowly"},
	}
	for _, name := range []string{"ascii", "utf-8", "latin-1", "cp1252", "koi8-r", "utf-16", "utf-16-be", "utf-32", "gb18030", "shift_jis"} {
		codec := mustCodec(t, name)
		wire := codec.Finish(bytes.Clone(codec.Mark()), len(codec.Mark()))
		wire = codec.Finish(append(wire, text...), len(wire))
		for _, r := range []io.Reader{bytes.NewReader(wire), iotest.OneByteReader(bytes.NewReader(wire))} {
			reader := NewIncomingReader(r, codec)
			for i := range want {
				got, err := reader.Next()
				if err != nil || !reflect.DeepEqual(*got, want[i]) {
					t.Fatalf("%s: %v\ngot  %+v\nwant %+v", name, err, got, want[i])
				}
			}
			if _, err := reader.Next(); err != io.EOF {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestCodecs(t *testing.T) {
	const text = "\"aé€ж😀\"\n"
	for name, want := range map[string]string{
		"ascii": `"a\u00e9\u20ac\u0436\ud83d\ude00"` + "\n", "US-ASCII": `"a\u00e9\u20ac\u0436\ud83d\ude00"` + "\n",
		"utf-8": text, "UTF8": text, "utf_8": text,
		"latin-1":      "\"a\xe9\\u20ac\\u0436\\ud83d\\ude00\"\n",
		"ISO-8859-1":   "\"a\xe9\\u20ac\\u0436\\ud83d\\ude00\"\n",
		"iso8859-15":   "\"a\xe9\xa4\\u0436\\ud83d\\ude00\"\n",
		"iso8859_5":    "\"a\\u00e9\\u20ac\xd6\\ud83d\\ude00\"\n",
		"cp1252":       "\"a\xe9\x80\\u0436\\ud83d\\ude00\"\n",
		"windows-1251": "\"a\\u00e9\x88\xe6\\ud83d\\ude00\"\n",
		"cp437":        "\"a\x82\\u20ac\\u0436\\ud83d\\ude00\"\n",
		"utf-16-le":    "\"\x00a\x00\xe9\x00\xac\x20\x36\x04\x3d\xd8\x00\xde\"\x00\n\x00",
		"utf-16":       "\"\x00a\x00\xe9\x00\xac\x20\x36\x04\x3d\xd8\x00\xde\"\x00\n\x00",
		"UTF-16BE":     "\x00\"\x00a\x00\xe9\x20\xac\x04\x36\xd8\x3d\xde\x00\x00\"\x00\n",
		"utf-32": "\"\x00\x00\x00a\x00\x00\x00\xe9\x00\x00\x00\xac\x20\x00\x00" +
			"\x36\x04\x00\x00\x00\xf6\x01\x00\"\x00\x00\x00\n\x00\x00\x00",
		"utf_32_be": "\x00\x00\x00\"\x00\x00\x00a\x00\x00\x00\xe9\x00\x00\x20\xac" +
			"\x00\x00\x04\x36\x00\x01\xf6\x00\x00\x00\x00\"\x00\x00\x00\n",
	} {
		codec, err := FindCodec(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := string(codec.Finish([]byte("before"+text), 6)); got != "before"+want {
			t.Errorf("%s: got %q", name, got)
		}
	}
	for _, name := range []string{"", "klingon", "utf-7", "iso-2022-jp", "rot13"} {
		if codec, err := FindCodec(name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v, %v", name, codec, err)
		}
	}
}

func TestRequestsInOtherEncodings(t *testing.T) {
	const text = `{"msg":"é"}`
	for name, marks := range map[string]string{"utf-8": "\uFEFF", "utf-16": "\uFEFF", "utf-16-be": "\uFEFF", "utf-32": "\uFEFF", "latin-1": ""} {
		codec := mustCodec(t, name)
		var wire []byte
		for range 3 {
			wire = codec.Finish(append(wire, marks+text...), len(wire))
		}
		d := NewDecoder(iotest.OneByteReader(bytes.NewReader(wire)), DecoderConfig{Codec: codec, Depth: 5, Limit: noLimit})
		got, err := all(d)
		if len(got) != 3 || err != io.EOF {
			t.Fatalf("%s: %d requests, %v", name, len(got), err)
		}
		for _, r := range got {
			if r.Msg != String("é") || r.Bytes != len(text) {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\"\\\x00é\xff😀")
	ascii := mustCodec(f, "ascii")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		text := ascii.Finish(appendString(nil, s), 0)
		want := string([]rune(s)) // each wrong byte is a U+FFFD
		if err := json.Unmarshal(text, &got); err != nil || got != want || !isASCII(text) {
			t.Fatalf("%q: %q, %v", s, got, err)
		}
	})
}
