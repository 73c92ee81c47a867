package main

import (
	"maps"
	"slices"
	"testing"

	"elemental/transport"
)

// calls is every call with values of the right types, all required.
var calls = []struct {
	name      string
	values    map[string]any
	anonymous bool // needs no login
}{
	{"register", map[string]any{"usernm": "zoe", "passwd": "x"}, true},
	{"login", map[string]any{"usernm": "alice", "passwd": "pw-alice"}, true},
	{"getprovidername", nil, true},
	{"ping", nil, true},
	{"logout", nil, false},
	{"changepasswd", map[string]any{"passwd": "pw-alice", "newpasswd": "x"}, false},
	{"createserver", map[string]any{"servername": "new", "serverpasswd": "x"}, false},
	{"joinserver", map[string]any{"servername": "gophers", "serverpasswd": "x"}, false},
	{"leaveserver", map[string]any{"servername": "gophers"}, false},
	{"deleteserver", map[string]any{"servername": "gophers", "serverpasswd": "x"}, false},
	{"createchannel", map[string]any{"servername": "gophers", "name": "tea"}, false},
	{"deletechannel", map[string]any{"servername": "gophers", "name": "tea"}, false},
	{"message", map[string]any{"servername": "gophers", "channel": "general", "msg": "hi"}, false},
	{"getmessages", map[string]any{"servername": "gophers", "channel": "general", "begin": 0, "end": 0}, false},
	{"getlatestmessages", map[string]any{"servername": "gophers", "channel": "general", "count": 1}, false},
	{"gettotalmessages", map[string]any{"servername": "gophers", "channel": "general"}, false},
	{"getjoinedservers", nil, false},
	{"getserverchannels", map[string]any{"servername": "gophers"}, false},
	{"getservermembers", map[string]any{"servername": "gophers"}, false},
	{"setserverimage", map[string]any{"servername": "gophers", "img": "aGVsbG8="}, false},
	{"getserverimage", map[string]any{"servername": "gophers"}, false},
	{"subscribe", map[string]any{"servername": "gophers"}, false},
	{"unsubscribe", map[string]any{"servername": "gophers"}, false},
}

func TestEveryCallIsTried(t *testing.T) {
	var tried []string
	for _, call := range calls {
		tried = append(tried, call.name)
	}
	slices.Sort(tried)
	if all := transport.Calls(); !slices.Equal(tried, all) {
		t.Errorf("calls has\n%v\nand there are\n%v", tried, all)
	}
}

// pairsOf turns values into request's pairs.
func pairsOf(values map[string]any) []any {
	var pairs []any
	for name, value := range values {
		pairs = append(pairs, name, value)
	}
	return pairs
}

func TestEveryCallWantsAllItsValuesInTheirTypes(t *testing.T) {
	p := startProvider(t)
	alice := p.join("alice")
	alice.makeServer("gophers")
	for _, call := range calls {
		for name := range call.values {
			less := maps.Clone(call.values)
			delete(less, name)
			alice.refused("incorrect request values", call.name, pairsOf(less)...)
			if name == "begin" || name == "end" {
				continue // has reasons of its own
			}
			for _, wrong := range []any{true, []any{}, map[string]any{}, nil} {
				less[name] = wrong
				alice.refused("incorrect request values", call.name, pairsOf(less)...)
			}
		}
	}
	if got := alice.must("getjoinedservers")["servers"]; len(got.([]any)) != 1 {
		t.Errorf("a refused call changed something: %v", got)
	}
}

func TestCallsWantALogin(t *testing.T) {
	p := startProvider(t)
	p.join("alice").makeServer("gophers")
	stranger := p.dial()
	for _, call := range calls {
		if !call.anonymous {
			stranger.refused("not logged in", call.name, pairsOf(call.values)...)
			stranger.refused("not logged in", call.name,
				append(pairsOf(call.values), "usernm", "alice")...)
		}
	}
}

func TestNobodyActsAsAnother(t *testing.T) {
	p := startProvider(t)
	p.join("alice").makeServer("gophers")
	mallory := p.join("mallory")
	for _, call := range calls {
		if call.anonymous {
			continue // these do not act as anybody
		}
		mallory.refused("usernm is not the logged in user", call.name,
			append(pairsOf(call.values), "usernm", "alice")...)
	}
}

// TestOldClientsRequests sends what the original's client sends: usernm and
// passwd with every request, without a delimiter, one at a time.
func TestOldClientsRequests(t *testing.T) {
	p := startProvider(t)
	p.join("alice").makeServer("gophers")
	old := p.dial()
	with := func(pairs ...any) []any { return append(pairs, "usernm", "alice", "passwd", "pw-alice") }
	old.must("login", with()...)
	old.must("getprovidername", with()...)
	old.must("createserver", with("servername", "olds", "serverpasswd", "x")...)
	old.must("joinserver", with("servername", "olds", "serverpasswd", "x")...)
	old.must("createchannel", with("servername", "olds", "name", "tea")...)
	old.must("getjoinedservers", with()...)
	old.must("getserverchannels", with("servername", "olds")...)
	old.must("message", with("servername", "olds", "channel", "tea", "msg", "hi")...)
	old.must("gettotalmessages", with("servername", "olds", "channel", "tea")...)
	old.must("getmessages", with("servername", "olds", "channel", "tea", "begin", 0, "end", 1)...)
	old.must("setserverimage", with("servername", "olds", "img", "aGVsbG8=")...)
	old.must("getserverimage", with("servername", "olds")...)
	old.must("deletechannel", with("servername", "olds", "name", "tea")...)
	old.must("leaveserver", with("servername", "olds")...)
	old.must("deleteserver", with("servername", "olds", "serverpasswd", "x")...)
}
