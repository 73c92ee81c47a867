package transport

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"elemental/actors"
	"elemental/protocol"
)

// requestLog prints a line for every request and answer, as the original
// provider's console did. All methods do nothing on nil.
type requestLog struct {
	out  io.Writer
	name string
}

// How many characters of a request or an answer a line has at most.
const maxLogged = 1000

func newRequestLog(out io.Writer, name string) *requestLog {
	if out == nil {
		return nil
	}
	return &requestLog{out, name}
}

// received logs a request without its secrets.
func (l *requestLog) received(from string, r *protocol.Request) {
	if l != nil {
		l.print("<==", from, string(protocol.AppendMasked(nil, r)))
	}
}

// answered logs an answer without its secrets.
func (l *requestLog) answered(from string, req *actors.Request, reply any) {
	if l == nil {
		return
	}
	if r, ok := reply.(actors.LoggedIn); ok {
		r.Key = protocol.Mask
		reply = r
	}
	if r, ok := reply.(actors.Messages); ok && len(r.List) > maxLogged/32 {
		r.List = r.List[:maxLogged/32] // the line would be cut before the rest
		reply = r
	}
	l.print("==>", from, strings.TrimSuffix(string(appendReply(nil, req, reply)), "\n"))
}

func (l *requestLog) print(arrow, from, text string) {
	_, _ = fmt.Fprintf(l.out, "(%s) | %s %s [%s] | %s\n", // there is nowhere to tell that a console has gone
		time.Now().Format("2006-01-02 15:04:05"), l.name, arrow, from, printable(text))
}

// printable cuts a text, and escapes characters that a console would act on.
func printable(text string) string {
	var b strings.Builder
	count := 0
	for _, r := range text {
		if count++; count > maxLogged {
			b.WriteString("…")
			break
		}
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}
