package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// atRest is how long a server is left alone before its memory without connections is
// taken.
const atRest = 3 * time.Second

// idle makes a contestant that measures the memory of a connection which is logged in and
// does nothing. Each turn has a new server.
func idle(who string) entrant {
	return func(l *lab) (*contestant, error) {
		if who == floorName && l.options.Floor == "" {
			return nil, errAbsent
		}
		return &contestant{name: who, peer: who != providerName, turn: func() (Turn, error) {
			s, err := l.start(who)
			if err != nil {
				return Turn{}, err
			}
			defer s.end(syscall.SIGKILL)
			before, err := l.settled(s.process, min(atRest, l.options.Settle))
			if err != nil {
				return Turn{}, err
			}
			c, err := l.connect(s, l.options.Idle)
			if err != nil {
				return Turn{}, err
			}
			defer c.Close()
			busy, err := s.usage()
			if err != nil {
				return Turn{}, err
			}
			after, err := l.settled(s.process, l.options.Settle)
			each := 1e3 * float64(l.options.Idle)
			return Turn{Figure: (after - before) / each, Also: []Also{
				{"connections", float64(l.options.Idle), ""}, {"at once", (busy.resident - before) / each, "KB"},
				{"resident without", megabytes(before), "MB"}, {"with", megabytes(after), "MB"},
			}}, err
		}}, nil
	}
}

const (
	channelsOfEach = 4 // besides the one that each server has from the beginning
	usersOfServer  = 10
)

// cheaply are options that make hashing passwords cheap, so that many users can be made.
var cheaply = []string{"--hashmemory", "8", "--hashtime", "1", "--hashqueue", "100000"}

// start makes contestants that measure starts on one folder, after a kill and after a
// normal stop. One user's password is hashed as it is by default, for the time of the
// first login.
func start(l *lab) ([]contestant, error) {
	dir, err := l.folder()
	if err != nil {
		return nil, err
	}
	s, err := l.startProvider(dir, cheaply...)
	if err != nil {
		return nil, err
	}
	if err := l.populate(s); err != nil {
		return nil, err
	}
	s.end(syscall.SIGTERM)
	if s, err = l.startProvider(dir); err != nil {
		return nil, err
	}
	if err := s.settle(); err != nil {
		return nil, err
	}
	again := func(how syscall.Signal) func() (Turn, error) {
		return func() (Turn, error) {
			s.end(how)
			var t Turn
			s, t, err = l.startOn(dir)
			return t, err
		}
	}
	return []contestant{
		{name: "after kill -9", turn: again(syscall.SIGKILL)},
		{name: "after a stop", turn: again(syscall.SIGTERM)},
	}, nil
}

// populate makes the users, and a server with channels for each tenth of them.
func (l *lab) populate(s *subject) error {
	c, err := l.connect(s, connections)
	if err != nil {
		return err
	}
	defer c.Close()
	l.tell("making %d users, %d servers", l.options.Users, l.options.Users/usersOfServer)
	return l.scripts(c, 3, l.options.Users, func(i int) []string {
		user := fmt.Sprintf("user%d", i)
		script := []string{request("register", "usernm", user, "passwd", "secret")}
		if i%usersOfServer != 0 {
			return script
		}
		mine := "server of " + user
		script = append(script, request("login", "usernm", user, "passwd", "secret"),
			request("createserver", "servername", mine, "serverpasswd", ""))
		for _, name := range numbered("channel", channelsOfEach) {
			script = append(script, request("createchannel", "servername", mine, "name", name))
		}
		return script
	})
}

// startOn starts the provider and measures how soon it answers, and its memory.
func (l *lab) startOn(dir string) (*subject, Turn, error) {
	s, err := l.startProvider(dir)
	if err != nil {
		return nil, Turn{}, err
	}
	var since [3]float64
	login := request("login", "usernm", "alice", "passwd", "secret")
	for i, requests := range [][]string{{askName}, {login}, {login, postTo(server, channel)}} {
		if _, err := s.talk(requests...); err != nil {
			return nil, Turn{}, err
		}
		since[i] = time.Since(s.begun).Seconds()
	}
	early, err := s.usage()
	if err != nil {
		return nil, Turn{}, err
	}
	if _, err := l.settled(s.process, l.options.Settle); err != nil { // snapshots are made meanwhile
		return nil, Turn{}, err
	}
	late, err := s.usage()
	return s, Turn{Figure: since[0], Also: []Also{
		{"first login", since[1], "s"}, {"first post", since[2], "s"},
		{"resident", megabytes(early.resident), "MB"}, {"peak till then", megabytes(early.peak), "MB"},
		{"resident later", megabytes(late.resident), "MB"}, {"peak", megabytes(late.peak), "MB"},
	}}, err
}

// kept are options that keep everything in the journal.
var kept = []string{"--snapshotinterval", "24h", "--segmentsize", "64GiB"}

// manyChannels is so many that each gets too few messages for a snapshot. So all messages
// are read from the journal.
const manyChannels = 250

// recovery makes contestants that start providers whose data is all in the journal, after
// a kill. Each turn starts on a new copy of the folder.
func recovery(l *lab) ([]contestant, error) {
	one, err := l.journaled("one channel", []string{channel})
	if err != nil {
		return nil, err
	}
	many, err := l.journaled("250 channels", numbered("channel", manyChannels))
	if err != nil {
		return nil, err
	}
	return []contestant{*one, *many}, nil
}

func (l *lab) journaled(name string, channels []string) (*contestant, error) {
	s, err := l.startSettled(kept...)
	if err != nil {
		return nil, err
	}
	if channels[0] != channel {
		if err := s.makeChannels(channels); err != nil {
			return nil, err
		}
	}
	each := max(l.options.Messages/len(channels), 1)
	if err := l.fill(s, channels, each); err != nil {
		return nil, err
	}
	s.end(syscall.SIGKILL)
	requests := []string{s.login}
	for _, name := range channels {
		requests = append(requests, request("getmessages", "servername", server, "channel", name, "begin", max(each-inAnswer, 0), "end", each))
	}
	return &contestant{name: name, turn: func() (Turn, error) { return l.recover(s.dir, requests, each*len(channels)) }}, nil
}

// recover starts a provider on a copy of a folder and sends the requests, which read the
// messages. The rate is that of the messages.
func (l *lab) recover(dir string, requests []string, messages int) (Turn, error) {
	copied, err := l.folder()
	if err != nil {
		return Turn{}, err
	}
	defer func() { _ = os.RemoveAll(copied) }() // the end of the row tries again
	if err := os.CopyFS(filepath.Join(copied, "data"), os.DirFS(filepath.Join(dir, "data"))); err != nil {
		return Turn{}, err
	}
	s, err := l.startProvider(copied, kept...)
	if err != nil {
		return Turn{}, err
	}
	defer s.end(syscall.SIGKILL)
	listens := time.Since(s.begun).Seconds()
	if _, err := s.talk(requests...); err != nil {
		return Turn{}, err
	}
	took := time.Since(s.begun).Seconds()
	u, err := s.usage()
	return Turn{Figure: float64(messages) / took, Also: []Also{
		{"listens after", listens, "s"}, {"read after", took, "s"},
		{"CPU", u.cpu, "s"}, {"peak", megabytes(u.peak), "MB"},
	}}, err
}
