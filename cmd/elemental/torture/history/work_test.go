package history

import (
	"fmt"
	"slices"
	"sync"

	"github.com/anishathalye/porcupine"
)

// This file is what the clients do: post and read, join and leave, log in and out.

var channels = []string{"general", "tea"}

// poster is a client that posts and reads.
type poster struct {
	*client
	serial  int
	amounts map[string]int      // of each channel, as far as it knows
	posted  map[string][]string // with a nonce, by channel
	since   int64               // of the subscription
}

// startPosting lets clients of three users, two each, write to two channels.
func (c *crowd) startPosting(all *sync.WaitGroup, turns int) {
	owner := c.register("owner")
	owner.must(object{"call": "createserver", "servername": "talk", "serverpasswd": ""})
	owner.must(object{"call": "createchannel", "servername": "talk", "name": "tea"})
	_ = owner.lose()
	for i := range 6 {
		user := fmt.Sprint("poster", i/2)
		if i%2 == 0 {
			first := c.register(user)
			first.must(object{"call": "joinserver", "servername": "talk", "serverpasswd": ""})
			_ = first.lose()
		}
		p := &poster{client: c.newcomer(user, firstPassword, true), amounts: map[string]int{}, posted: map[string][]string{}}
		if i%3 == 0 {
			p.arrive, p.heard = p.subscribe, p.hear
		}
		p.run(all, turns, p.turn)
	}
}

func (p *poster) subscribe() {
	p.since = p.book.now()
	_, _ = p.exchange(object{"call": "subscribe", "servername": "talk"})
}

// hear writes a push down as what it proves: by now the message is there.
func (p *poster) hear(e event) {
	p.book.add(&channelLog, porcupine.Operation{ClientId: p.id, Call: p.since, Return: p.book.now(),
		Input:  input{do: "read", of: e.Channel, user: p.user, from: e.Index, to: e.Index + 1},
		Output: output{list: []string{e.Message}}})
}

func (p *poster) turn() {
	channel := channels[p.rng.IntN(len(channels))]
	switch dice := p.rng.IntN(10); {
	case dice < 5:
		p.post(channel)
	case dice < 6 && len(p.posted[channel]) > 0: // once more, long after
		p.send(channel, p.posted[channel][p.rng.IntN(len(p.posted[channel]))], true)
	case dice < 8:
		p.total(channel)
	case dice < 9:
		p.read(channel, p.rng.IntN(p.amounts[channel]+1), 4)
	default:
		p.latest(channel, p.rng.IntN(5))
	}
}

// post posts a new text. One whose answer does not come is repeated, if it has a nonce.
func (p *poster) post(channel string) {
	p.serial++
	text, nonce := fmt.Sprintf("%d.%d", p.id, p.serial), p.rng.IntN(4) > 0
	if nonce {
		p.posted[channel] = append(p.posted[channel], text)
	}
	for p.send(channel, text, nonce).unknown && nonce && p.rng.IntN(3) > 0 {
	}
}

// send posts a text. The nonce is the serial number: others have the same.
func (p *poster) send(channel, text string, nonce bool) output {
	request := object{"call": "message", "servername": "talk", "channel": channel, "msg": text}
	if nonce {
		var by, serial int
		if _, err := fmt.Sscanf(text, "%d.%d", &by, &serial); err != nil {
			p.t.Error(err)
		}
		request["nonce"] = fmt.Sprintf("%d of %d", serial, by%2) // each user has two clients
	}
	in := input{do: "post", of: channel, user: p.user, text: text, nonce: nonce}
	return p.do(&channelLog, in, request, false, func(e event) output { return output{n: e.Index} })
}

func (p *poster) total(channel string) int {
	in := input{do: "total", of: channel, user: p.user}
	out := p.do(&channelLog, in, object{"call": "gettotalmessages", "servername": "talk", "channel": channel}, true,
		func(e event) output { return output{n: e.Amount} })
	p.amounts[channel] = max(p.amounts[channel], out.n)
	return out.n
}

