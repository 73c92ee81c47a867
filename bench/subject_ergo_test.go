//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestErgo measures the row of pushes with an Ergo: with the installed one if there is
// one, and with a stand-in.
func TestErgo(t *testing.T) {
	t.Run("installed", func(t *testing.T) {
		if _, err := exec.LookPath(ergoName); err != nil {
			t.Skip("there is no Ergo on the path")
		}
		pushesOfErgo(t)
	})
	t.Run("stand-in", func(t *testing.T) {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		path := t.TempDir()
		if err := os.Symlink(self, filepath.Join(path, ergoName)); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", path+string(os.PathListSeparator)+os.Getenv("PATH"))
		pushesOfErgo(t)
	})
}

func pushesOfErgo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.json")
	var out bytes.Buffer
	if code := command(tiny(t.TempDir(), "--rows", "push1000", "--json", file), &out, &out); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, out.String())
	}
	results, err := readResults(file)
	if err != nil {
		t.Fatal(err)
	}
	row := &results.Rows[0]
	c := row.Contestants[len(row.Contestants)-1]
	if c.Name != ergoName || !c.Peer || len(c.counted()) == 0 || row.ratioOf(ergoName) <= 0 {
		t.Fatalf("%+v\n%s", row, out.String())
	}
	for _, turn := range c.Turns {
		if turn.Operations == 0 || turn.Operations%5 != 0 { // each post is pushed to all five subscribers
			t.Errorf("%d pushes", turn.Operations)
		}
	}
}

// ircServer is a stand-in for Ergo that can do just what the row needs.
type ircServer struct {
	mu      sync.Mutex
	names   map[string]bool
	members []net.Conn
}

// standIn is its program. It listens where its configuration says.
func standIn(args []string) error {
	if len(args) != 3 || args[0] != "run" || args[1] != "--conf" {
		return fmt.Errorf("called with %q", args)
	}
	text, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	var config struct {
		Server struct{ Listeners map[string]struct{} }
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		return err
	}
	s := &ircServer{names: map[string]bool{}}
	for addr := range config.Server.Listeners {
		return s.listen(addr)
	}
	return errors.New("there is nowhere to listen")
}

func (s *ircServer) listen(addr string) error {
	socket, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	for {
		conn, err := socket.Accept()
		if err != nil {
			return err
		}
		go s.serve(conn)
	}
}

func (s *ircServer) serve(conn net.Conn) {
	name := ""
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		s.mu.Lock()
		switch word {
		case "NICK":
			name = rest
		case "USER":
			s.welcome(conn, name)
		case "JOIN": // a client that does not answer the PING does not come in
			say(conn, "PING "+name)
		case "PONG":
			s.members = append(s.members, conn)
			s.toMembers(nil, ":"+name+" JOIN #general")
			say(conn, ":test 366 "+name+" #general :End of NAMES list")
		case "PRIVMSG":
			s.toMembers(conn, ":"+name+" PRIVMSG "+rest)
		case "PING":
			say(conn, ":test PONG test "+rest)
		}
		s.mu.Unlock()
	}
}

func (s *ircServer) welcome(conn net.Conn, name string) {
	if s.names[name] {
		say(conn, ":test 433 * "+name+" :Nickname is already in use")
		return
	}
	s.names[name] = true
	say(conn, ":test 001 "+name+" :Welcome", ":test 422 "+name+" :MOTD File is missing")
}

func (s *ircServer) toMembers(but net.Conn, line string) {
	for _, m := range s.members {
		if m != but {
			say(m, line)
		}
	}
}

func say(conn net.Conn, lines ...string) {
	_, _ = io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n") // those that are gone miss it
}
