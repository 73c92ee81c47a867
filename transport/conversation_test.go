package transport_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"testing"

	"elemental/actors"
	"elemental/transport/housetest"
)

// conversation is some users who do all that can be done, in servers of their own.
type conversation struct {
	t                 testing.TB
	prefix            string
	alice, bob, carol *talker
	ended             string                    // a key that was logged out
	posted            map[string]map[string]int // by channel: each text and its index
}

func begin(t testing.TB, h *housetest.House, prefix string) *conversation {
	t.Helper()
	c := &conversation{t: t, prefix: prefix, posted: map[string]map[string]int{}}
	c.alice = newTalker(t, h, prefix+"alice")
	c.bob = newTalker(t, h, prefix+"bob")
	c.carol = newTalker(t, h, prefix+"carol")
	return c
}

func (c *conversation) server() string { return c.prefix + "server" }

// in makes a call about the server, and perhaps one of its channels.
func (c *conversation) in(who *talker, call, channel string, values ...any) map[string]any {
	r := who.call(call, append([]any{"servername", c.server()}, values...)...)
	if channel != "" {
		r["channel"] = channel
	}
	return r
}

// run has it all, with that many posts.
func (c *conversation) run(posts int) {
	c.t.Helper()
	c.gather()
	c.post(posts)
	c.look()
	c.part()
	c.keys()
}

func (c *conversation) gather() {
	c.t.Helper()
	c.alice.must(c.in(c.alice, "createserver", "", "serverpasswd", "spw-secret"), "server_exists")
	for _, member := range []*talker{c.bob, c.carol} {
		member.must(c.in(member, "joinserver", "", "serverpasswd", "spw-secret"))
	}
	for _, channel := range []string{"second", "third"} {
		c.alice.must(c.in(c.alice, "createchannel", "", "name", channel), "channel_exists")
	}
	image := base64.StdEncoding.EncodeToString([]byte("image"))
	c.alice.must(c.in(c.alice, "setserverimage", "", "img", image))
	c.bob.must(c.in(c.bob, "subscribe", "general"))
	c.carol.must(c.in(c.carol, "subscribe", ""))
	c.carol.must(c.in(c.carol, "unsubscribe", ""), "not_subscribed")
	c.carol.must(c.in(c.carol, "subscribe", ""))
}

// post posts many at once to one channel, and a few to another. What was not
// acknowledged is posted again with its nonce.
func (c *conversation) post(posts int) {
	c.t.Helper()
	const window = 50
	for from := 0; from < posts; from += window {
		texts := map[string]bool{}
		c.alice.must(c.alice.call("ping"))
		sent := 0
		for i := from; i < min(from+window, posts); i++ {
			text := fmt.Sprint("text-secret-", i)
			texts[text] = true
			c.alice.send(c.message(c.alice, "general", text))
			sent++
		}
		for i := range sent {
			if answer := c.alice.answer(); answer != nil && answer["resp"] == true {
				text := fmt.Sprint("text-secret-", from+i)
				c.acknowledged("general", text, answer)
				delete(texts, text)
			}
		}
		for text := range texts {
			c.say(c.alice, "general", text)
		}
	}
	for i := range 3 {
		c.say(c.bob, "second", fmt.Sprint("text-secret-b", i))
	}
}

func (c *conversation) message(who *talker, channel, text string) map[string]any {
	return c.in(who, "message", channel, "msg", text, "nonce", text)
}

func (c *conversation) say(who *talker, channel, text string) {
	c.t.Helper()
	c.acknowledged(channel, text, who.must(c.message(who, channel, text)))
}

func (c *conversation) acknowledged(channel, text string, answer map[string]any) {
	c.t.Helper()
	if c.posted[channel] == nil {
		c.posted[channel] = map[string]int{}
	}
	index := int(answer["index"].(float64))
	if before, twice := c.posted[channel][text]; twice && before != index {
		c.t.Fatalf("%s stands at %d and at %d", text, before, index)
	}
	c.posted[channel][text] = index
}

