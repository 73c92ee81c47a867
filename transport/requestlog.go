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
// provider's console did. A slow console slows nobody: lines that it has no
// room for are left out. All methods do nothing on nil.
type requestLog struct {
	out  *LineWriter
	name string
}

// The most characters of a request or an answer in a line.
const maxLogged = 1000

func newRequestLog(out io.Writer, name string) *requestLog {
	if out == nil {
		return nil
	}
	l := &requestLog{name: name}
	l.out = NewLineWriter(out, func(out io.Writer, lines int) {
		l.print(out, "---", "log", fmt.Sprintf("%d lines left out", lines))
	})
	return l
}

// close ends the log. Lines that the console does not take are left out.
func (l *requestLog) close() {
	if l != nil {
		l.out.Close()
	}
}

// received logs a request without its secrets.
func (l *requestLog) received(from string, r *protocol.Request) {
	if l != nil {
		l.print(l.out, "<==", from, string(protocol.AppendMasked(nil, r)))
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
		r.List = r.List[:maxLogged/32] // the line is cut before its end
		reply = r
	}
	l.print(l.out, "==>", from, strings.TrimSuffix(string(appendReply(nil, req, reply)), "\n"))
}

// print writes one line to the log, or past it to the console.
func (l *requestLog) print(out io.Writer, arrow, from, text string) {
	_, err := fmt.Fprintf(out, "(%s) | %s %s [%s] | %s\n",
		time.Now().Format("2006-01-02 15:04:05"), l.name, arrow, from, printable(text))
	if err != nil {
		return // there is nowhere to tell that a console has gone
	}
}

// printable cuts a text and escapes what would act on a console.
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
