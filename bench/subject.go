package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"elemental/bench/crowd"
	"elemental/cmd/elemental/providertest"
)

// subject is a measured server, and how to talk with it.
type subject struct {
	*process
	dir       string // set for a provider that startSettled has started
	scan      crowd.Scanner
	login     string                  // what each connection sends first; may be empty
	loginAs   func(member int) string // the same if each connection needs its own name; may be nil
	subscribe string                  // what the subscribers of the channel send
	post      func(channel string) string
}

// hello is what a connection sends first. It may be empty.
func (s *subject) hello(member int) string {
	if s.loginAs != nil {
		return s.loginAs(member)
	}
	return s.login
}

// The names of the measured servers.
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

// request encodes a call. The values are names and values by turns.
func request(call string, values ...any) string {
	b := append([]byte(`{"call":"`), call...)
	b = append(b, '"')
	for i := 0; i < len(values); i += 2 {
		value, err := json.Marshal(values[i+1])
		if err != nil {
			panic(err) // cannot happen with texts and numbers
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

func succeeded(answer string) bool {
	_, kind := crowd.Lines([]byte(answer))
	return kind == crowd.Answer
}

// start starts the server of that name, on a new folder.
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

// given are options of every provider. Only tests give some.
var given []string

// startProvider starts the provider on a folder, with its defaults except for these options,
// and waits until it listens.
func (l *lab) startProvider(dir string, args ...string) (*subject, error) {
	program, err := l.build(providerName, "", "elemental/cmd/elemental")
	if err != nil {
		return nil, err
	}
	args = slices.Concat([]string{"--host", "127.0.0.1", "--port", "0", "--storagepath", filepath.Join(dir, "data")}, given, args)
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

// settle makes the user alice and her server in a new provider.
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
	s.login = request("login", "usernm", "alice", "key", said.Key) // with a key, so that no password has to be hashed
	_, err = s.talk(s.login, request("createserver", "servername", server, "serverpasswd", ""))
	return err
}

// makeChannels makes channels of the provider's server. Other servers need none made.
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

// place is a new folder and a free address for a server.
func (l *lab) place() (dir, addr string, err error) {
	if dir, err = l.folder(); err == nil {
		addr, err = freeAddr()
	}
	return dir, addr, err
}

// startFloor starts the bare server, which keeps its messages in memory and in one file.
// It returns errAbsent if no source of one is named.
func (l *lab) startFloor() (*subject, error) {
	if l.options.Floor == "" {
		return nil, errAbsent
	}
	program, err := l.build(floorName, l.options.Floor, ".") // it is in a module of its own
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

// startRedis starts a Redis that has every command on disk before it answers. It returns
// errAbsent if Redis is not installed.
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
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	return b.String()
}