func (c *conversation) look() {
	c.t.Helper()
	for _, call := range []string{"getserverimage", "getserverchannels", "getservermembers"} {
		c.bob.must(c.in(c.bob, call, ""))
	}
	c.bob.must(c.bob.call("getjoinedservers"))
	c.bob.must(c.in(c.bob, "gettotalmessages", "general"))
	c.bob.must(c.in(c.bob, "getlatestmessages", "general", "count", 5))
	c.bob.must(c.bob.call("getprovidername"))
	stranger := &talker{t: c.t, h: c.bob.h}
	stranger.must(stranger.call("login", "usernm", c.prefix+"nobody", "passwd", "x"), "no_such_user")
	stranger.hangUp()
	c.bob.must(c.bob.call("joinserver", "servername", c.prefix+"nowhere", "serverpasswd", "x"), "no_such_server")
}

// old reads the oldest messages, which may be on pages.
func (c *conversation) old() {
	c.t.Helper()
	c.bob.must(c.in(c.bob, "getmessages", "general", "begin", 0, "end", 2))
}

// part ends a membership, a channel and a server.
func (c *conversation) part() {
	c.t.Helper()
	c.carol.must(c.in(c.carol, "leaveserver", ""), "not_in_server")
	c.say(c.alice, "general", "text-secret-without-carol")
	c.carol.must(c.in(c.carol, "unsubscribe", ""), "not_subscribed") // comes after a push, if there was one
	if c.carol.hears("text-secret-without-carol") {
		c.t.Error("who has left hears what is said")
	}
	c.bob.must(c.in(c.bob, "subscribe", "third"), "no_such_channel")
	c.alice.must(c.in(c.alice, "deletechannel", "", "name", "third"), "no_such_channel")
	other := c.prefix + "other"
	c.alice.must(c.alice.call("createserver", "servername", other, "serverpasswd", "spw-secret"), "server_exists")
	c.bob.must(c.bob.call("joinserver", "servername", other, "serverpasswd", "spw-secret"))
	c.alice.must(c.alice.call("deleteserver", "servername", other, "serverpasswd", "spw-secret"), "no_such_server")
}

// keys ends one of bob's keys, and changes carol's password.
func (c *conversation) keys() {
	c.t.Helper()
	second := *c.bob
	second.line, second.pushes, second.heard = nil, nil, nil
	second.must(second.call("ping"))
	until(c.t, "logout", func() bool {
		c.ended = second.key
		answer := second.ask(second.call("logout"))
		return answer != nil && (answer["resp"] == true || answer["code"] == "not_logged_in") // it was done, and answered too late
	})
	second.hangUp()
	c.bob.must(c.bob.call("login", "key", c.bob.key))
	old := c.carol.pws[0]
	c.carol.pws = append(c.carol.pws, old+"-new")
	c.carol.must(c.carol.call("changepasswd", "passwd", old, "newpasswd", old+"-new"), "wrong_password")
	c.carol.hangUp() // the new key comes with the next login
}

// check sees that everything is as it should be after all that: what was
// acknowledged is there once, and pushes told nothing else.
func (c *conversation) check() {
	c.t.Helper()
	for _, each := range []struct {
		who  *talker
		want string
	}{{c.alice, "[" + c.server() + "]"}, {c.bob, "[" + c.server() + "]"}, {c.carol, "[]"}} {
		until(c.t, "the joined servers of "+each.who.name, func() bool { // debts are paid within a sweep
			return fmt.Sprint(each.who.must(each.who.call("getjoinedservers"))["servers"]) == each.want
		})
	}
	for channel, texts := range c.posted {
		history := c.history(channel)
		if len(history) != len(texts) {
			c.t.Errorf("%d messages in %s, %d acknowledged", len(history), channel, len(texts))
		}
		for text, index := range texts {
			if index >= len(history) || history[index].(map[string]any)["message"] != text {
				c.t.Errorf("%s is not at %d of %s", text, index, channel)
			}
		}
		c.checkPushes(channel, history)
	}
}