func (p *poster) read(channel string, from, n int) []string {
	in := input{do: "read", of: channel, user: p.user, from: from, to: from + n}
	return p.do(&channelLog, in, object{"call": "getmessages", "servername": "talk", "channel": channel, "begin": from, "end": from + n}, true,
		func(e event) output { return output{list: e.texts()} }).list
}

func (p *poster) latest(channel string, n int) {
	in := input{do: "latest", of: channel, user: p.user, to: n}
	p.do(&channelLog, in, object{"call": "getlatestmessages", "servername": "talk", "channel": channel, "count": n}, true,
		func(e event) output { return output{n: e.Amount, list: e.texts()} })
}

// readAll reads both channels to their ends, when nobody posts any more, and
// settles what became of the posts without an answer: a text that stands in a
// channel can only have got there at that index, one that does not never did.
func (c *crowd) readAll() {
	p := &poster{client: c.newcomer("owner", firstPassword, false), amounts: map[string]int{}}
	texts := map[string][]string{}
	for _, channel := range channels {
		amount := p.total(channel)
		for from := 0; from < amount; from += 50 {
			texts[channel] = append(texts[channel], p.read(channel, from, min(50, amount-from))...)
		}
	}
	_ = p.lose()
	kept := c.book.ops[&channelLog][:0]
	for _, op := range c.book.ops[&channelLog] {
		in, out := op.Input.(input), op.Output.(output)
		if out.unknown {
			at := slices.Index(texts[in.of], in.text)
			if at < 0 {
				continue
			}
			op.Output = output{n: at}
		}
		kept = append(kept, op)
	}
	c.book.ops[&channelLog] = kept
}

// startJoining lets clients of three users, two each, come to and leave two servers.
func (c *crowd) startJoining(all *sync.WaitGroup, turns int, prefix string) {
	servers := []string{prefix + "one", prefix + "two"}
	host := c.register(prefix + "host")
	for _, server := range servers {
		host.must(object{"call": "createserver", "servername": server, "serverpasswd": ""})
		host.must(object{"call": "leaveserver", "servername": server}) // the models begin without members
	}
	_ = host.lose()
	for i := range 6 {
		user := fmt.Sprint(prefix, "guest", i/2)
		if i%2 == 0 {
			_ = c.register(user)
		}
		g := c.newcomer(user, firstPassword, true)
		g.run(all, turns, func() { g.visit(servers[g.rng.IntN(2)], servers) })
	}
}

// visit does one thing at a server. What changes two objects is written down
// for both, with the same times.
func (c *client) visit(server string, servers []string) {
	of := func(do string) input { return input{do: do, of: server, user: c.user} }
	switch dice := c.rng.IntN(10); {
	case dice < 3:
		c.change(of("join"), object{"call": "joinserver", "servername": server, "serverpasswd": ""})
	case dice < 5:
		c.change(of("leave"), object{"call": "leaveserver", "servername": server})
	case dice < 6:
		c.do(&members, of("peek"), object{"call": "getserverchannels", "servername": server}, true, nothing)
	case dice < 7:
		c.do(&members, of("peek"), object{"call": "message", "servername": server, "channel": "general", "msg": "here"}, true, nothing)
	case dice < 8:
		c.do(&members, of("who"), object{"call": "getservermembers", "servername": server}, true, func(e event) output {
			list := []string{}
			for _, m := range e.Members {
				list = append(list, m.User)
			}
			return output{list: list}
		})
	default:
		c.lookAround(servers)
	}
}

// change joins or leaves.
func (c *client) change(in input, request object) {
	answer, call, ret, known := c.ask(request)
	out := output{unknown: !known, refused: answer.Code}
	c.book.add(&members, porcupine.Operation{ClientId: c.id, Input: in, Call: call, Output: out, Return: ret})
	if out.refused == "" {
		in.of += " of " + c.user
		c.book.add(&joined, porcupine.Operation{ClientId: c.id, Input: in, Call: call, Output: out, Return: ret})
	}
}

