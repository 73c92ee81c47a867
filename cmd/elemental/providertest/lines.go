package providertest

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// Lines collects what a program prints and wakes who waits for a line.
type Lines struct {
	mu      sync.Mutex
	partial string
	all     []string
	changed chan struct{} // closed, and replaced, when something was added
}

// NewLines is without a line.
func NewLines() *Lines { return &Lines{changed: make(chan struct{})} }

// Write adds text.
func (l *Lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	parts := strings.Split(l.partial+string(b), "\n")
	last := len(parts) - 1
	l.all, l.partial = append(l.all, parts[:last]...), parts[last]
	close(l.changed)
	l.changed = make(chan struct{})
	return len(b), nil
}

// Text is all that was printed.
func (l *Lines) Text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(append(l.all[:len(l.all):len(l.all)], l.partial), "\n")
}

// Wait waits for the first line that fits, what says which. It fails when the
// program has exited without it, or after Patience.
func (l *Lines) Wait(what string, exited <-chan struct{}, fits func(line string) bool) (string, error) {
	deadline := time.After(Patience)
	for seen := 0; ; {
		l.mu.Lock()
		all, changed := l.all, l.changed
		l.mu.Unlock()
		for ; seen < len(all); seen++ {
			if fits(all[seen]) {
				return all[seen], nil
			}
		}
		select {
		case <-changed:
		case <-exited:
			if l.settled(seen) {
				return "", fmt.Errorf("the program ended before %s", what)
			}
		case <-deadline:
			return "", fmt.Errorf("no %s after %v", what, Patience)
		}
	}
}

// settled tells whether all lines have been seen; called after the program ended.
func (l *Lines) settled(seen int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return seen == len(l.all)
}
