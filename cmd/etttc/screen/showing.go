package screen

import (
	"context"
	"errors"
	"fmt"
	"io"

	tea "charm.land/bubbletea/v2"
	"github.com/muesli/cancelreader"
	"golang.org/x/term"

	"elemental/cmd/etttc/picture"
)

// show returns a command that gives the terminal away to show an image on it.
func (n *net) show(image []byte, name string) tea.Cmd {
	s := &showing{net: n, image: image, name: name}
	return tea.Exec(s, func(err error) tea.Msg { return picturedMsg{s.line, err} })
}

// showing has the terminal while an image is shown. The library runs it like an external program.
type showing struct {
	net   *net
	image []byte
	name  string
	line  string // what was done, in words for the user
}

// Run shows the image until Enter is pressed or the program is to end. If the image was saved to
// a file instead, there is nothing to wait for. The terminal stays in the raw mode of the screen,
// so that keys pressed meanwhile are read as they were typed; the Run of this package restores it
// at the end.
func (s *showing) Run() error {
	if _, err := term.MakeRaw(int(s.net.in.Fd())); err != nil {
		return fmt.Errorf("showing the image: %w", err)
	}
	line, shown, err := picture.Show(s.net.in, s.net.out, s.image, s.net.folder, s.name)
	s.line = line
	if err != nil || !shown {
		return err
	}
	if _, err := fmt.Fprintf(s.net.out, "\r\n%s\r\npress Enter to return\r\n", line); err != nil {
		return fmt.Errorf("showing the image: %w", err)
	}
	return s.waitForEnter()
}

// waitForEnter reads up to Enter and no further: what follows is for the screen.
func (s *showing) waitForEnter() (err error) {
	reader, err := cancelreader.NewReader(s.net.in)
	if err != nil {
		return fmt.Errorf("waiting for Enter: %w", err)
	}
	stop := context.AfterFunc(s.net.ctx, func() { reader.Cancel() })
	defer func() {
		stop()
		err = errors.Join(err, reader.Close())
	}()
	const interrupt = 0x03 // Ctrl+C, which is no signal in raw mode
	for key := make([]byte, 1); ; {
		_, err := reader.Read(key)
		switch {
		case errors.Is(err, cancelreader.ErrCanceled), errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("waiting for Enter: %w", err)
		case key[0] == '\r' || key[0] == '\n' || key[0] == interrupt:
			return nil
		}
	}
}

// SetStdin, SetStdout and SetStderr are for external programs. showing uses the terminal's own
// files.
func (s *showing) SetStdin(io.Reader)  {}
func (s *showing) SetStdout(io.Writer) {}
func (s *showing) SetStderr(io.Writer) {}
