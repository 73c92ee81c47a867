package modeltest

import (
	"strings"

	"pgregory.net/rapid"
)

// This file is the calls of channels, their messages, and subscriptions.

func (m *machine) CreateChannel(t *rapid.T) {
	l, server, channel := m.line(t), aServer(t), aChannel(t)
	m.do(t, l, step{"createchannel", object{"servername": server, "name": channel}, "", false, func(object) (string, object) {
		return done(m.model.createChannel(l.user, server, channel))
	}})
}

func (m *machine) DeleteChannel(t *rapid.T) {
	l, server, channel := m.line(t), aServer(t), aChannel(t)
	m.do(t, l, step{"deletechannel", object{"servername": server, "name": channel}, "", false, func(object) (string, object) {
		code := m.model.deleteChannel(l.user, server, channel)
		if code == "" {
			m.tellGone(server, channel)
			m.ends("channel_gone", func(_ *modelLine, s, c string) bool { return s == server && c == channel })
		}
		return done(code)
	}})
}

// tellGone lets those who hear the whole server, and not the channel by itself,
// know of its end.
func (m *machine) tellGone(server, channel string) {
	for _, l := range m.lines {
		if l != nil && l.subs[[2]string{server, ""}] && !l.subs[[2]string{server, channel}] {
			l.due = append(l.due, unsubscribed(server, channel, "channel_gone"))
		}
	}
}

// Post posts one message or pipelines several, and a question after them.
func (m *machine) Post(t *rapid.T) {
	l, server, channel := m.line(t), aServer(t), aChannel(t)
	var steps []step
	for range draw(t, "posts", []int{1, 1, 2, 7}) {
		steps = append(steps, m.post(t, l, server, channel))
	}
	if len(steps) > 1 {
		steps = append(steps, m.total(l, server, channel))
	}
	m.do(t, l, steps...)
}

func (m *machine) post(t *rapid.T, l *modelLine, server, channel string) step {
	text := draw(t, "msg", []string{"", "hello", "hello", "ünï 😀", strings.Repeat("x", modelTextBytes), strings.Repeat("x", modelTextBytes+1)})
	nonce := draw(t, "nonce", []string{"", "", "", "", "", "", "n1", "n1", "n2", strings.Repeat("n", 65)})
	bad, values := "", object{"servername": server, "channel": channel, "msg": text}
	if nonce != "" {
		values["nonce"] = nonce
	}
	if len(nonce) > 64 {
		bad = "incorrect_values"
	}
	return step{"message", values, bad, false, func(answer object) (string, object) {
		r, index, fresh, code := m.model.post(l.user, server, channel, text, nonce)
		if code != "" {
			return done(code)
		}
		if fresh {
			r.posts[index]["timestamp"] = answer["timestamp"]
			m.push(l, server, channel, r.posts[index])
		}
		return "", object{"index": index, "timestamp": r.posts[index]["timestamp"]}
	}}
}

// push has a message told to all who are subscribed but the line that posted it.
func (m *machine) push(from *modelLine, server, channel string, p object) {
	event := canonical(object{"call": "newmessage", "servername": server, "channel": channel,
		"message": p["message"], "author": p["author"], "index": p["index"], "timestamp": p["timestamp"]})
	for _, l := range m.lines {
		if l != nil && l != from && (l.subs[[2]string{server, ""}] || l.subs[[2]string{server, channel}]) {
			l.due = append(l.due, event)
		}
	}
}

func (m *machine) Messages(t *rapid.T) {
	l, server, channel := m.line(t), aServer(t), aChannel(t)
	places := []any{0, 1, 2, 5, 9, -1, "0", true, 1.5}
	if s := m.model.servers[server]; s != nil && s.rooms[channel] != nil {
		n := len(s.rooms[channel].posts)
		places = append(places, n, n+1, max(n-modelMessages, 0), max(n-modelMessages-1, 0))
	}
	begin := draw(t, "begin", places)
	m.do(t, l, m.messages(l, server, channel, begin, draw(t, "end", places)))
}

func (m *machine) messages(l *modelLine, server, channel string, begin, end any) step {
	values := object{"servername": server, "channel": channel, "begin": begin, "end": end}
	return step{"getmessages", values, "", false, func(object) (string, object) {
		adds, code := m.model.getMessages(l.user, server, channel, begin, end)
		return code, adds
	}}
}

func (m *machine) Latest(t *rapid.T) {
	l, server, channel := m.line(t), aServer(t), aChannel(t)
	count := even(t, "count", modelMessages+3) - 1
	before := draw(t, "before", []any{nil, nil, 0, 1, 3, 100, -1})
	values := object{"servername": server, "channel": channel, "count": count}
	if before != nil {
		values["before"] = before
	}
	m.do(t, l, step{"getlatestmessages", values, "", false, func(object) (string, object) {
		adds, code := m.model.latestMessages(l.user, server, channel, count, before)
		return code, adds
	}})
}

func (m *machine) Total(t *rapid.T) { l := m.line(t); m.do(t, l, m.total(l, aServer(t), aChannel(t))) }

func (m *machine) total(l *modelLine, server, channel string) step {
	return step{"gettotalmessages", object{"servername": server, "channel": channel}, "", false, func(object) (string, object) {
		r, code := m.model.enter(l.user, server, channel)
		if code != "" {
			return done(code)
		}
		return "", object{"amount": len(r.posts)}
	}}
}

func (m *machine) Subscribe(t *rapid.T) {
	l, server, channel := m.line(t), aServer(t), draw(t, "channel", append([]string{"", ""}, channelNames...))
	m.do(t, l, m.subscribe(l, server, channel))
}

// SettleIn is what a client does first: join, and subscribe.
func (m *machine) SettleIn(t *rapid.T) {
	l, server, passwd := m.line(t), aServer(t), ""
	if s := m.model.servers[server]; s != nil {
		passwd = s.passwd
	}
	m.do(t, l, m.joinServer(l, server, passwd), m.subscribe(l, server, draw(t, "channel", []string{"", "general"})))
}

func (m *machine) subscribe(l *modelLine, server, channel string) step {
	return step{"subscribe", where(server, channel), "", false, func(object) (string, object) {
		code := m.model.checkMember(l.user, server)
		if code == "" && channel != "" {
			code = m.model.checkChannel(server, channel)
		}
		if code != "" {
			return done(code)
		}
		l.subs[[2]string{server, channel}] = true
		if channel == "" {
			return done("")
		}
		return "", object{"amount": len(m.model.servers[server].rooms[channel].posts)}
	}}
}

func (m *machine) Unsubscribe(t *rapid.T) {
	l, server, channel := m.line(t), aServer(t), mostly(t, "channel", append([]string{""}, channelNames...))
	m.do(t, l, step{"unsubscribe", where(server, channel), "", false, func(object) (string, object) {
		if !l.subs[[2]string{server, channel}] {
			return done("not_subscribed")
		}
		delete(l.subs, [2]string{server, channel})
		return done("")
	}})
}

// where is a server, or a channel if one is named.
func where(server, channel string) object {
	if channel == "" {
		return object{"servername": server}
	}
	return object{"servername": server, "channel": channel}
}
