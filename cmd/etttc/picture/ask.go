package picture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/cancelreader"
	"golang.org/x/term"
)

const (
	patience   = 3 * time.Second // how long to wait for the terminal's answers, which may come over a slow line
	mostAnswer = 4 << 10         // how many bytes to read at most, with what was typed before the answers
)

// abilities are what a terminal says it can do.
type abilities struct {
	kitty, sixel bool
	cell         size // size of one character, in pixels
}

// usual is assumed of a terminal that does not answer.
var usual = abilities{cell: size{width: 8, height: 16}}

// The questions to the terminal. Every terminal answers the last one (its primary attributes),
// and answers come in order: once that answer is there, no other needs to be waited for.
var questions = ansi.KittyGraphics([]byte("AAAA"), "i=31", "s=1", "v=1", "a=q", "t=d", "f=24") +
	"\x1b[16t" + ansi.RequestPrimaryDeviceAttributes

// The answers.
var (
	kittyAnswer = regexp.MustCompile(`\x1b_Gi=31;OK`)
	cellAnswer  = regexp.MustCompile(`\x1b\[6;(\d{1,4});(\d{1,4})t`)
	lastAnswer  = regexp.MustCompile(`\x1b\[\?([\d;]*)c`)
)

// ask asks the terminal what it can do. If in or out is no terminal, or it does not answer, the
// result is usual.
func ask(in, out *os.File) (can abilities, err error) {
	if !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
		return usual, nil
	}
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return usual, fmt.Errorf("asking the terminal: %w", err)
	}
	defer func() { err = errors.Join(err, term.Restore(int(in.Fd()), before)) }()
	if _, err := io.WriteString(out, questions); err != nil {
		return usual, fmt.Errorf("asking the terminal: %w", err)
	}
	answer, err := listen(in)
	return understand(answer), err
}

// listen reads up to the last answer and no further, since what follows is typed by the user. It
// also ends if the terminal does not answer in time.
func listen(in *os.File) (answer string, err error) {
	reader, err := cancelreader.NewReader(in)
	if err != nil {
		return "", fmt.Errorf("asking the terminal: %w", err)
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	timer := time.AfterFunc(patience, func() { reader.Cancel() })
	defer timer.Stop()
	var read []byte
	for b := make([]byte, 1); len(read) < mostAnswer; {
		n, err := reader.Read(b)
		read = append(read, b[:n]...)
		if err != nil || n == 1 && b[0] == 'c' && lastAnswer.Match(read) {
			break // no more comes, or no more is needed
		}
	}
	return string(read), nil
}

func understand(answer string) abilities {
	can := usual
	last := lastAnswer.FindStringSubmatch(answer)
	if last == nil {
		return can
	}
	const sixelAttribute = ";4;"
	can.sixel = strings.Contains(";"+last[1]+";", sixelAttribute)
	can.kitty = kittyAnswer.MatchString(answer)
	if cell := cellAnswer.FindStringSubmatch(answer); cell != nil {
		height, _ := strconv.Atoi(cell[1]) // the pattern allows only digits
		width, _ := strconv.Atoi(cell[2])
		if width > 0 && height > 0 {
			can.cell = size{width, height}
		}
	}
	return can
}
