package main

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
)

// lookedAt are the arguments of a provider with an inspector.
var lookedAt = []string{"--admin", "127.0.0.1:0"}

const notLookedAt = "without --admin"

// inspectedPosts makes a contestant that posts to a provider with these options. If there
// are topics, a page looks at them meanwhile.
func inspectedPosts(name, topics string, args ...string) entrant {
	return func(l *lab) (*contestant, error) {
		s, err := l.startSettled(args...)
		if err == nil && topics != "" {
			err = s.look(topics)
		}
		if err != nil {
			return nil, err
		}
		return l.asking(name, s, connections, 1, same(s.post(channel)))
	}
}

var inspectorAt = regexp.MustCompile(`inspector at (http://[^/]+)/`)

// look opens a page's stream of events. It is read until the provider ends.
func (s *subject) look(topics string) error {
	line, err := s.out.Wait("the inspector's address", s.exited, inspectorAt.MatchString)
	if err != nil {
		return err
	}
	answer, err := http.Get(inspectorAt.FindStringSubmatch(line)[1] + "/events?topics=" + topics) //nolint:bodyclose // the goroutine that reads it closes it
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("events: %s", answer.Status)
	}
	go func() {
		_, _ = io.Copy(io.Discard, answer.Body) // ends when the provider does
		_ = answer.Body.Close()
	}()
	return nil
}
