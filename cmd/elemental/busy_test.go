package main

import (
	"strings"
	"testing"
)

// TestBusy fills the one place for work in flight with a request whose password is not
// hashed: others hear "busy, try again", nothing is done for them, and later all goes on.
func TestBusy(t *testing.T) {
	p := startProvider(t, "--maxinflight", "1", "--hashworkers", "1")
	p.dial().must("register", "usernm", "first", "passwd", "x") // starts the process that hashes
	goOn := p.haltHashers(t)
	slow, other := p.dial(), p.dial()
	register := request("register", "usernm", "alice", "passwd", "x")
	slow.send(register)
	for busy := false; !busy; {
		answer := other.call("getprovidername")
		busy = answer["reason"] == "busy, try again"
		select {
		case raw := <-slow.heard:
			if !strings.Contains(string(raw), "busy") {
				t.Fatalf("the slow request was over before anybody was refused: %s", raw)
			}
			busy = false
			slow.send(register) // the other had the one place when it came
		default:
		}
	}
	goOn()
	if answer := slow.hear(); answer["resp"] != true {
		t.Errorf("the request that was there first: %v", answer)
	}
	for other.call("getprovidername")["resp"] != true {
		continue // the place is given back just after the answer
	}
}
