package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"elemental/bench/crowd"
)

// ergoConfig is of an Ergo that nothing holds back but its work: it does not
// slow down who posts, limits no connections of one address, looks up no names,
// keeps no history, and lets far more wait for a connection than there ever is.
// Who has not joined may post, so that it pushes to the subscribers alone, as
// the others do. Nobody is dropped while others have their turns. All else is
// as Ergo has it without being told; the limits of lengths are those that it
// ships with, as it does not start without any.
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

// startErgo starts an Ergo, which is an IRC server.
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

// postIRC has a PING after it: its answer tells that the post was taken, of
// which IRC itself says nothing.
func postIRC(channel string) string {
	return "PRIVMSG #" + channel + " :" + text + "\r\nPING posted\r\n"
}