// alive sees that alice and bob are pushed what the other says, on the
// connections that they have, and that she sees him come and go.
func (c *conversation) alive(name string) {
	c.t.Helper()
	c.pushed(c.alice, c.bob, "text-secret-to-bob-"+name)
	c.pushed(c.bob, c.alice, "text-secret-to-alice-"+name)
	c.bob.hangUp()
	for _, online := range []bool{false, true} {
		until(c.t, "bob's coming and going", func() bool {
			if online {
				c.bob.must(c.bob.call("ping"))
			}
			members := c.alice.must(c.in(c.alice, "getservermembers", ""))["members"]
			return fmt.Sprint(members) == fmt.Sprintf("[map[online:true usernm:%s] map[online:%t usernm:%s]]", c.alice.name, online, c.bob.name)
		})
	}
}

// pushed has one say something until the other has heard it. Who is cut off
// meanwhile comes back.
func (c *conversation) pushed(from, to *talker, text string) {
	c.t.Helper()
	for i := 0; ; i++ {
		text := fmt.Sprint(text, i)
		to.must(to.call("ping"))
		c.say(from, "general", text)
		for to.line != nil && !to.hears(text) {
			if got := to.next(); got != nil {
				to.pushes = append(to.pushes, got)
			}
		}
		if to.line != nil {
			return
		}
	}
}

func (c *conversation) history(channel string) []any {
	c.t.Helper()
	total := c.bob.must(c.in(c.bob, "gettotalmessages", channel))["amount"]
	list, _ := c.bob.must(c.in(c.bob, "getmessages", channel, "begin", 0, "end", total))["messages"].([]any)
	return list
}

// checkPushes sees that each connection heard a channel's messages in order,
// each at most once, and as the history has them.
func (c *conversation) checkPushes(channel string, history []any) {
	c.t.Helper()
	for _, who := range []*talker{c.alice, c.bob, c.carol} {
		last := -1
		for _, p := range append(who.heard, who.pushes...) {
			switch {
			case p == nil:
				last = -1
			case p["call"] == "newmessage" && p["servername"] == c.server() && p["channel"] == channel:
				index := int(p["index"].(float64))
				if index <= last || history[index].(map[string]any)["message"] != p["message"] {
					c.t.Errorf("%s heard %v after %d", who.name, p, last)
				}
				last = index
			}
		}
	}
}