// lookAround reads the user's list, which is one object for each server.
func (c *client) lookAround(servers []string) {
	answer, call, ret, known := c.ask(object{"call": "getjoinedservers"})
	if !known {
		return
	}
	for _, server := range servers {
		out := output{}
		if slices.Contains(answer.Servers, server) {
			out.n = 1
		}
		in := input{do: "list", of: server + " of " + c.user, user: c.user}
		c.book.add(&joined, porcupine.Operation{ClientId: c.id, Input: in, Call: call, Output: out, Return: ret})
	}
}

// purse is what the clients of one user know of its passwords and keys.
type purse struct {
	mu              sync.Mutex
	passwords, keys []string
}

func (p *purse) add(list *[]string, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*list = append(*list, text)
}

// pick is one of the last few of the list.
func (p *purse) pick(list *[]string, number int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(*list) == 0 {
		return "none"
	}
	newest := (*list)[max(0, len(*list)-3):]
	return newest[number%len(newest)]
}

// holder is a client that logs in and out.
type holder struct {
	*client
	purse  *purse
	key    string // of the session, "" without a login
	serial int
}

// startLogins lets three clients each of two users log in, log out and change the password.
func (c *crowd) startLogins(all *sync.WaitGroup, turns int, prefix string) {
	for i := range 2 {
		user := fmt.Sprint(prefix, "holder", i)
		_ = c.register(user)
		shared := &purse{passwords: []string{firstPassword}}
		for range 3 {
			h := &holder{client: c.newcomer(user, "", true), purse: shared}
			h.run(all, turns, h.turn)
		}
	}
}

func (h *holder) turn() {
	if h.conn == nil {
		h.connect()
		h.key = ""
	}
	switch dice := h.rng.IntN(10); {
	case dice < 4:
		h.byKey()
	case h.key == "" || dice < 7:
		h.byPassword()
	case dice < 9:
		h.change()
	default:
		h.do(&accounts, input{do: "logout", of: h.user, text: h.key}, object{"call": "logout"}, false, nothing)
		h.key = ""
	}
	if h.conn == nil {
		h.key = ""
	}
}

func (h *holder) byKey() {
	key := h.purse.pick(&h.purse.keys, h.rng.IntN(3))
	in := input{do: "keylogin", of: h.user, text: key}
	out := h.do(&accounts, in, object{"call": "login", "usernm": h.user, "key": key}, true, nothing)
	h.arrived(out, key)
}

func (h *holder) byPassword() {
	passwd := h.purse.pick(&h.purse.passwords, h.rng.IntN(3))
	in := input{do: "login", of: h.user, text: passwd}
	out := h.do(&accounts, in, object{"call": "login", "usernm": h.user, "passwd": passwd}, true,
		func(e event) output { return output{text: e.Key} })
	if out.text != "" {
		h.purse.add(&h.purse.keys, out.text)
	}
	h.arrived(out, out.text)
}

// arrived notes as whom the session is logged in. When the answer is missing it
// may be either, so the connection is given up.
func (h *holder) arrived(out output, key string) {
	switch {
	case !out.unknown && out.refused == "":
		h.key = key
	case out.unknown && h.conn != nil:
		_ = h.lose()
	}
}

func (h *holder) change() {
	h.serial++
	old, next := h.purse.pick(&h.purse.passwords, h.rng.IntN(3)), fmt.Sprintf("pw%d.%d", h.id, h.serial)
	in := input{do: "change", of: h.user, text: old, changed: next}
	h.purse.add(&h.purse.passwords, next)
	out := h.do(&accounts, in, object{"call": "changepasswd", "passwd": old, "newpasswd": next}, false,
		func(e event) output { return output{text: e.Key} })
	if out.text != "" {
		h.purse.add(&h.purse.keys, out.text)
	}
	h.arrived(out, out.text)
}
