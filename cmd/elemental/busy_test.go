package main

import (
	"strings"
	"testing"
)

// TestBusy fills the one place for work in flight with a slow request: others
// hear "busy, try again", nothing is done for them, and later all goes on.
func TestBusy(t *testing.T) {
	p := startProvider(t, "--maxinflight", "1", "--hashtime", "200", "--hashmemory", "8192", "--answertimeout", "5m")
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
	if answer := slow.hear(); answer["resp"] != true {
		t.Errorf("the request that was there first: %v", answer)
	}
	for other.call("getprovidername")["resp"] != true {
		continue // the place is given back just after the answer
	}
}
