package modeltest

import "slices"

// This file is the plain model: what a provider has to know after what was
// answered, in maps, and what it has to answer. Its rules and sentences are
// written down from docs/protocol.md, not taken from the code.
// machine_test.go drives a provider beside it.

// object is a JSON object.
type object = map[string]any

// The limits that the model's provider runs with.
const (
	modelTextBytes = 20
	modelMessages  = 6 // in one answer
	modelFailures  = 3 // wrong passwords before a pause, which never ends here
)

type model struct {
	users    map[string]*person
	servers  map[string]*club
	failures map[string]int // wrong passwords in a row, by user name, and by server name with a slash before it
}

type person struct {
	passwd string
	keys   map[string]bool // every key it ever had, and whether it is valid
	joined []string
}

type club struct {
	owner, passwd, image string
	members, channels    []string
	rooms                map[string]*room
}

type room struct {
	posts  []object // as getlatestmessages tells them
	nonces map[[2]string]int
}

func newModel() *model {
	return &model{users: map[string]*person{}, servers: map[string]*club{}, failures: map[string]int{}}
}

func newRoom() *room { return &room{nonces: map[[2]string]int{}} }

// reasons are the sentences of the refusals and of the ends of subscriptions.
var reasons = map[string]string{
	"incorrect_values":         "incorrect request values",
	"not_logged_in":            "not logged in",
	"not_that_user":            "usernm is not the logged in user",
	"user_exists":              "user already exists",
	"invalid_username":         "invalid username",
	"invalid_password":         "invalid password",
	"no_such_user":             "username does not exist",
	"wrong_password":           "password is incorrect",
	"too_many_logins":          "too many login attempts",
	"wrong_key":                "key is incorrect",
	"server_exists":            "server already exists by that name",
	"invalid_server_name":      "invalid server name",
	"no_such_server":           "server does not exist",
	"wrong_server_password":    "incorrect server password",
	"not_in_server":            "user not in server",
	"not_owner_delete_server":  "only owner can delete server",
	"not_owner_create_channel": "only owner can create channels",
	"not_owner_delete_channel": "user not owner of the server",
	"not_owner_image":          "not the owner of the server",
	"channel_exists":           "channel already exists",
	"invalid_channel_name":     "invalid channel name",
	"no_such_channel":          "channel does not exist",
	"message_too_long":         "message is too long",
	"begin_not_int":            "begin is not an int",
	"end_not_int":              "end is not an int",
	"begin_after_end":          "begin is greater than end",
	"out_of_range":             "end or begin is less than 0",
	"too_many_messages":        "requesting too many messages",
	"invalid_image":            "invalid image",
	"not_in_server_image":      "not in the server",
	"no_image":                 "server has no image",
	"not_subscribed":           "not subscribed",
	"membership_ended":         "membership has ended",
	"channel_gone":             "channel was deleted",
	"server_gone":              "server was deleted",
}

// checkPassword judges a password of a login or a change and counts wrong ones.
func (m *model) checkPassword(user, passwd string) string {
	p := m.users[user]
	switch {
	case m.failures[user] >= modelFailures:
		return "too_many_logins"
	case p == nil || p.passwd != passwd:
		m.failures[user]++
		if p == nil {
			return "no_such_user"
		}
		return "wrong_password"
	}
	delete(m.failures, user)
	return ""
}

func (m *model) checkKey(user, key string) string {
	switch p := m.users[user]; {
	case p == nil:
		return "no_such_user"
	case !p.keys[key]:
		return "wrong_key"
	}
	return ""
}

// changed notes a new password and its key; all other keys end.
func (p *person) changed(passwd, key string) {
	for old := range p.keys {
		p.keys[old] = false
	}
	p.passwd, p.keys[key] = passwd, true
}

func (m *model) createServer(user, server, passwd string) string {
	switch {
	case m.servers[server] != nil:
		return "server_exists"
	case badName(server, "bad") != "":
		return "invalid_server_name"
	case passwd == tooLong:
		return "invalid_password"
	}
	m.servers[server] = &club{
		owner: user, passwd: passwd, members: []string{user}, channels: []string{"general"},
		rooms: map[string]*room{"general": newRoom()},
	}
	m.users[user].joined = append(m.users[user].joined, server)
	return ""
}

// checkServerPassword judges a server's password and counts wrong ones, whoever
// says them. A server without a password is not guessed at.
func (m *model) checkServerPassword(server, passwd string) string {
	right := m.servers[server].passwd
	guesses := "/" + server
	switch {
	case right != "" && m.failures[guesses] >= modelFailures:
		return "too_many_logins"
	case right == passwd:
		if right != "" {
			delete(m.failures, guesses)
		}
		return ""
	case right != "":
		m.failures[guesses]++
	}
	return "wrong_server_password"
}

func (m *model) joinServer(user, server, passwd string) string {
	s := m.servers[server]
	if s == nil {
		return "no_such_server"
	}
	if code := m.checkServerPassword(server, passwd); code != "" {
		return code
	}
	if !slices.Contains(s.members, user) {
		s.members = append(s.members, user)
		m.users[user].joined = append(m.users[user].joined, server)
	}
	return ""
}

