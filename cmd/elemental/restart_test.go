package main

import (
	"reflect"
	"testing"
)

// TestRestart asks the same questions before and after a restart.
func TestRestart(t *testing.T) {
	for name, end := range map[string]func(*provider){
		"stopped": (*provider).Stop,
		"killed":  (*provider).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startProvider(t)
			w := makeWorld(p)
			before := w.ask(p)
			for round := range 2 { // the second starts from what the first start wrote
				end(p)
				p.Start()
				after := w.ask(p)
				compareAnswers(t, round, before, after)
			}
			w.checkGoesOn(p)
		})
	}
}

func compareAnswers(t *testing.T, round int, before, after map[string]object) {
	t.Helper()
	for question, answer := range before {
		if !reflect.DeepEqual(answer, after[question]) {
			t.Errorf("restart %d: %s\nbefore %v\n after %v", round, question, answer, after[question])
		}
	}
}

// world is what makeWorld leaves to be found again.
type world struct {
	key   string
	first object // answer to the post with the nonce
}

func makeWorld(p *provider) *world {
	p.t.Helper()
	alice, bob := p.join("alice"), p.join("bob")
	alice.makeServer("gophers")
	alice.makeServer("gone")
	bob.makeServer("bobs")
	bob.joinServer("gophers")
	bob.joinServer("gone")
	bob.must("leaveserver", "servername", "bobs")
	alice.must("deleteserver", "servername", "gone", "serverpasswd", passwordOf("gone"))
	alice.must("createchannel", "servername", "gophers", "name", "tea")
	alice.must("createchannel", "servername", "gophers", "name", "../hostile")
	alice.must("deletechannel", "servername", "gophers", "name", "general")
	alice.must("setserverimage", "servername", "gophers", "img", "aGVsbG8=")
	for _, text := range []string{"one", "zwei ü", "three 😀"} {
		alice.post("gophers", "tea", text)
		bob.post("gophers", "../hostile", text)
	}
	first := bob.must("message", "servername", "gophers", "channel", "tea", "msg", "once", "nonce", "n-1")
	bob.must("changepasswd", "passwd", passwordOf("bob"), "newpasswd", "fresh")
	key, _ := alice.must("login", "usernm", "alice", "passwd", passwordOf("alice"))["key"].(string)
	return &world{key: key, first: first}
}

// ask gives the answers that a restart must not change.
func (w *world) ask(p *provider) map[string]object {
	p.t.Helper()
	alice, bob := p.dial(), p.dial()
	answers := map[string]object{
		"alice's key":        alice.must("login", "usernm", "alice", "key", w.key),
		"bob's old password": bob.call("login", "usernm", "bob", "passwd", passwordOf("bob")),
		"bob again":          bob.call("register", "usernm", "bob", "passwd", "x"),
		"nobody":             bob.call("login", "usernm", "nobody", "passwd", "x"),
	}
	bob.must("login", "usernm", "bob", "passwd", "fresh")
	for name, c := range map[string]*client{"alice": alice, "bob": bob} {
		ask := func(call string, pairs ...any) {
			answers[name+" "+request(call, pairs...)] = c.call(call, pairs...)
		}
		ask("getjoinedservers")
		for _, server := range []string{"gophers", "gone", "bobs"} {
			ask("getserverchannels", "servername", server)
			ask("getservermembers", "servername", server)
			ask("getserverimage", "servername", server)
			ask("joinserver", "servername", server, "serverpasswd", "wrong")
		}
		ask("createserver", "servername", "gophers", "serverpasswd", "x")
		for _, channel := range []string{"general", "tea", "../hostile"} {
			ask("gettotalmessages", "servername", "gophers", "channel", channel)
			ask("getmessages", "servername", "gophers", "channel", channel, "begin", 0, "end", 3)
			ask("getlatestmessages", "servername", "gophers", "channel", channel, "count", 10)
			ask("deletechannel", "servername", "gophers", "name", "nothing")
		}
	}
	answers["bob's nonce"] = bob.call("message", "servername", "gophers", "channel", "tea", "msg", "once", "nonce", "n-1")
	return answers
}

// checkGoesOn looks at what a question alone does not show.
func (w *world) checkGoesOn(p *provider) {
	p.t.Helper()
	alice := p.join("alice")
	again := p.join("bob2")
	if again.must("getjoinedservers")["servers"] == nil {
		p.t.Error("a new user cannot be made after the restart")
	}
	next := alice.post("gophers", "tea", "after")
	if next["index"] != w.first["index"].(float64)+1 {
		p.t.Errorf("the post after the restart has index %v, the last before it %v", next["index"], w.first["index"])
	}
	if next["timestamp"].(float64) <= w.first["timestamp"].(float64) {
		p.t.Errorf("timestamps went back: %v after %v", next["timestamp"], w.first["timestamp"])
	}
}
