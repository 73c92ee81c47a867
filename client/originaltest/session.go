package originaltest

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// session is the provider's side of one connection.
type session struct {
	data     *data
	interval time.Duration
	user     string // "" before a login
	counted  time.Time
}

// The outcomes of a request that gets no answer.
var (
	errSilence = errors.New("an exception in Python: no answer")
	errHangUp  = errors.New("an error of the file system in Python: no answer, and the connection is closed")
)

// refusal is an answer that ends a call early, as an error.
type refusal string

func (r refusal) Error() string { return string(r) }

func refused(reason string) error {
	return refusal(`{"resp": false, "reason":"` + reason + `"}`)
}

// refusedSpaced does what refused does with one more space, as the original wrote it in three
// places.
func refusedSpaced(reason string) error {
	return refusal(`{"resp": false, "reason": "` + reason + `"}`)
}

const done = `{"resp": true}`

// values are the members of a request's JSON object.
type values map[string]json.RawMessage

// text returns a value that Python joins to a path or a text. For any other type Python fails.
func (v values) text(name string) (string, error) {
	var text *string
	if json.Unmarshal(v[name], &text) != nil || text == nil {
		return "", errSilence
	}
	return *text, nil
}

// number returns a value of Python's type int; ok is false for anything else. A number that does
// not fit into n is cut to its range.
func (v values) number(name string) (n int64, ok bool) {
	n, err := strconv.ParseInt(string(v[name]), 10, 64)
	return n, err == nil || errors.Is(err, strconv.ErrRange)
}

// is compares a value with a text as Python does: a value that is no text is not equal to any.
func (v values) is(name, text string) bool {
	got, err := v.text(name)
	return err == nil && got == text
}

// call is a call that the original knows.
type call struct {
	needs []string // the values that the request must have, else it is refused as incorrect
	run   func(*session, values) (string, error)
}

// table returns the calls. The values that they need are those that the original reads; some need
// usernm without using it.
func table() map[string]call {
	words := strings.Fields
	return map[string]call{
		"login":             {words("usernm passwd"), (*session).login},
		"register":          {words("usernm passwd"), (*session).register},
		"createserver":      {words("servername serverpasswd usernm"), (*session).createServer},
		"joinserver":        {words("servername serverpasswd usernm"), (*session).joinServer},
		"createchannel":     {words("name servername usernm"), (*session).createChannel},
		"deleteserver":      {words("servername serverpasswd"), (*session).deleteServer},
		"leaveserver":       {words("servername"), (*session).leaveServer},
		"message":           {words("msg servername channel"), (*session).message},
		"getjoinedservers":  {nil, (*session).joinedServers},
		"getmessages":       {words("servername channel begin end usernm"), (*session).messages},
		"gettotalmessages":  {words("servername channel"), (*session).total},
		"getprovidername":   {nil, (*session).providerName},
		"getserverchannels": {words("usernm servername"), (*session).channels},
		"deletechannel":     {words("name servername usernm"), (*session).deleteChannel},
		"setserverimage":    {words("servername img"), (*session).setImage},
		"getserverimage":    {words("servername"), (*session).image},
	}
}

// answer returns what the original answers to what one read has brought, or errSilence or
// errHangUp.
func (s *session) answer(segment []byte) (string, error) {
	if bytes.ContainsFunc(segment, func(r rune) bool { return r > 127 }) {
		return "", errSilence
	}
	var v values
	if json.Unmarshal(segment, &v) != nil || v["call"] == nil {
		return "", errSilence
	}
	name, _ := v.text("call")
	known, ok := table()[name]
	if !ok {
		return string(segment), nil
	}
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	answer, err := s.run(name, known, v)
	var no refusal
	if errors.As(err, &no) {
		return string(no), nil
	}
	return answer, err
}

func (s *session) run(name string, known call, v values) (string, error) {
	if name == "gettotalmessages" { // the time of this count is noted before the request is looked at, and even if it is refused
		since := time.Since(s.counted)
		s.counted = time.Now()
		if since <= s.interval {
			return "", refused("requesting too many times, only request every 0.75 seconds")
		}
	}
	for _, need := range known.needs {
		if _, there := v[need]; !there {
			return "", errValues
		}
	}
	return known.run(s, v)
}

var errValues = refused("incorrect request values")

// me returns the user who is logged in. If nobody is, Python fails.
func (s *session) me() (string, error) {
	if s.user == "" {
		return "", errSilence
	}
	return s.user, nil
}

// server returns the server that a request names, or the error missing if there is none.
func (s *session) server(v values, missing error) (*server, error) {
	name, err := v.text("servername")
	if err != nil {
		return nil, err
	}
	if found := s.data.servers[name]; found != nil {
		return found, nil
	}
	return nil, missing
}

// channel returns the folder of the channel that v[key] names. If there is none, or it has no
// counter, it returns the error missing.
func (s *session) channel(in *server, v values, key string, missing error) (*folder, error) {
	name, err := v.text(key)
	if err != nil {
		return nil, err
	}
	if found := in.folders[name]; found != nil && found.counted {
		return found, nil
	}
	return nil, missing
}

var (
	errNoServer  = refused("server does not exist")
	errNoChannel = refused("channel does not exist")
)
