package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// pieces delivers a text cut at one place.
func pieces(text string, at int) io.Reader {
	return io.MultiReader(strings.NewReader(text[:at]), strings.NewReader(text[at:]))
}

// all reads requests until an error.
func all(d *Decoder) (got []Request, err error) {
	for {
		r, err := d.Next()
		if err != nil {
			return got, err
		}
		got = append(got, *r)
	}
}

func TestRequestsSplitAnywhere(t *testing.T) {
	text := ` {"call":"message","msg":"a\"}{b\u00e9é😀","begin":-12,"usernm":"alice","x":[1,{"y":"}"}]}` +
		`{"call":"ping","id":7}` + "\r\n\t" + `{"id":"x","call":"ping","end":1e3}{}`
	want := []Request{
		{Call: String("message"), Msg: String("a\"}{béé😀"), Begin: Int(-12), Usernm: String("alice"), Bytes: 94},
		{Call: String("ping"), ID: []byte("7"), Bytes: 22},
		{Call: String("ping"), ID: []byte(`"x"`), End: Number{Is: Mistyped}, Bytes: 34},
		{Bytes: 2},
	}
	want[0].Bytes = strings.Index(text, "]}{") + 1
	for at := range len(text) {
		got, err := all(newTestDecoder(t, pieces(text, at)))
		if err != io.EOF || !reflect.DeepEqual(got, want) {
			t.Fatalf("cut at %d: %v\n%+v", at, err, got)
		}
	}
	got, err := all(newTestDecoder(t, iotest.OneByteReader(strings.NewReader(text))))
	if err != io.EOF || !reflect.DeepEqual(got, want) {
		t.Fatalf("single bytes: %v\n%+v", err, got)
	}
}

func TestWhatEndsAStream(t *testing.T) {
	deep := strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000)
	many := &bytes.Buffer{}
	for i := range maxMembers {
		fmt.Fprintf(many, `"k%d":1,`, i)
	}
	for text, want := range map[string]error{
		``:                                  io.EOF,
		" \n\t\r ":                          io.EOF,
		"\uFEFF \uFEFF":                     io.EOF,
		`{`:                                 io.ErrUnexpectedEOF,
		`{"call":"pi`:                       io.ErrUnexpectedEOF,
		`{"call":"ping"`:                    io.ErrUnexpectedEOF,
		`hello`:                             ErrMalformed,
		`[]`:                                ErrMalformed,
		`"ping"`:                            ErrMalformed,
		`1`:                                 ErrMalformed,
		"\xef\xbbx":                         ErrMalformed,
		`,{}`:                               ErrMalformed,
		`{]`:                                ErrMalformed,
		`{"call"}`:                          ErrMalformed,
		`{"call":}`:                         ErrMalformed,
		`{"call":"a",}`:                     ErrMalformed,
		`{"call":"a" "msg":"b"}`:            ErrMalformed,
		`{call:"a"}`:                        ErrMalformed,
		`{1:2}`:                             ErrMalformed,
		`{[[[[[[`:                           ErrMalformed,
		`{{{{{{{`:                           ErrMalformed,
		`{"call":'a'}`:                      ErrMalformed,
		`{"call":nul}`:                      ErrMalformed,
		`{"begin":01}`:                      ErrMalformed,
		`{"begin":NaN}`:                     ErrMalformed,
		`{"call":"a","call":"a"}`:           ErrMalformed,
		`{"call":"a","c\u0061ll":"a"}`:      ErrMalformed,
		`{"x":{"y":1,"y":2}}`:               ErrMalformed,
		"{\"call\":\"\xff\"}":               ErrMalformed,
		`{"call":"\ud800"}`:                 ErrMalformed,
		"{\"call\":\"a\nb\"}":               ErrMalformed,
		`{"call":` + deep + `}`:             ErrTooDeep,
		`{"x":` + deep + `}`:                ErrTooDeep,
		`{"x":` + deep[:60_000]:             ErrTooDeep,
		`{"x":[{"y":[[[]]]}]}`:              ErrTooDeep,
		`{` + many.String() + `"call":"a"}`: ErrTooLarge,
		`{"x":{` + many.String():            ErrTooLarge,
	} {
		d := NewDecoder(strings.NewReader(text), DecoderConfig{Codec: mustCodec(t, "ascii"), Depth: 5, Limit: noLimit})
		if got, err := all(d); err != want || len(got) != 0 {
			t.Errorf("%.40s: got %v, want %v", text, err, want)
		}
	}
}

