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

// mostLine is how many bytes a line of the input may have.
const mostLine = 1 << 20

// errTooLong is the error for a line longer than mostLine. The whole line has been read, so that
// the next one can follow.
var errTooLong = fmt.Errorf("it is longer than %d bytes", mostLine)

// console reads the lines of the input and asks questions.
type console struct {
	in     *os.File
	reader *bufio.Reader
	ended  bool  // the input ended with the line that was read last; a terminal reports its end only once
	hold   *hold // keeps other output out of the line of a question
}

func newConsole(in *os.File, out io.Writer) *console {
	return &console{in: in, reader: bufio.NewReaderSize(in, 64<<10), hold: &hold{terminal: out}}
}

// next returns the next line without its line break. After the last line it returns io.EOF and no
// text.
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

// line asks a question and returns the answer without surrounding spaces.
func (c *console) line(question string) (string, error) {
	defer c.hold.answered()
	if err := c.hold.ask(question); err != nil {
		return "", err
	}
	text, err := c.next()
	if errors.Is(err, io.EOF) {
		_, _ = io.WriteString(c.hold.terminal, "\n") // the line of the question is not ended yet
	}
	return strings.TrimSpace(text), err
}

// secret asks a question without showing the answer. It prints the question only when the
// terminal's echo is off, so that nothing is shown that is typed at once.
func (c *console) secret(question string) (string, error) {
	defer c.hold.answered()
	answer, err := c.unseen(question)
	_, told := io.WriteString(c.hold.terminal, "\n") // the line break that the user typed was not shown
	return answer, cmp.Or(err, told)
}
