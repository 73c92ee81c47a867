package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"elemental/bench/crowd"
)

// ergoConfig is the configuration of an Ergo that is limited by nothing but its work. It
// does not slow down those who post, does not limit the connections of one address, looks
// up no names, keeps no history, and lets far more data wait for a connection than there
// ever is. Clients that have not joined may post, so that it pushes only to the
// subscribers, as the other servers do. No connection is dropped while others have their
// turns. Everything else is Ergo's default. The limits of lengths are those of the file
// that it ships with, since it does not start without any.
const ergoConfig = `network:
  name: bench
server:
  name: ergo.bench
  listeners:
    %q: {}
  casemapping: ascii
  lookup-hostnames: false
  check-ident: false
  max-sendq: 64M
  ip-limits:
    count: false
    throttle: false
  idle-timeouts:
    disconnect: 24h
channels:
  default-modes: ""
fakelag:
  enabled: false
history:
  enabled: false
limits:
  nicklen: 32
  channellen: 64
  awaylen: 390
  kicklen: 390
  topiclen: 390
logging:
  - method: stderr
    type: "*"
    level: error
datastore:
  path: %q
`

// startErgo starts an Ergo, which is an IRC server. It returns errAbsent if Ergo is not
// installed.
func (l *lab) startErgo() (*subject, error) {
	program, err := exec.LookPath("ergo")
	if err != nil {
		return nil, errAbsent
	}
	dir, addr, err := l.place()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "ircd.yaml")
	text := fmt.Sprintf(ergoConfig, addr, filepath.Join(dir, "ircd.db"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	p, err := l.launch(ergoName, program, "run", "--conf", config)
	if err != nil {
		return nil, err
	}
	p.addr = addr
	s := &subject{process: p, scan: crowd.IRC, loginAs: loginIRC, subscribe: "JOIN #" + channel + "\r\n", post: postIRC}
	return s, l.awaitListener(p)
}

func loginIRC(i int) string { return "NICK " + member(i) + "\r\nUSER bench 0 * :bench\r\n" }

// postIRC is a post with a PING after it. IRC does not say that a post was taken, but the
// answer to the PING shows it.
func postIRC(channel string) string {
	return "PRIVMSG #" + channel + " :" + text + "\r\nPING posted\r\n"
}
