//go:build !linux

package hashing

import (
	"os"
	"os/exec"
)

// running is the program that runs.
func running() string {
	program, err := os.Executable()
	if err != nil {
		return "" // nothing starts then, which is told
	}
	return program
}

// startBehind starts a process. How it stands back is only known for Linux.
func startBehind(cmd *exec.Cmd) error { return cmd.Start() }
