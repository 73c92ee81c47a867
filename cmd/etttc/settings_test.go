package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSettingsAreKept(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	m, err := newMemory()
	if err != nil || m.Address != "" || m.userAt("localhost:5005") != "" {
		t.Fatalf("at first there is %+v, %v", m, err)
	}
	m.remember("localhost:5005", "alice")
	m.remember("example.org:1", "bob")
	if m.failed != nil {
		t.Fatal(m.failed)
	}
	again, err := newMemory()
	if err != nil || again.Address != "example.org:1" || again.userAt("example.org:1") != "bob" || again.userAt("localhost:5005") != "" {
		t.Errorf("later there is %+v, %v", again, err)
	}
	info, err := os.Stat(m.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	folder, err := os.Stat(filepath.Dir(m.path))
	if err != nil || folder.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", folder, err)
	}
	if files, err := os.ReadDir(filepath.Dir(m.path)); err != nil || len(files) != 1 {
		t.Errorf("besides the settings there is %v, %v", files, err)
	}
}

// A settings file that is broken is reported and ignored; the next login replaces it.
func TestBrokenSettings(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	first, err := newMemory()
	if err != nil {
		t.Fatal(err)
	}
	first.remember("localhost:5005", "alice")
	if err := os.WriteFile(first.path, []byte(`{"address": "localh`), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := newMemory()
	if err == nil || !strings.Contains(err.Error(), first.path+" is broken") || m.Address != "" {
		t.Errorf("a broken file gives %+v, %v", m, err)
	}
	m.remember("localhost:5005", "alice")
	if kept, err := os.ReadFile(first.path + ".broken"); err != nil || string(kept) != `{"address": "localh` {
		t.Errorf("the broken one is kept as %q, %v", kept, err)
	}
	m.remember("localhost:5005", "bob")
	m.remember("localhost:5005", "alice")
	if kept, err := os.ReadFile(first.path + ".broken"); err != nil || string(kept) != `{"address": "localh` {
		t.Errorf("the broken one is replaced by %q, %v", kept, err)
	}
	if again, err := newMemory(); err != nil || again.userAt("localhost:5005") != "alice" {
		t.Errorf("after a login there is %+v, %v", again, err)
	}
}

// If the remembered address is wrong, the error names the file that it comes from.
func TestBrokenAddress(t *testing.T) {
	m := &memory{settings: settings{Address: "a:b:c"}, path: "/home/settings.json"}
	if _, err := new(options).address(m); err == nil || !strings.Contains(err.Error(), "/home/settings.json: ") {
		t.Errorf("it says %v", err)
	}
	if _, err := (&options{Host: "d:e:f"}).address(m); err == nil || strings.Contains(err.Error(), "settings") {
		t.Errorf("of an option it says %v", err)
	}
}

func TestSettingsCannotBeKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m := &memory{path: filepath.Join(file, "etttc", "settings.json")}
	m.remember("localhost:5005", "alice")
	if m.failed == nil {
		t.Error("settings below a file were written")
	}
}

// The login of a script is not remembered.
func TestPipeRemembersNothing(t *testing.T) {
	h := newHouse(t)
	if r := h.run("hello\n", h.asAlice()...); r.code != 0 {
		t.Fatalf("%v", r)
	}
	if files, err := os.ReadDir(h.home); err != nil || len(files) != 0 {
		t.Errorf("it left %v, %v", files, err)
	}
}
