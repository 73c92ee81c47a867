package terminaltest

import (
	"os"
	"os/exec"
	"syscall"

	"github.com/containerd/console"
)

// Open opens a new pseudo-terminal of that size, in columns and rows: a person has keys, a program
// has screen. The caller closes both.
func Open(cols, rows int) (keys console.Console, screen *os.File, err error) {
	keys, path, err := console.NewPty()
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			_ = keys.Close()
		}
	}()
	if err := resize(keys, cols, rows); err != nil {
		return nil, nil, err
	}
	screen, err = os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY, 0)
	return keys, screen, err
}

func resize(keys console.Console, cols, rows int) error {
	return keys.Resize(console.WinSize{Width: uint16(cols), Height: uint16(rows)}) //nolint:gosec // small
}

// StartIn starts a command in a new terminal of its own. Its input, output and errors are of the
// terminal, unless they are set. The caller closes keys.
func StartIn(cmd *exec.Cmd, cols, rows int) (keys console.Console, err error) {
	keys, screen, err := Open(cols, rows)
	if err != nil {
		return nil, err
	}
	defer func() { _ = screen.Close() }() // from here on only the command has it
	if cmd.Stdin == nil {
		cmd.Stdin = screen
	}
	if cmd.Stdout == nil {
		cmd.Stdout = screen
	}
	if cmd.Stderr == nil {
		cmd.Stderr = screen
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		_ = keys.Close()
		return nil, err
	}
	return keys, nil
}