// view is all that its users can see, keys included.
func (c *conversation) view() string {
	c.t.Helper()
	seen := map[string]any{}
	for _, who := range []*talker{c.alice, c.bob, c.carol} {
		seen["servers of "+who.name] = who.must(who.call("getjoinedservers"))["servers"]
		seen["key of "+who.name] = who.must(who.call("login", "key", who.key))["resp"]
	}
	seen["ended key"] = c.bob.must(c.bob.call("login", "key", c.ended), "wrong_key")["code"]
	for _, call := range []string{"getserverimage", "getserverchannels"} {
		seen[call] = c.bob.must(c.in(c.bob, call, ""))
	}
	members := c.bob.must(c.in(c.bob, "getservermembers", ""))
	names := []string{members["owner"].(string)}
	for _, m := range members["members"].([]any) {
		names = append(names, m.(map[string]any)["usernm"].(string))
	}
	sort.Strings(names)
	seen["members"] = names
	for channel := range c.posted {
		seen[channel] = c.history(channel)
	}
	text, err := json.Marshal(seen)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// moveTo goes on in another house.
func (c *conversation) moveTo(h *housetest.House) {
	for _, who := range []*talker{c.alice, c.bob, c.carol} {
		who.hangUp()
		who.h = h
	}
}

// TestTheOrderOfRefusals asks with values that cannot be, and something else that is wrong: what
// the original provider could tell comes first, and who has not logged in is told nothing else
// of a call that needs a login.
func TestTheOrderOfRefusals(t *testing.T) {
	h := housetest.New(t, housetest.Settings{})
	alice := h.Founder()
	alice.Yes(`{"call":"register","usernm":"bob","passwd":"pw"}`)
	bob, stranger := h.Login("bob"), h.Dial()
	long := strings.Repeat("x", 1025)
	for _, tt := range []struct {
		who     *housetest.Line
		request string
		want    string
	}{
		{stranger, `{"call":"createserver","servername":" ","serverpasswd":""}`, "not_logged_in"},
		{stranger, `{"call":"createserver","servername":" "}`, "incorrect_values"},
		{stranger, `{"call":"createchannel","servername":"s","name":" "}`, "not_logged_in"},
		{stranger, `{"call":"setserverimage","servername":"s","img":"?"}`, "not_logged_in"},
		{stranger, `{"call":"changepasswd","passwd":"pw","newpasswd":""}`, "not_logged_in"},
		{stranger, `{"call":"getlatestmessages","servername":"s","channel":"general","count":-1}`, "not_logged_in"},
		{stranger, `{"call":"register","usernm":"bob","passwd":""}`, "user_exists"},
		{stranger, `{"call":"register","usernm":" ","passwd":""}`, "invalid_username"},
		{stranger, `{"call":"register","usernm":"carol","passwd":""}`, "invalid_password"},
		{bob, `{"call":"setserverimage","usernm":"alice","servername":"s","img":"?"}`, "not_that_user"},
		{bob, `{"call":"setserverimage","servername":"t","img":"?"}`, "no_such_server"},
		{bob, `{"call":"setserverimage","servername":"s","img":"?"}`, "not_owner_image"},
		{alice, `{"call":"setserverimage","servername":"s","img":"?"}`, "invalid_image"},
		{bob, `{"call":"createserver","servername":"s","serverpasswd":"` + long + `"}`, "server_exists"},
		{bob, `{"call":"createserver","servername":" ","serverpasswd":"` + long + `"}`, "invalid_server_name"},
		{bob, `{"call":"createserver","servername":"t","serverpasswd":"` + long + `"}`, "invalid_password"},
		{bob, `{"call":"createchannel","servername":"t","name":" "}`, "no_such_server"},
		{bob, `{"call":"createchannel","servername":"s","name":" "}`, "not_owner_create_channel"},
		{alice, `{"call":"createchannel","servername":"s","name":" "}`, "invalid_channel_name"},
		{bob, `{"call":"changepasswd","passwd":"wrong","newpasswd":""}`, "invalid_password"},
		{bob, `{"call":"getlatestmessages","servername":"t","channel":"general","count":-1}`, "no_such_server"},
		{bob, `{"call":"getlatestmessages","servername":"s","channel":"tea","count":1,"before":-1}`, "no_such_channel"},
		{bob, `{"call":"getlatestmessages","servername":"s","channel":"general","count":-1}`, "out_of_range"},
		{bob, `{"call":"getlatestmessages","servername":"s","channel":"general","count":1}`, "not_in_server"},
	} {
		if answer := tt.who.Ask("%s", tt.request); answer["code"] != tt.want {
			t.Errorf("%.100s: %v, not %s", tt.request, answer["code"], tt.want)
		}
	}
}

// TestAGoodbyeReadsOn sends on after the last word: closing at once would reset the connection, and
// a client that is slow to read would not hear why.
func TestAGoodbyeReadsOn(t *testing.T) {
	h := housetest.New(t, housetest.Settings{Actor: func(cfg *actors.Config) { cfg.Inspect = true }})
	line := h.Dial()
	line.Write(`{"call":"` + strings.Repeat("x", 32<<10))
	if last := line.Next(); last["code"] != "too_large" {
		t.Fatalf("heard %v", last)
	}
	until(t, "its session has ended", func() bool { return h.Provider.KindCounts()[actors.KindSession].Ended == 1 })
	for range 100 {
		line.Write(strings.Repeat("y", 4<<10))
	}
}
