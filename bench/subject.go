package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"elemental/bench/crowd"
	"elemental/cmd/elemental/providertest"
)

// subject is a server that is measured, and how one speaks with it.
type subject struct {
	*process
	dir       string // of a provider that startSettled has started
	scan      crowd.Scanner
	login     string                  // what each connection says first; may be empty
	loginAs   func(member int) string // the same where each has a name of its own
	subscribe string                  // what the subscribers of the channel say
	post      func(channel string) string
}

// hello is what a connection says first; it may be empty.
func (s *subject) hello(member int) string {
	if s.loginAs != nil {
		return s.loginAs(member)
	}
	return s.login
}

// The names of those that are measured.
const (
	providerName = "provider"
	floorName    = "floor"
	redisName    = "redis"
	ergoName     = "ergo"
)

const (
	server  = "gophers"
	channel = "general"
	text    = "a message of usual length, no more"
	askName = `{"call":"getprovidername"}`
)

// request is a call with its values, name after value.
func request(call string, values ...any) string {
	b := append([]byte(`{"call":"`), call...)
	b = append(b, '"')
	for i := 0; i < len(values); i += 2 {
		value, err := json.Marshal(values[i+1])
		if err != nil {
			panic(err) // a text or a number
		}
		b = fmt.Appendf(b, `,%q:%s`, values[i], value)
	}
	return string(append(b, '}'))
}

func postTo(server, channel string) string {
	return request("message", "servername", server, "channel", channel, "msg", text)
}

func postJSON(channel string) string { return postTo(server, channel) }

func subscribeJSON() string {
	return request("subscribe", "servername", server, "channel", channel)
}

func newLineReader(conn net.Conn) *bufio.Reader { return bufio.NewReader(conn) }

func succeeded(answer string) bool {
	_, kind := crowd.Lines([]byte(answer))
	return kind == crowd.Answer
}

// start starts a server by its name, on a folder of its own.
func (l *lab) start(name string) (*subject, error) {
	switch name {
	case floorName:
		return l.startFloor()
	case redisName:
		return l.startRedis()
	case ergoName:
		return l.startErgo()
	}
	return l.startSettled()
}

// startSettled starts the provider on a new folder, with a user and a server.
func (l *lab) startSettled(args ...string) (*subject, error) {
	dir, err := l.folder()
	if err != nil {
		return nil, err
	}
	s, err := l.startProvider(dir, args...)
	if err != nil {
		return nil, err
	}
	s.dir = dir
	return s, s.settle()
}

// startProvider starts the provider on a folder, as it is shipped but for these
// options, and waits until it listens.
func (l *lab) startProvider(dir string, args ...string) (*subject, error) {
	program, err := l.build(providerName, "", "elemental/cmd/elemental")
	if err != nil {
		return nil, err
	}
	args = append([]string{"--host", "127.0.0.1", "--port", "0", "--storagepath", filepath.Join(dir, "data")}, args...)
	p, err := l.launch(providerName, program, args...)
	if err != nil {
		return nil, err
	}
	listens := func(line string) bool { return providertest.ListensAt(line) != "" }
	line, err := p.out.Wait("the start line", p.exited, listens)
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, p.log.Text())
	}
	p.addr = providertest.ListensAt(line)
	return &subject{process: p, scan: crowd.Lines, subscribe: subscribeJSON(), post: postJSON}, nil
}

// settle makes a provider's user and server.
func (s *subject) settle() error {
	answer, err := s.talk(
		request("register", "usernm", "alice", "passwd", "secret"),
		request("login", "usernm", "alice", "passwd", "secret"))
	if err != nil {
		return err
	}
	var said struct{ Key string }
	if err := json.Unmarshal([]byte(answer), &said); err != nil {
		return err
	}
	s.login = request("login", "usernm", "alice", "key", said.Key) // without a password to hash
	_, err = s.talk(s.login, request("createserver", "servername", server, "serverpasswd", ""))
	return err
}

// makeChannels makes channels of a provider's server; others have all channels.
func (s *subject) makeChannels(names []string) error {
	if s.name != providerName {
		return nil
	}
	requests := []string{s.login}
	for _, name := range names {
		requests = append(requests, request("createchannel", "servername", server, "name", name))
	}
	_, err := s.talk(requests...)
	return err
}

// place is where a server keeps its files, and listens.
func (l *lab) place() (dir, addr string, err error) {
	if dir, err = l.folder(); err == nil {
		addr, err = freeAddr()
	}
	return dir, addr, err
}

// startFloor starts the bare server, which keeps its messages in memory and in
// one file.
func (l *lab) startFloor() (*subject, error) {
	if l.options.Floor == "" {
		return nil, errAbsent
	}
	program, err := l.build(floorName, l.options.Floor, ".") // a module of its own
	if err != nil {
		return nil, err
	}
	dir, addr, err := l.place()
	if err != nil {
		return nil, err
	}
	p, err := l.launch(floorName, program, "-addr", addr, "-file", filepath.Join(dir, "messages"))
	if err != nil {
		return nil, err
	}
	p.addr = addr
	login := request("login", "usernm", "alice", "passwd", "secret")
	s := &subject{process: p, scan: crowd.Lines, login: login, subscribe: subscribeJSON(), post: postJSON}
	return s, l.awaitListener(p)
}

// startRedis starts a Redis that has every command on disk before it answers.
func (l *lab) startRedis() (*subject, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errAbsent
	}
	dir, addr, err := l.place()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	p, err := l.launch(redisName, program, "--bind", host, "--port", port, "--dir", dir,
		"--appendonly", "yes", "--appendfsync", "always", "--save", "")
	if err != nil {
		return nil, err
	}
	p.addr = addr
	return &subject{process: p, scan: crowd.Redis, post: postRedis}, l.awaitListener(p)
}

func postRedis(channel string) string {
	words := []string{"XADD", channel, "*", "author", "alice", "message", text}
	var b strings.Builder
	b.WriteString("*" + strconv.Itoa(len(words)) + "\r\n")
	for _, word := range words {
		_, _ = io.WriteString(&b, "$"+strconv.Itoa(len(word))+"\r\n"+word+"\r\n") // into memory
	}
	return b.String()
}
