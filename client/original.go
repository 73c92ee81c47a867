package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"elemental/protocol"
)

// This file holds what is different with the original Python provider. It answers one request at
// a time and reads each in one go. It wants the user's name in many of them. When something fails
// there, it sends no answer. It counts messages only every so often.

const (
	// originalRequest is how many bytes of a request the original provider reads at most.
	originalRequest = 16384
	// countInterval is how long to wait between two counts: the original provider's interval and
	// a margin for the network.
	countInterval = 800 * time.Millisecond
)

// originalCalls are all calls that the original provider knows.
var originalCalls = map[string]bool{
	"register": true, "login": true, "createserver": true, "joinserver": true, "createchannel": true,
	"deleteserver": true, "leaveserver": true, "message": true, "getjoinedservers": true, "getmessages": true,
	"gettotalmessages": true, "getprovidername": true, "getserverchannels": true, "deletechannel": true,
	"setserverimage": true, "getserverimage": true,
}

// doOriginal sends a request to the original provider and waits for the answer.
func (c *Conn) doOriginal(ctx context.Context, r *protocol.Request) (*protocol.Incoming, error) {
	if !originalCalls[r.Call.Value] {
		return nil, fmt.Errorf("%s: %w", r.Call.Value, ErrNotOffered)
	}
	r = c.forOriginal(r)
	if wire := c.codec.Finish(protocol.AppendRequest(nil, r), 0); len(wire) > originalRequest {
		return nil, &Refusal{Call: r.Call.Value, Code: TooLarge, Reason: protocol.Reason(string(TooLarge), 0)}
	}
	if r.Call.Value == "gettotalmessages" {
		return c.countOriginal(ctx, r)
	}
	return c.sendOriginal(ctx, r)
}

// forOriginal returns the request as the original provider wants it: with the user's name and
// without a nonce. A new password has to stand between the quotes of a JSON string: the original
// puts it there as it is.
func (c *Conn) forOriginal(r *protocol.Request) *protocol.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	named := *r
	named.Nonce = protocol.Text{}
	if r.Call.Value == "register" {
		quoted, _ := jsontext.AppendQuote(nil, r.Passwd.Value) // what is not Unicode is replaced, as in every request
		named.Passwd = protocol.String(string(quoted[1 : len(quoted)-1]))
	}
	if named.Usernm.Is == protocol.Absent && c.user != "" {
		named.Usernm = protocol.String(c.user)
	}
	return &named
}

// sendOriginal sends a request and waits for the answer. If none comes in time it ends the
// connection: without ids, a late answer could be taken for that of the next request.
func (c *Conn) sendOriginal(ctx context.Context, r *protocol.Request) (*protocol.Incoming, error) {
	in, err := c.judged(ctx, r)
	if errors.Is(err, ErrUncertain) {
		c.fail(errSilent)
	}
	return in, err
}

// errSilent is the cause with which a connection to the original provider ends when an answer is
// missing.
var errSilent = errors.New("an answer did not come in time")

// countOriginal asks for the number of messages as soon as it may. If the provider still finds
// that too early, since network and clocks vary, it asks once more.
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

// pacer lets one caller in at a time, and the next one only when countInterval has passed since
// the last one left.
type pacer struct {
	place chan struct{}
	last  time.Time // when the last one left; only who has the place may use it
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