func TestDepthIsExact(t *testing.T) {
	for depth, want := range map[int]error{4: io.EOF, 3: ErrTooDeep} {
		d := NewDecoder(strings.NewReader(`{"x":[[{}]]}`), DecoderConfig{Codec: mustCodec(t, "ascii"), Depth: depth, Limit: noLimit})
		if _, err := all(d); err != want {
			t.Errorf("depth %d: %v", depth, err)
		}
	}
}

// TestMemberLimitIsExact: members count in nested objects too, the objects themselves and the strings
// of a list do not.
func TestMemberLimitIsExact(t *testing.T) {
	nested := `{"x":[` + strings.Repeat(`{"a":"s"},{},"s","s",`, maxMembers-2) + `[]],"y":%s}`
	for last, want := range map[string]error{`{}`: io.EOF, `{"a":1}`: ErrTooLarge} {
		d := NewDecoder(strings.NewReader(fmt.Sprintf(nested, last)), DecoderConfig{Codec: mustCodec(t, "ascii"), Depth: 5, Limit: noLimit})
		if _, err := all(d); err != want {
			t.Errorf("with %s at the end: %v", last, err)
		}
	}
}

func TestSizeLimitIsExact(t *testing.T) {
	const size = 3000
	fits := `{"msg":"` + strings.Repeat("x", size-10) + `"}`
	over := `{"msg":"` + strings.Repeat("x", size-9) + `"}`
	config := DecoderConfig{Codec: mustCodec(t, "ascii"), Depth: 5, Limit: func(bool) int { return size }}
	space := strings.Repeat(" \n", size)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "halves": iotest.HalfReader,
	} {
		d := NewDecoder(wrap(strings.NewReader(fits+fits+space+`{"call":"ping"}`+fits+over)), config)
		got, err := all(d)
		if len(got) != 4 || err != ErrTooLarge {
			t.Errorf("%s: %d requests, %v", name, len(got), err)
		}
	}
}

func TestSizeLimitMayRise(t *testing.T) {
	asked := 0
	large := `{"msg":"` + strings.Repeat("x", 100) + `"}`
	d := NewDecoder(strings.NewReader(`{"call":"login"}`+large+`{"call":"ping"}`+large), DecoderConfig{
		Codec: mustCodec(t, "ascii"), Depth: 5,
		Limit: func(reached bool) int {
			if !reached {
				return 30
			}
			asked++
			return 1000
		},
	})
	if got, err := all(d); len(got) != 4 || err != io.EOF || asked != 2 {
		t.Errorf("%d requests, %v, asked %d times", len(got), err, asked)
	}
}

func TestBegunIsToldOnlyForAWait(t *testing.T) {
	begun := 0
	count := func(wire io.Reader) int {
		begun = 0
		d := NewDecoder(wire, DecoderConfig{
			Codec: mustCodec(t, "ascii"), Depth: 5, Limit: noLimit, Begun: func() { begun++ },
		})
		if _, err := all(d); err != io.EOF {
			t.Fatal(err)
		}
		return begun
	}
	text := `{"call":"ping"} {"call":"ping"}`
	if n := count(strings.NewReader(text)); n != 0 {
		t.Errorf("told %d times for whole requests", n)
	}
	if n := count(iotest.OneByteReader(strings.NewReader(text))); n != 2 {
		t.Errorf("told %d times for two requests in bytes", n)
	}
}

