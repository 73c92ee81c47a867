package protocol

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"
)

// Codec is a text encoding of the wire. JSON is written as UTF-8 first and converted at
// the end. Any number of goroutines may use a Codec.
type Codec struct {
	name  string
	enc   encoding.Encoding // nil for ascii and utf-8
	ascii bool              // everything beyond U+007F is written as an escape; enc is then used only for reading
	mark  []byte            // byte order mark, once at the start of the output
}

// DefaultEncoding is the encoding when none is chosen.
const DefaultEncoding = "ascii"

// builtin are the encodings that need no table, by their plain names.
var builtin = map[string]*Codec{
	"ascii":     {name: "ascii", ascii: true},
	"utf-8":     {name: "utf-8"},
	"utf-16":    {name: "utf-16", enc: unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), mark: []byte{0xff, 0xfe}},
	"utf-16-le": {name: "utf-16-le", enc: unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)},
	"utf-16-be": {name: "utf-16-be", enc: unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)},
	"utf-32":    {name: "utf-32", enc: utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), mark: []byte{0xff, 0xfe, 0, 0}},
	"utf-32-le": {name: "utf-32-le", enc: utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)},
	"utf-32-be": {name: "utf-32-be", enc: utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)},
}

// aliases are common spellings that neither builtin nor IANA's list has, in lower case and
// with "-" for "_" and " ".
var aliases = map[string]string{
	"us-ascii": "ascii", "646": "ascii",
	"utf8": "utf-8", "u8": "utf-8", "utf": "utf-8", "utf-8-sig": "utf-8", "cp65001": "utf-8",
	"utf16": "utf-16", "u16": "utf-16", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be",
	"utf32": "utf-32", "u32": "utf-32", "utf-32le": "utf-32-le", "utf-32be": "utf-32-be",
	"latin": "iso-8859-1", "latin-1": "iso-8859-1", "8859": "iso-8859-1", "l1": "iso-8859-1",
	"sjis": "shift_jis", "shift-jis": "shift_jis", "big5-tw": "big5", "euckr": "euc-kr", "eucjp": "euc-jp",
	"cp932": "shift_jis", "ms932": "shift_jis", "cp949": "euc-kr", "cp936": "gbk", "gb2312": "gbk", "big5hkscs": "big5",
	"latin9": "iso-8859-15", "mac-roman": "macintosh", "macroman": "macintosh", "tis-620": "windows-874",
}

var (
	isoName     = regexp.MustCompile(`^iso-?8859-?(\d+)$`)
	windowsName = regexp.MustCompile(`^(?:cp|windows-?)(125\d|874)$`)
	ibmName     = regexp.MustCompile(`^cp(\d{3})$`)
	stateful    = regexp.MustCompile(`^(iso-2022|hz-|utf-7)`)
)

// FindCodec returns the encoding of that name, spelled as Python or IANA does, in any case.
func FindCodec(name string) (*Codec, error) {
	plain := strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(strings.TrimSpace(name)))
	if other, ok := aliases[plain]; ok {
		plain = other
	}
	if codec, ok := builtin[plain]; ok {
		return codec, nil
	}
	plain = isoName.ReplaceAllString(plain, "iso-8859-$1")
	plain = windowsName.ReplaceAllString(plain, "windows-$1")
	plain = ibmName.ReplaceAllString(plain, "ibm$1")
	enc, err := ianaindex.IANA.Encoding(plain)
	if err != nil || enc == nil || stateful.MatchString(plain) {
		return nil, fmt.Errorf("unknown text encoding %q (usual ones are ascii, utf-8, latin-1, cp1252, utf-16)", name)
	}
	// Programs differ in which characters encodings such as shift_jis contain. All
	// agree on ASCII, so answers are escaped; requests are read in the encoding.
	_, oneByte := enc.(*charmap.Charmap)
	return &Codec{name: plain, enc: enc, ascii: !oneByte}, nil
}

// String is the encoding's plain name.
func (c *Codec) String() string { return c.name }

// Direct reports whether a Scanner can read the bytes of the wire without conversion.
func (c *Codec) Direct() bool { return c.enc == nil }

// Mark is the byte order mark that the output begins with; nil for most encodings.
func (c *Codec) Mark() []byte { return c.mark }

// Finish converts buf[from:], which is JSON as UTF-8, to the encoding, in place. Characters
// that the encoding does not have become \u escapes. They can only be inside of strings,
// since the rest of JSON is plain ASCII.
func (c *Codec) Finish(buf []byte, from int) []byte {
	if c.ascii && isASCII(buf[from:]) || c.enc == nil && !c.ascii {
		return buf
	}
	text := string(buf[from:])
	if c.ascii {
		return appendASCII(buf[:from], text)
	}
	return c.appendEncoded(buf[:from], text)
}

