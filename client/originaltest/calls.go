package originaltest

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *session) register(v values) (string, error) {
	name, err := v.text("usernm")
	if err != nil {
		return "", err
	}
	if name == "" || s.data.users[name] != nil { // "" names the folder that holds all users
		return "", refusedSpaced("user already exists")
	}
	given, err := v.text("passwd")
	if err != nil {
		return "", err
	}
	// The password is put into JSON as it is, so a quote in it fails.
	var kept struct {
		Passwd string `json:"passwd"`
	}
	if json.Unmarshal([]byte(`{"passwd": "`+given+`"}`), &kept) != nil {
		return "", errSilence
	}
	s.data.users[name] = &user{password: kept.Passwd}
	return done, nil
}

func (s *session) login(v values) (string, error) {
	name, err := v.text("usernm")
	if err != nil {
		return "", err
	}
	if name == "" {
		return "", errHangUp
	}
	found := s.data.users[name]
	if found == nil {
		return "", refused("username does not exist")
	}
	if !v.is("passwd", found.password) {
		return "", refused("password is incorrect")
	}
	s.user = name
	return `{"resp": true, "key": "` + newKey() + `"}`, nil
}

func newKey() string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,?%&*$#@/;:[]-+!()"
	key := make([]byte, 25)
	for i := range key {
		key[i] = letters[rand.IntN(len(letters))]
	}
	return string(key)
}

// createServer takes usernm for the user without a check. If somebody else is logged in, the
// server remains without the channel "general".
func (s *session) createServer(v values) (string, error) {
	name, err := v.text("servername")
	if err != nil {
		return "", err
	}
	if name == "" || s.data.servers[name] != nil {
		return "", refused("server already exists by that name")
	}
	password, err := v.text("serverpasswd")
	if err != nil {
		return "", err
	}
	owner, err := v.text("usernm")
	if err != nil {
		return "", err
	}
	s.data.servers[name] = &server{owner: owner, password: password, folders: map[string]*folder{}}
	general := values{"name": json.RawMessage(`"general"`), "servername": v["servername"]}
	if _, err := s.createChannel(general); err != nil && !isRefusal(err) {
		return "", err
	}
	if _, err := s.joinServer(v); err != nil && !isRefusal(err) {
		return "", err
	}
	return done, nil
}

func isRefusal(err error) bool {
	_, is := err.(refusal) //nolint:errorlint // made in this package, never wrapped
	return is
}

// createChannel makes the channel's folder before it checks whether the user may do that.
func (s *session) createChannel(v values) (string, error) {
	in, err := s.server(v, errHangUp)
	if err != nil {
		return "", err
	}
	name, err := v.text("name")
	if err != nil {
		return "", err
	}
	if name == "" || name == "info" || in.folders[name] != nil { // "info" is a file in that folder
		return "", refused("channel already exists")
	}
	made := &folder{}
	in.folders[name] = made
	who, err := s.me()
	if err != nil {
		return "", err
	}
	if who != in.owner {
		return "", refused("only owner can create channels")
	}
	in.channels = append(in.channels, name)
	made.counted = true
	return done, nil
}

// joinServer takes usernm for the user without a check, needs no login, and lists again who is a
// member already.
func (s *session) joinServer(v values) (string, error) {
	to, err := s.server(v, errNoServer)
	if err != nil {
		return "", err
	}
	name, err := v.text("usernm")
	if err != nil {
		return "", err
	}
	who := s.data.users[name]
	if who == nil {
		return "", errHangUp
	}
	if !v.is("serverpasswd", to.password) {
		return "", refused("incorrect server password")
	}
	to.members = append(to.members, name)
	joined, err := v.text("servername")
	who.joined = append(who.joined, joined)
	return done, err
}

// deleteServer obeys everybody, with any password.
func (s *session) deleteServer(v values) (string, error) {
	doomed, err := s.server(v, errNoServer)
	if err != nil {
		return "", err
	}
	name, err := v.text("servername")
	if err != nil {
		return "", err
	}
	for _, member := range doomed.members {
		if !remove(&s.data.users[member].joined, name) {
			return "", errSilence
		}
	}
	delete(s.data.servers, name)
	return done, nil
}

func (s *session) leaveServer(v values) (string, error) {
	from, err := s.server(v, errNoServer)
	if err != nil {
		return "", err
	}
	who, err := s.me()
	if err != nil {
		return "", err
	}
	name, err := v.text("servername")
	if err != nil {
		return "", err
	}
	if !remove(&s.data.users[who].joined, name) || !remove(&from.members, who) {
		return "", errSilence
	}
	return done, nil
}