// checkMember judges what members alone may ask.
func (m *model) checkMember(user, server string) string {
	switch s := m.servers[server]; {
	case s == nil:
		return "no_such_server"
	case !slices.Contains(s.members, user):
		return "not_in_server"
	}
	return ""
}

func (m *model) leaveServer(user, server string) string {
	code := m.checkMember(user, server)
	if code == "" {
		s := m.servers[server]
		s.members = without(s.members, user)
		m.users[user].joined = without(m.users[user].joined, server)
	}
	return code
}

func (m *model) deleteServer(user, server, passwd string) string {
	s := m.servers[server]
	switch {
	case s == nil:
		return "no_such_server"
	case s.owner != user:
		return "not_owner_delete_server"
	}
	if code := m.checkServerPassword(server, passwd); code != "" {
		return code
	}
	for _, name := range s.members {
		m.users[name].joined = without(m.users[name].joined, server)
	}
	delete(m.servers, server)
	return ""
}

func (m *model) createChannel(user, server, channel string) string {
	s := m.servers[server]
	switch {
	case s == nil:
		return "no_such_server"
	case s.owner != user:
		return "not_owner_create_channel"
	case badName(channel, "bad") != "":
		return "invalid_channel_name"
	case s.rooms[channel] != nil:
		return "channel_exists"
	}
	s.channels, s.rooms[channel] = append(s.channels, channel), newRoom()
	return ""
}

func (m *model) deleteChannel(user, server, channel string) string {
	code := m.checkChannel(server, channel)
	if code == "" && m.servers[server].owner != user {
		code = "not_owner_delete_channel"
	}
	if code == "" {
		s := m.servers[server]
		s.channels = without(s.channels, channel)
		delete(s.rooms, channel)
	}
	return code
}

func (m *model) checkChannel(server, channel string) string {
	switch s := m.servers[server]; {
	case s == nil:
		return "no_such_server"
	case s.rooms[channel] == nil:
		return "no_such_channel"
	}
	return ""
}

// enter judges what members alone may ask of a channel.
func (m *model) enter(user, server, channel string) (*room, string) {
	code := m.checkChannel(server, channel)
	if code == "" {
		code = m.checkMember(user, server)
	}
	if code != "" {
		return nil, code
	}
	return m.servers[server].rooms[channel], ""
}

// post gives the place of a message; fresh says whether it is a new one, whose
// timestamp the provider has to tell.
func (m *model) post(user, server, channel, text, nonce string) (r *room, index int, fresh bool, code string) {
	r, code = m.enter(user, server, channel)
	if code != "" {
		return nil, 0, false, code
	}
	if first, repeated := r.nonces[[2]string{user, nonce}]; repeated && nonce != "" {
		return r, first, false, ""
	}
	if len(text) > modelTextBytes {
		return nil, 0, false, "message_too_long"
	}
	index = len(r.posts)
	if nonce != "" {
		r.nonces[[2]string{user, nonce}] = index
	}
	r.posts = append(r.posts, object{"message": text, "author": user, "index": index})
	return r, index, true, ""
}

// getMessages answers a range; begin and end are ints or something else.
func (m *model) getMessages(user, server, channel string, begin, end any) (object, string) {
	if code := m.checkChannel(server, channel); code != "" {
		return nil, code
	}
	from, isInt := begin.(int)
	if !isInt {
		return nil, "begin_not_int"
	}
	to, isInt := end.(int)
	switch {
	case !isInt:
		return nil, "end_not_int"
	case from > to:
		return nil, "begin_after_end"
	case from < 0:
		return nil, "out_of_range"
	}
	r, code := m.enter(user, server, channel)
	switch {
	case code != "":
		return nil, code
	case to > len(r.posts):
		return nil, "out_of_range"
	case to-from > modelMessages:
		return nil, "too_many_messages"
	}
	list := []object{}
	for _, p := range r.posts[from:to] {
		list = append(list, object{"message": p["message"], "author": p["author"], "timestamp": p["timestamp"]})
	}
	return object{"messages": list}, ""
}

// latestMessages answers the newest; before is nil for the channel's end.
func (m *model) latestMessages(user, server, channel string, count int, before any) (object, string) {
	if code := m.checkChannel(server, channel); code != "" {
		return nil, code
	}
	end, bounded := before.(int)
	if count < 0 || bounded && end < 0 {
		return nil, "out_of_range"
	}
	r, code := m.enter(user, server, channel)
	if code != "" {
		return nil, code
	}
	if !bounded || end > len(r.posts) {
		end = len(r.posts)
	}
	from := max(end-count, 0)
	if end-from > modelMessages {
		return nil, "too_many_messages"
	}
	return object{"messages": append([]object{}, r.posts[from:end]...), "amount": len(r.posts)}, ""
}

func without(list []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == name })
}
