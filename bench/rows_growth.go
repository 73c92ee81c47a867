package main

import (
	"fmt"
	"time"

	"elemental/bench/crowd"
)

// smallest is the name of the contestant with which the larger ones are compared.
const smallest = "smallest"

// sizes are a thousandth, a hundredth, a tenth and all of the largest, smallest first.
func sizes(largest int) []int {
	var all []int
	for part := 1000; part >= 1; part /= 10 {
		all = append(all, max(largest/part, 1))
	}
	return all
}

// sized is the name of a contestant. The smallest one is the base.
func sized(i, size int) string {
	if i == 0 {
		return smallest
	}
	return number(float64(size))
}

// growingMessages makes contestants that post to channels which already have messages.
// When a channel has twice as many, the next one takes its place, so that the size stays
// about the same. Each turn is a fixed number of posts.
func growingMessages(l *lab) ([]contestant, error) {
	s, err := l.start(providerName)
	if err != nil {
		return nil, err
	}
	posts := max(l.options.Messages/25, 1) // posts in each turn
	var all []contestant
	for i, size := range sizes(l.options.Messages) {
		channels := numbered(fmt.Sprintf("of%d-", size), (posts*l.options.Turns+size-1)/size)
		if err := s.makeChannels(channels); err != nil {
			return nil, err
		}
		if err := l.fill(s, channels, size); err != nil {
			return nil, err
		}
		c, err := l.connect(s, connections)
		if err != nil {
			return nil, err
		}
		sent := 0
		all = append(all, contestant{name: sized(i, size), turn: func() (Turn, error) {
			left := posts
			t, err := l.observed(s, c, crowd.Load{Next: func(int, time.Time) []byte {
				if left == 0 {
					return nil
				}
				left--
				sent++
				return []byte(s.post(channels[(sent-1)/size]))
			}})
			t.Also = []Also{{"messages", float64(size), ""}}
			return t, err
		}})
	}
	return all, nil
}

// growingMembers makes contestants that post to servers with different numbers of
// members. Some of the members post.
func growingMembers(l *lab) ([]contestant, error) {
	s, err := l.startSettled(cheaply...)
	if err != nil {
		return nil, err
	}
	all := sizes(l.options.Members)
	for i, size := range all {
		if _, err := s.talk(s.login, request("createserver", "servername", sized(i, size), "serverpasswd", "")); err != nil {
			return nil, err
		}
	}
	if err := l.enlist(s, all); err != nil {
		return nil, err
	}
	var entered []contestant
	for i, size := range all {
		c, err := l.members(s, size)
		if err != nil {
			return nil, err
		}
		line := []byte(postTo(sized(i, size), channel))
		entered = append(entered, contestant{name: sized(i, size), turn: func() (Turn, error) {
			t, err := l.observed(s, c, crowd.Load{Next: func(int, time.Time) []byte { return line }, For: l.options.Duration})
			t.Also = []Also{{"members", float64(size), ""}}
			return t, err
		}})
	}
	return entered, nil
}

// enlist makes users, who join every server that is large enough for them.
func (l *lab) enlist(s *subject, sizes []int) error {
	c, err := l.connect(s, connections)
	if err != nil {
		return err
	}
	defer c.Close()
	l.tell("making %d members", l.options.Members)
	return l.scripts(c, 3, l.options.Members, func(i int) []string {
		user := member(i)
		script := []string{request("register", "usernm", user, "passwd", "secret"), loginOf(user)}
		for k, size := range sizes {
			if i < size {
				script = append(script, request("joinserver", "servername", sized(k, size), "serverpasswd", ""))
			}
		}
		return script
	})
}

func member(i int) string { return fmt.Sprintf("member%d", i) }

func loginOf(user string) string { return request("login", "usernm", user, "passwd", "secret") }

// members makes a crowd that is logged in as the first members of a server.
func (l *lab) members(s *subject, size int) (*crowd.Crowd, error) {
	as := *s
	as.login = ""
	c, err := l.connect(&as, connections)
	if err != nil {
		return nil, err
	}
	return c, l.once(c, func(i int) []byte { return []byte(loginOf(member(i % size))) })
}
