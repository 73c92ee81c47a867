package plain

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// mostLine bounds a line of the input.
const mostLine = 1 << 20

// errTooLong is a line beyond mostLine; it was read to its end.
var errTooLong = fmt.Errorf("it is longer than %d bytes", mostLine)

// console reads lines and asks questions.
type console struct {
	in     *os.File
	reader *bufio.Reader
	ended  bool  // the input ended in the line that was read last: a terminal says so but once
	hold   *hold // what keeps others out of a question's line
}

func newConsole(in *os.File, out io.Writer) *console {
	return &console{in: in, reader: bufio.NewReaderSize(in, 64<<10), hold: &hold{terminal: out}}
}

// next is the next line without its end. io.EOF comes alone, after the last line.
func (c *console) next() (string, error) {
	if c.ended {
		c.ended = false
		return "", io.EOF
	}
	var line []byte
	tooLong := false
	for {
		part, err := c.reader.ReadSlice('\n')
		if len(line)+len(part) > mostLine+len("\r\n") {
			tooLong, line = true, line[:0]
		}
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		text := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
		if err != nil && (!errors.Is(err, io.EOF) || text == "" && !tooLong) {
			return "", err
		}
		c.ended = err != nil
		if tooLong || len(text) > mostLine {
			return "", errTooLong
		}
		return text, nil
	}
}

// line asks a question.
func (c *console) line(question string) (string, error) {
	defer c.hold.answered()
	if err := c.hold.ask(question); err != nil {
		return "", err
	}
	text, err := c.next()
	if errors.Is(err, io.EOF) {
		_, _ = io.WriteString(c.hold.terminal, "\n") // nobody has ended the question's line
	}
	return strings.TrimSpace(text), err
}

// secret asks a question and does not show the answer. The question comes when
// the echo is off, so that nothing that is typed at once is seen.
func (c *console) secret(question string) (string, error) {
	defer c.hold.answered()
	answer, err := c.unseen(question)
	_, told := io.WriteString(c.hold.terminal, "\n") // the one that was typed was not shown either
	return answer, cmp.Or(err, told)
}
