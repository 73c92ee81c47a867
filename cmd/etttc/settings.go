package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// settings are remembered from one run to the next. A password never is.
type settings struct {
	Address string `json:"address"` // host:port of the last login
	User    string `json:"user"`
}

// memory is the file with the settings, and what was read from it.
type memory struct {
	settings
	path   string // "" if there is no folder for it
	broken bool   // the file exists but cannot be understood
	failed error  // why the last login could not be remembered
}

// newMemory reads the settings. If that fails, it returns the error and a memory that is empty
// but usable.
func newMemory() (*memory, error) {
	folder, err := os.UserConfigDir()
	if err != nil {
		return &memory{}, err
	}
	m := &memory{path: filepath.Join(folder, "etttc", "settings.json")}
	m.settings, err = readSettings(m.path)
	m.broken = errors.Is(err, errBroken)
	return m, err
}

// errBroken marks a file that exists but cannot be understood.
var errBroken = errors.New("is broken")

// readSettings reads the settings from a file. If there is no file, they are empty.
func readSettings(path string) (s settings, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return settings{}, nil
	}
	if err != nil {
		return settings{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	const most = 64 << 10
	if err := json.NewDecoder(io.LimitReader(file, most)).Decode(&s); err != nil {
		return settings{}, fmt.Errorf("%s %w (%w)", path, errBroken, err)
	}
	return s, nil
}

// userAt returns the user of the last login if it was at that address, else "".
func (m *memory) userAt(address string) string {
	if m.Address == address {
		return m.User
	}
	return ""
}

// remember saves the address and the user of a login for the next run. Failures are kept in
// failed.
func (m *memory) remember(address, user string) {
	now := settings{Address: address, User: user}
	if m.path == "" || m.settings == now {
		return
	}
	m.settings = now
	if m.failed = m.keepBroken(); m.failed == nil {
		m.failed = write(m.path, now)
	}
}

// keepBroken renames a file that cannot be understood, instead of overwriting it: somebody may
// have edited it by hand.
func (m *memory) keepBroken() error {
	if !m.broken {
		return nil
	}
	err := os.Rename(m.path, m.path+".broken")
	m.broken = err != nil
	return err
}

// write replaces the file as a whole, so that it never holds only a part.
func write(path string, s settings) (err error) {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(folder, ".settings-*") // only the user can read such a file
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