func isASCII(b []byte) bool {
	for ; len(b) >= 32; b = b[32:] {
		w := binary.LittleEndian.Uint64(b) | binary.LittleEndian.Uint64(b[8:]) |
			binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:])
		if w&high != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func appendASCII(dst []byte, text string) []byte {
	for _, r := range text {
		if r < utf8.RuneSelf {
			dst = append(dst, byte(r))
		} else {
			dst = appendRuneEscape(dst, r)
		}
	}
	return dst
}

// appendRuneEscape appends \uXXXX, twice for a character beyond U+FFFF.
func appendRuneEscape(dst []byte, r rune) []byte {
	if hi, lo := utf16.EncodeRune(r); hi != utf8.RuneError {
		return appendRuneEscape(appendRuneEscape(dst, hi), lo)
	}
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// appendEncoded encodes text whole, and character by character when one of them
// is missing from the encoding.
func (c *Codec) appendEncoded(dst []byte, text string) []byte {
	enc := c.encoder()
	if out, _, err := transform.String(enc, text); err == nil {
		return append(dst, out...)
	}
	for _, r := range text {
		enc.Reset()
		out, _, err := transform.String(enc, string(r))
		if err != nil {
			out = string(appendRuneEscape(nil, r))
			enc.Reset()
			if out, _, err = transform.String(enc, out); err != nil {
				continue // an encoding without ASCII, which IANA's list does not have
			}
		}
		dst = append(dst, out...)
	}
	return dst
}

// encoder makes the transformer for output. It never writes a byte order mark.
func (c *Codec) encoder() transform.Transformer {
	switch c.name {
	case "utf-16":
		return builtin["utf-16-le"].enc.NewEncoder()
	case "utf-32":
		return builtin["utf-32-le"].enc.NewEncoder()
	}
	return c.enc.NewEncoder()
}

// reader returns the wire's text as UTF-8.
func (c *Codec) reader(wire io.Reader) io.Reader {
	if c.enc == nil {
		return wire
	}
	return &transcoder{wire: wire, to: c.enc.NewDecoder()}
}

// requestReader is as reader, but fails with ErrMalformed at what is no character of the
// encoding. What came before it is read.
func (c *Codec) requestReader(wire io.Reader) io.Reader {
	if c.enc == nil {
		return wire // the JSON decoder refuses what is not UTF-8
	}
	replacement, _ := (&encoding.Encoder{Transformer: c.encoder()}).String("\uFFFD") // "" in most encodings
	return &transcoder{wire: wire, to: strict{c.enc.NewDecoder(), replacement}}
}

// strict decodes the characters one by one. A decoder writes U+FFFD for what is none, which
// can be told from a U+FFFD of the text only by what it was made from.
type strict struct {
	transform.Transformer
	replacement string // U+FFFD in the encoding
}

// Transform returns ErrMalformed when src begins with what is no character.
func (s strict) Transform(dst, src []byte, atEOF bool) (out, used int, err error) {
	for end := 1; end <= len(src); end++ {
		d, n, err := s.Transformer.Transform(dst[out:], src[used:end], atEOF && end == len(src))
		if n == 0 && err == transform.ErrShortSrc && end < len(src) {
			continue // a character of more bytes
		}
		if bytes.HasPrefix(dst[out:out+d], []byte("\uFFFD")) && string(src[used:used+n]) != s.replacement {
			return out, used, ErrMalformed
		}
		if out, used = out+d, used+n; err != nil {
			return out, used, err
		}
		end = used
	}
	return out, used, nil
}

// transcoder decodes what it reads. It uses little memory, since idle connections have one too.
type transcoder struct {
	wire io.Reader
	to   transform.Transformer
	raw  [256]byte
	n    int // raw[:n] is not decoded yet
	err  error
}

// Read fills p, which has room for at least one character.
func (t *transcoder) Read(p []byte) (int, error) {
	for {
		if t.n > 0 || t.err == io.EOF {
			out, used, err := t.to.Transform(p, t.raw[:t.n], t.err == io.EOF)
			t.n = copy(t.raw[:], t.raw[used:t.n])
			if out > 0 {
				return out, nil
			}
			if err != nil && err != transform.ErrShortSrc {
				return 0, err
			}
		}
		if t.err != nil {
			return 0, t.err
		}
		var n int
		n, t.err = t.wire.Read(t.raw[t.n:])
		t.n += n
	}
}