func TestErrorsOfTheWireComeThrough(t *testing.T) {
	broken := errors.New("broken")
	for _, text := range []string{"", " ", `{`, `{"call":`, `{"call":"a"`, `{"x":[`} {
		d := newTestDecoder(t, io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)))
		if _, err := d.Next(); err != broken {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestValues(t *testing.T) {
	next := func(text string) *Request {
		t.Helper()
		r, err := newTestDecoder(t, strings.NewReader(text)).Next()
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return r
	}
	for raw, want := range map[string]Number{
		`0`: Int(0), `-0`: Int(0), `17`: Int(17), `-3`: Int(-3),
		`9223372036854775807`: Int(math.MaxInt64), `9223372036854775808`: Int(math.MaxInt64),
		`-` + strings.Repeat("9", 400): Int(math.MinInt64),
		`1.0`:                          {Is: Mistyped}, `1e2`: {Is: Mistyped}, `0E0`: {Is: Mistyped}, `"0"`: {Is: Mistyped},
		`true`: {Is: Mistyped}, `null`: {Is: Mistyped}, `[1]`: {Is: Mistyped}, `{"a":1}`: {Is: Mistyped},
	} {
		if got := next(`{"begin":` + raw + `,"call":"x"}`); got.Begin != want || got.Call != String("x") {
			t.Errorf("begin %.30s: %+v", raw, got.Begin)
		}
	}
	for _, raw := range []string{`1`, `null`, `true`, `["a"]`, `{"usernm":"a"}`} {
		if got := next(`{"usernm":` + raw + `}`); got.Usernm != (Text{Is: Mistyped}) {
			t.Errorf("usernm %s: %+v", raw, got.Usernm)
		}
	}
}

func TestIDs(t *testing.T) {
	long := `"` + strings.Repeat("x", maxID-2) + `"`
	for raw, spoiled := range map[string]bool{
		`1`: false, `-1.50e+3`: false, `""`: false, `"a\"\u00e9b"`: false, long: false,
		`"x` + long[1:]: true, `null`: true, `true`: true, `[1]`: true, `{}`: true,
	} {
		r, err := newTestDecoder(t, strings.NewReader(`{"id":`+raw+`}`)).Next()
		if err != nil || r.Spoiled != spoiled || !spoiled && string(r.ID) != raw || spoiled && r.ID != nil {
			t.Errorf("id %.20s: %v %+v", raw, err, r)
		}
	}
}

func TestCaseVariantsSpoil(t *testing.T) {
	for name, spoiled := range map[string]bool{
		"Call": true, "USERNM": true, "serverName": true, "ID": true, "\u212Aey": true,
		"call2": false, "color": false, "": false,
	} {
		r, err := newTestDecoder(t, strings.NewReader(`{"`+name+`":"x"}`)).Next()
		if err != nil || r.Spoiled != spoiled {
			t.Errorf("%q: %v %+v", name, err, r)
		}
	}
}

// TestRequestThereAndBack writes and reads a request with all values that there are.
func TestRequestThereAndBack(t *testing.T) {
	r := Request{
		ID: []byte("3"), Call: String("x"), Usernm: String("é\n"), Passwd: String("p"), Key: String(""), ServerName: String("s"),
		ServerPasswd: String("sp"), Name: String("n"), Channel: String("c"), Msg: String("\"m\\"), Nonce: String("o"),
		Img: String("i"), NewPasswd: String("np"), Begin: Int(1), End: Int(-2), Count: Int(3), Before: Int(math.MaxInt64),
	}
	for field, value := range reflect.ValueOf(r).Fields() {
		if value.IsZero() && field.Name != "Bytes" && field.Name != "Spoiled" { // those are not on the wire
			t.Errorf("give %s a value here too", field.Name)
		}
	}
	text := AppendRequest(nil, &r)
	got, err := newTestDecoder(t, bytes.NewReader(text)).Next()
	r.Bytes = len(text)
	if err != nil || !reflect.DeepEqual(*got, r) {
		t.Errorf("%v; does valueNames have them all?\n%s\n%+v", err, text, got)
	}
	if got := string(AppendRequest(nil, &Request{})); got != "{}" {
		t.Error(got)
	}
	masked := string(AppendMasked(nil, &r))
	for _, secret := range []string{`"p"`, `"sp"`, `"np"`, `"key":""`} {
		if strings.Contains(masked, secret) {
			t.Errorf("%s in %s", secret, masked)
		}
	}
}

func TestAWaitingDecoderHoldsLittle(t *testing.T) {
	big := `{"msg":"` + strings.Repeat("x", 100_000) + `"}`
	d := newTestDecoder(t, strings.NewReader(big+big))
	if got, err := all(d); len(got) != 2 || err != io.EOF {
		t.Fatal(err)
	}
	if d.frame != nil || d.in.large != nil {
		t.Error("a frame or a large buffer is held")
	}
}

// glance is a wire that is looked at before each read.
type glance struct {
	io.Reader
	look func()
}

func (g glance) Read(b []byte) (int, error) {
	g.look()
	return g.Reader.Read(b)
}

// TestHalfARequestHoldsLittleAfterABigOne: while the rest of the next request is awaited, the memory
// of the big one before it is free.
func TestHalfARequestHoldsLittleAfterABigOne(t *testing.T) {
	big, half := `{"msg":"`+strings.Repeat("x", 100_000)+`"}`, `{"call":"pi`
	var d *Decoder
	var used *frame
	held := false
	first := glance{strings.NewReader(big + half), func() { used = d.frame }}
	rest := glance{strings.NewReader(`ng"}`), func() { held = held || d.frame == used && used != nil }}
	d = newTestDecoder(t, io.MultiReader(iotest.DataErrReader(first), rest)) // first is not read again at its end
	if got, err := all(d); len(got) != 2 || err != io.EOF {
		t.Fatal(got, err)
	}
	if held {
		t.Error("the big request's frame is held")
	}
}

// TestHalfARequestHoldsNoNamesOfThoseBefore: the JSON decoder keeps the names of an object until another
// one begins as deep inside a request. Many requests, each with its names at another depth, would fill
// megabytes.
func TestHalfARequestHoldsNoNamesOfThoseBefore(t *testing.T) {
	const deepest, most = 32, 256 << 10
	var stream strings.Builder
	for depth := deepest; depth > 1; depth-- {
		stream.WriteString(strings.Repeat(`{"in":`, depth-1) + `{"":0`)
		for i := range maxMembers - depth {
			fmt.Fprintf(&stream, `,"%d":0`, i)
		}
		stream.WriteString(strings.Repeat("}", depth))
	}
	before, during := heapInUse(), uint64(0)
	rest := glance{strings.NewReader(`ng"}`), func() { during = max(during, heapInUse()) }}
	d := newTestDecoder(t, io.MultiReader(iotest.DataErrReader(strings.NewReader(stream.String()+`{"call":"pi`)), rest))
	for range deepest {
		if _, err := d.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if during > before+most {
		t.Errorf("%d bytes are in use while the rest of a request is awaited", during-before)
	}
	runtime.KeepAlive(d)
}

// heapInUse is how many bytes of the heap are in use.
func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestAFailedRequestLeavesNoLargeFrame: what a client has begun and broken off is not in the memory
// of those whose requests come next.
func TestAFailedRequestLeavesNoLargeFrame(t *testing.T) {
	big := `{"msg":"` + strings.Repeat("x", 100_000)
	for _, rest := range []string{"", "\x00", `" "`, `","msg":""}`} {
		for range 8 { // the pool forgets some on purpose when races are looked for
			var used *frame
			var d *Decoder
			d = newTestDecoder(t, glance{strings.NewReader(big + rest), func() { used = d.frame }})
			if got, err := all(d); len(got) != 0 || err == io.EOF {
				t.Fatal(got, err)
			}
			d.Close()
			next := frames.Get().(*frame)
			if next == used {
				t.Fatalf("the frame of a large request that ended with %q is used again", rest)
			}
			frames.Put(next)
		}
	}
}