// message accepts posts of users who are not members. Without a login it counts a message that it
// then does not write.
func (s *session) message(v values) (string, error) {
	in, err := s.server(v, errNoServer)
	if err != nil {
		return "", err
	}
	to, err := s.channel(in, v, "channel", errHangUp)
	if err != nil {
		return "", err
	}
	to.messages = append(to.messages, nil)
	who, err := s.me()
	if err != nil {
		return "", err
	}
	to.messages[len(to.messages)-1] = &message{text: bytes.Clone(v["msg"]), time: time.Now(), author: who}
	return done, nil
}

func (s *session) messages(v values) (string, error) {
	in, err := s.server(v, errNoServer)
	if err != nil {
		return "", err
	}
	from, err := s.channel(in, v, "channel", errNoChannel)
	if err != nil {
		return "", err
	}
	begin, end, err := pageOf(v, int64(len(from.messages)))
	if err != nil {
		return "", err
	}
	who, err := s.me()
	if err != nil {
		return "", err
	}
	if !slices.Contains(in.members, who) {
		return "", refused("user not in server")
	}
	var texts []string
	for _, m := range from.messages[begin:end] {
		if m == nil {
			return "", errHangUp
		}
		texts = append(texts, m.dump())
	}
	return `{"resp": true, "messages": [` + strings.Join(texts, ", ") + `]}`, nil
}

func pageOf(v values, total int64) (begin, end int64, err error) {
	begin, ok := v.number("begin")
	if !ok {
		return 0, 0, refused("begin is not an int")
	}
	if end, ok = v.number("end"); !ok {
		return 0, 0, refused("end is not an int")
	}
	if end < begin {
		return 0, 0, refused("begin is greater than end")
	}
	if begin < 0 || end > total {
		return 0, 0, refused("end or begin is less than 0")
	}
	return begin, end, nil
}

// total needs no login and no membership.
func (s *session) total(v values) (string, error) {
	in, err := s.server(v, errNoServer)
	if err != nil {
		return "", err
	}
	of, err := s.channel(in, v, "channel", errNoChannel)
	if err != nil {
		return "", err
	}
	return `{"resp": true, "amount": ` + strconv.Itoa(len(of.messages)) + `}`, nil
}

func (s *session) joinedServers(values) (string, error) {
	who, err := s.me()
	if err != nil {
		return "", err
	}
	return `{"resp": true, "servers": ` + dumpList(s.data.users[who].joined) + `}`, nil
}

func (s *session) channels(v values) (string, error) {
	in, err := s.server(v, errNoServer)
	if err != nil {
		return "", err
	}
	who, err := s.me()
	if err != nil {
		return "", err
	}
	if !slices.Contains(in.members, who) {
		return "", refused("user not in server")
	}
	return `{"resp": true, "channels": ` + dumpList(in.channels) + `}`, nil
}

func (s *session) deleteChannel(v values) (string, error) {
	in, err := s.server(v, errNoServer)
	if err != nil {
		return "", err
	}
	if _, err := s.channel(in, v, "name", errNoChannel); err != nil {
		return "", err
	}
	who, err := s.me()
	if err != nil {
		return "", err
	}
	if who != in.owner {
		return "", refused("user not owner of the server")
	}
	name, err := v.text("name")
	remove(&in.channels, name)
	delete(in.folders, name)
	return done, err
}

func (s *session) providerName(values) (string, error) {
	return `{"resp": true, "name": "LOCALPROVIDER", "welcome": "welcome to your LOCALPROVIDER, the BEST test provider on localhost"}`, nil
}

func (s *session) setImage(v values) (string, error) {
	of, err := s.server(v, errHangUp)
	if err != nil {
		return "", err
	}
	who, err := s.me()
	if err != nil {
		return "", err
	}
	if who != of.owner {
		return "", refusedSpaced("not the owner of the server")
	}
	of.image = bytes.Clone(v["img"])
	return `{"resp":true}`, nil
}

// image returns a server's image. If none was set, Python takes that for a missing value of the
// request.
func (s *session) image(v values) (string, error) {
	of, err := s.server(v, errHangUp)
	if err != nil {
		return "", err
	}
	who, err := s.me()
	if err != nil {
		return "", err
	}
	if !slices.Contains(of.members, who) {
		return "", refusedSpaced("not in the server")
	}
	if of.image == nil {
		return "", errValues
	}
	return `{"resp": true, "img": ` + dump(of.image) + `}`, nil
}
