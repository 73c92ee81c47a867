package modeltest

import (
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// This file is the calls of accounts and servers, messages_test.go those of channels
// and subscriptions: what each draws, and how the model has to answer it.

var (
	userNames    = []string{"alice", "bob", "carol", "dave", " nobody"}
	serverNames  = []string{"s", "t", " no server"}
	channelNames = []string{"general", "tea", " no channel"}
	passwords    = []string{"pw", "other", ""}
	serverWords  = []string{"spw", "", "wrong"}
	tooLong      = strings.Repeat("x", 1025) // of a password
)

// even draws a number below n, each as likely: rapid's own generators, made to
// find the edges of values, prefer the first of a list by far.
func even(t *rapid.T, what string, n int) int {
	number := 0
	for _, bit := range rapid.SliceOfN(rapid.Bool(), 12, 12).Draw(t, what) {
		number *= 2
		if bit {
			number++
		}
	}
	return number % n
}

func draw[V any](t *rapid.T, what string, from []V) V { return from[even(t, what, len(from))] }

// seldom is true for one in n.
func seldom(t *rapid.T, what string, n int) bool { return even(t, what, n) == n-1 }

// mostly draws the first of them more often than not.
func mostly(t *rapid.T, what string, from []string) string {
	if even(t, what+"?", 3) < 2 {
		return from[0]
	}
	return draw(t, what, from)
}

func aServer(t *rapid.T) string  { return mostly(t, "server", serverNames) }
func aChannel(t *rapid.T) string { return mostly(t, "channel", channelNames) }

// line is one of the connections. One that is not there is made, and mostly
// logged in, so that not all that follows is refused.
func (m *machine) line(t *rapid.T) *modelLine {
	slot := even(t, "line", len(m.lines))
	if m.lines[slot] != nil {
		return m.lines[slot]
	}
	l := m.connect(t, slot)
	user := draw(t, "as", userNames[:3])
	if !seldom(t, "stranger", 6) {
		m.do(t, l, m.login(l, user, m.model.users[user].passwd))
	}
	return l
}

// badName is the refusal of a name for something new.
func badName(name, code string) string {
	if strings.HasPrefix(name, " ") {
		return code
	}
	return ""
}

func done(code string) (string, object) { return code, nil }

// asUser makes the line a user's. One that was another's loses its subscriptions.
func (l *modelLine) asUser(user, key string) {
	if l.user != user {
		clear(l.subs)
	}
	l.user, l.key = user, key
}

// ends takes a subscription away and has its end told.
func (m *machine) ends(code string, which func(l *modelLine, server, channel string) bool) {
	for _, l := range m.lines {
		if l == nil {
			continue
		}
		for at := range l.subs {
			if which(l, at[0], at[1]) {
				delete(l.subs, at)
				l.due = append(l.due, unsubscribed(at[0], at[1], code))
			}
		}
	}
}

func unsubscribed(server, channel, code string) string {
	event := object{"call": "unsubscribed", "servername": server, "reason": reasons[code], "code": code}
	if channel != "" {
		event["channel"] = channel
	}
	return canonical(event)
}

// The accounts.

func (m *machine) Register(t *rapid.T) {
	m.do(t, m.line(t), m.register(draw(t, "user", userNames), draw(t, "passwd", passwords)))
}

func (m *machine) register(user, passwd string) step {
	bad := badName(user, "invalid_username")
	return step{"register", object{"usernm": user, "passwd": passwd}, bad, true, func(object) (string, object) {
		switch {
		case m.model.users[user] != nil:
			return done("user_exists")
		case passwd == "":
			return done("invalid_password")
		}
		m.model.users[user] = &person{passwd: passwd, keys: map[string]bool{}}
		return done("")
	}}
}

func (m *machine) Login(t *rapid.T) {
	l := m.line(t)
	user := draw(t, "user", userNames)
	passwd := draw(t, "passwd", passwords)
	if p := m.model.users[user]; p != nil && rapid.Bool().Draw(t, "right") {
		passwd = p.passwd
	}
	m.do(t, l, m.login(l, user, passwd))
}

func (m *machine) login(l *modelLine, user, passwd string) step {
	return step{"login", object{"usernm": user, "passwd": passwd}, badName(user, "no_such_user"), true, func(answer object) (string, object) {
		code := m.model.checkPassword(user, passwd)
		if code != "" {
			return done(code)
		}
		key := m.fresh(answer["key"])
		m.model.users[user].keys[key] = true
		l.asUser(user, key)
		return "", object{"key": key}
	}}
}

// fresh is a key that the provider made: no other has it.
func (m *machine) fresh(key any) string {
	text, _ := key.(string)
	for _, p := range m.model.users {
		if _, known := p.keys[text]; known {
			return "a key that nobody had before"
		}
	}
	if len(text) != 25 {
		return "a key of 25 characters"
	}
	return text
}

func (m *machine) LoginByKey(t *rapid.T) {
	l := m.line(t)
	user := draw(t, "user", userNames)
	keys := []string{"", "no key at all"}
	for _, p := range m.model.users { // anybody's, valid or not
		for key := range p.keys {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys) // of the same number in each run of a seed
	key := draw(t, "key", keys)
	if p := m.model.users[user]; p != nil && len(p.keys) > 0 && rapid.Bool().Draw(t, "own") {
		own := []string{}
		for key := range p.keys {
			own = append(own, key)
		}
		slices.Sort(own)
		key = draw(t, "own key", own)
	}
	m.do(t, l, m.loginByKey(l, user, key))
}

func (m *machine) loginByKey(l *modelLine, user, key string) step {
	return step{"login", object{"usernm": user, "key": key}, badName(user, "no_such_user"), true, func(object) (string, object) {
		code := m.model.checkKey(user, key)
		if code != "" {
			return done(code)
		}
		l.asUser(user, key)
		return "", object{"key": key}
	}}
}

func (m *machine) Logout(t *rapid.T) {
	if !seldom(t, "logout", 3) {
		return
	}
	l := m.line(t)
	m.do(t, l, step{"logout", nil, "", false, func(object) (string, object) {
		m.model.users[l.user].keys[l.key] = false
		l.asUser("", "")
		return done("")
	}})
}

func (m *machine) ChangePassword(t *rapid.T) {
	l := m.line(t)
	old, next := draw(t, "passwd", passwords), draw(t, "newpasswd", passwords)
	if p := m.model.users[l.user]; p != nil && rapid.Bool().Draw(t, "right") {
		old = p.passwd
	}
	m.do(t, l, step{"changepasswd", object{"passwd": old, "newpasswd": next}, "", false, func(answer object) (string, object) {
		if next == "" {
			return done("invalid_password")
		}
		if code := m.model.checkPassword(l.user, old); code != "" {
			return done(code)
		}
		l.key = m.fresh(answer["key"])
		m.model.users[l.user].changed(next, l.key)
		return "", object{"key": l.key}
	}})
}

// The servers.

func (m *machine) CreateServer(t *rapid.T) {
	l := m.line(t)
	m.do(t, l, m.createServer(l, aServer(t), draw(t, "serverpasswd", append([]string{tooLong}, serverWords...))))
}

func (m *machine) createServer(l *modelLine, server, passwd string) step {
	return step{"createserver", object{"servername": server, "serverpasswd": passwd}, "", false, func(object) (string, object) {
		return done(m.model.createServer(l.user, server, passwd))
	}}
}

func (m *machine) JoinServer(t *rapid.T) {
	l, server := m.line(t), aServer(t)
	passwd := draw(t, "serverpasswd", serverWords)
	if s := m.model.servers[server]; s != nil && rapid.Bool().Draw(t, "right") {
		passwd = s.passwd
	}
	m.do(t, l, m.joinServer(l, server, passwd))
}

func (m *machine) joinServer(l *modelLine, server, passwd string) step {
	return step{"joinserver", object{"servername": server, "serverpasswd": passwd}, "", false, func(object) (string, object) {
		return done(m.model.joinServer(l.user, server, passwd))
	}}
}

func (m *machine) LeaveServer(t *rapid.T) {
	if !seldom(t, "leave", 4) {
		return
	}
	l, server := m.line(t), aServer(t)
	m.do(t, l, step{"leaveserver", object{"servername": server}, "", false, func(object) (string, object) {
		code := m.model.leaveServer(l.user, server)
		if code == "" {
			m.ends("membership_ended", func(of *modelLine, s, _ string) bool { return of.user == l.user && s == server })
		}
		return done(code)
	}})
}

func (m *machine) DeleteServer(t *rapid.T) {
	if !seldom(t, "delete", 8) {
		return
	}
	l, server := m.line(t), aServer(t)
	passwd := draw(t, "serverpasswd", serverWords)
	m.do(t, l, step{"deleteserver", object{"servername": server, "serverpasswd": passwd}, "", false, func(object) (string, object) {
		code := m.model.deleteServer(l.user, server, passwd)
		if code == "" {
			m.ends("server_gone", func(_ *modelLine, s, _ string) bool { return s == server })
		}
		return done(code)
	}})
}

func (m *machine) JoinedServers(t *rapid.T) { l := m.line(t); m.do(t, l, m.joinedServers(l)) }

func (m *machine) joinedServers(l *modelLine) step {
	return step{"getjoinedservers", nil, "", false, func(object) (string, object) {
		return "", object{"servers": append([]string{}, m.model.users[l.user].joined...)}
	}}
}

func (m *machine) ServerChannels(t *rapid.T) {
	l := m.line(t)
	m.do(t, l, m.serverChannels(l, aServer(t)))
}

func (m *machine) serverChannels(l *modelLine, server string) step {
	return step{"getserverchannels", object{"servername": server}, "", false, func(object) (string, object) {
		if code := m.model.checkMember(l.user, server); code != "" {
			return done(code)
		}
		return "", object{"channels": append([]string{}, m.model.servers[server].channels...)}
	}}
}

func (m *machine) ServerMembers(t *rapid.T) {
	l := m.line(t)
	m.members(t, l, aServer(t))
}

func (m *machine) serverMembers(l *modelLine, server string) step {
	return step{"getservermembers", object{"servername": server}, "", false, func(object) (string, object) {
		if code := m.model.checkMember(l.user, server); code != "" {
			return done(code)
		}
		return "", object{"members": m.online(l, server), "owner": m.model.servers[server].owner}
	}}
}

func (m *machine) SetImage(t *rapid.T) {
	l, server := m.line(t), aServer(t)
	image := draw(t, "img", []string{"aGVsbG8=", "AAAA", "no base64"})
	m.do(t, l, step{"setserverimage", object{"servername": server, "img": image}, "", false, func(object) (string, object) {
		switch s := m.model.servers[server]; {
		case s == nil:
			return done("no_such_server")
		case s.owner != l.user:
			return done("not_owner_image")
		case image == "no base64":
			return done("invalid_image")
		default:
			s.image = image
			return done("")
		}
	}})
}

func (m *machine) GetImage(t *rapid.T) { l := m.line(t); m.do(t, l, m.image(l, aServer(t))) }

func (m *machine) image(l *modelLine, server string) step {
	return step{"getserverimage", object{"servername": server}, "", false, func(object) (string, object) {
		switch s := m.model.servers[server]; {
		case s == nil:
			return done("no_such_server")
		case !slices.Contains(s.members, l.user):
			return done("not_in_server_image")
		case s.image == "":
			return done("no_image")
		default:
			return "", object{"img": s.image}
		}
	}}
}
