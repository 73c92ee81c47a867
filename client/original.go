package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"elemental/protocol"
)

// What is different with the original Python provider: it answers one request
// at a time, reads each in one go, wants the user's name with many of them, is
// silent where it failed, and counts messages only every so often.

const (
	// originalRequest is the most bytes that it reads of a request.
	originalRequest = 16384
	// countInterval is how often it counts, with a margin for the network.
	countInterval = 800 * time.Millisecond
)

// originalCalls are all that it knows.
var originalCalls = map[string]bool{
	"register": true, "login": true, "createserver": true, "joinserver": true, "createchannel": true,
	"deleteserver": true, "leaveserver": true, "message": true, "getjoinedservers": true, "getmessages": true,
	"gettotalmessages": true, "getprovidername": true, "getserverchannels": true, "deletechannel": true,
	"setserverimage": true, "getserverimage": true,
}

// doOriginal is do for the original provider.
func (c *Conn) doOriginal(ctx context.Context, r *protocol.Request) (*protocol.Incoming, error) {
	if !originalCalls[r.Call.Value] {
		return nil, fmt.Errorf("%s: %w", r.Call.Value, ErrNotOffered)
	}
	r = c.forOriginal(r)
	if len(protocol.AppendRequest(nil, r)) > originalRequest {
		return nil, &Refusal{Call: r.Call.Value, Code: TooLarge, Reason: protocol.Reason(string(TooLarge), 0)}
	}
	if r.Call.Value == "gettotalmessages" {
		return c.countOriginal(ctx, r)
	}
	return c.sendOriginal(ctx, r)
}

// forOriginal adds the user and leaves the nonce out.
func (c *Conn) forOriginal(r *protocol.Request) *protocol.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	named := *r
	named.Nonce = protocol.Text{}
	if named.Usernm.Is == protocol.Absent && c.user != "" {
		named.Usernm = protocol.String(c.user)
	}
	return &named
}

// sendOriginal sends and waits. Without ids nobody could tell a late answer
// from the next one, so silence ends the connection.
func (c *Conn) sendOriginal(ctx context.Context, r *protocol.Request) (*protocol.Incoming, error) {
	in, err := c.judged(ctx, r)
	if errors.Is(err, ErrUncertain) {
		c.fail(errSilent)
	}
	return in, err
}

// errSilent ends a connection to the original on which an answer is missing.
var errSilent = errors.New("an answer did not come in time")

// countOriginal counts when that is due. A count that came too early all the
// same is asked once more, since network and clocks have their own mind.
func (c *Conn) countOriginal(ctx context.Context, r *protocol.Request) (*protocol.Incoming, error) {
	in, err := c.countOnce(ctx, r)
	if CodeOf(err) == TooOften {
		return c.countOnce(ctx, r)
	}
	return in, err
}

func (c *Conn) countOnce(ctx context.Context, r *protocol.Request) (*protocol.Incoming, error) {
	if err := c.counting.enter(ctx, c.done); err != nil {
		if errors.Is(err, ErrLost) {
			return nil, cutOff(r.Call.Value, false, c.Err())
		}
		return nil, givenUp(r.Call.Value, false, err)
	}
	defer c.counting.leave()
	return c.sendOriginal(ctx, r)
}

// pacer lets one in at a time, and the next not before countInterval has passed.
type pacer struct {
	place chan struct{}
	last  time.Time // of those who have the place
}

func (p *pacer) enter(ctx context.Context, ended <-chan struct{}) error {
	select {
	case p.place <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-ended:
		return ErrLost
	}
	due := time.NewTimer(time.Until(p.last.Add(countInterval)))
	defer due.Stop()
	select {
	case <-due.C:
		return nil
	case <-ctx.Done():
		<-p.place
		return ctx.Err()
	case <-ended:
		<-p.place
		return ErrLost
	}
}

func (p *pacer) leave() {
	p.last = time.Now()
	<-p.place
}
