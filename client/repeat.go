package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"elemental/protocol"
)

// This file decides which calls a client repeats, when and for how long.

// do sends a request on the present connection, or on the next one if there is none.
func (c *Client) do(ctx context.Context, r *protocol.Request) (in *protocol.Incoming, err error) {
	err = c.persist(ctx, attempt{
		call: r.Call.Value,
		make: func(ctx context.Context, conn *Conn) error {
			in, err = conn.do(ctx, r)
			return err
		},
		harmless: func(conn *Conn, tries int) bool { return repeatable(r, conn, tries) },
	})
	return in, err
}

// attempt is something that is tried, on one connection after the other if need be, until it is
// done or fails for good.
type attempt struct {
	call     string
	make     func(ctx context.Context, conn *Conn) error
	harmless func(conn *Conn, tries int) bool // reports whether it does no harm to do it twice
}

// persist makes an attempt again and again, on the connection that there is at the time, until it
// succeeds, fails in a way that is not tried again, or the time is up.
func (c *Client) persist(ctx context.Context, a attempt) error {
	ctx, cancel := within(ctx, c.o.Timeout)
	defer cancel()
	pauses := newBusyPauses()
	doubt := false // true when an earlier try may have succeeded without our knowing
	for tries := 1; ; tries++ {
		conn, err := c.online(ctx)
		if err != nil {
			return a.final(fmt.Errorf("%s: %w", a.call, err), doubt)
		}
		err = a.make(ctx, conn)
		if err == nil {
			return nil
		}
		if !c.again(ctx, err, a.harmless(conn, tries)) {
			return a.final(c.asClosed(err), doubt)
		}
		doubt = doubt || Doubtful(err)
		if CodeOf(err) != "" && !pause(ctx, pauses.NextBackOff()) {
			return a.final(err, doubt)
		}
	}
}

// newBusyPauses returns the pauses between tries when a provider refuses something only for the
// moment.
func newBusyPauses() *backoff.ExponentialBackOff { return newPauses(50*time.Millisecond, time.Second) }

// final returns the error of an attempt that is not made again. If an earlier try may have been
// done, the error says so; not for reads, which change nothing.
func (a attempt) final(err error, doubt bool) error {
	if doubt && !harmless[a.call] && !errors.Is(err, ErrUncertain) {
		return fmt.Errorf("%w (an earlier try: %w)", err, ErrUncertain)
	}
	return err
}

// asClosed adds ErrClosed to an error that came because the client was closed.
func (c *Client) asClosed(err error) error {
	if c.ctx.Err() != nil && CodeOf(err) == "" {
		return fmt.Errorf("%w (%w)", err, ErrClosed)
	}
	return err
}

// again reports whether what failed may be tried once more: it was certainly not done, or doing
// it twice does no harm.
func (c *Client) again(ctx context.Context, err error, harmless bool) bool {
	switch {
	case ctx.Err() != nil || c.ctx.Err() != nil:
		return false
	case CodeOf(err) == Busy || errors.Is(err, ErrLost):
		return true
	case Doubtful(err):
		return harmless
	}
	return false
}

// harmless are the calls that change nothing and so may be sent twice.
var harmless = map[string]bool{
	"getjoinedservers": true, "getserverchannels": true, "getservermembers": true, "getserverimage": true,
	"getmessages": true, "getlatestmessages": true, "gettotalmessages": true, "getprovidername": true, "ping": true,
}

// repeatable reports whether a request whose outcome is not known may be sent once more after
// that many tries. Posts may if they have a nonce. The original provider closes the connection
// when a request fails, and would do so each time, so there the number of tries is limited.
func repeatable(r *protocol.Request, conn *Conn, tries int) bool {
	switch {
	case conn.Original():
		return harmless[r.Call.Value] && tries < 3
	case r.Call.Value == "message":
		return r.Nonce.Is == protocol.Given
	}
	return harmless[r.Call.Value]
}

// pause waits for d. It reports false if the context ended before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// online waits until there is a connection, and returns it.
func (c *Client) online(ctx context.Context) (*Conn, error) {
	for {
		conn, changed, away := c.current()
		if conn != nil {
			return conn, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %s (%w)", ErrLost, away.Error(), ctx.Err()) // the cause is told but not wrapped: it is no answer to the call
		case <-c.ctx.Done():
			return nil, ErrClosed
		}
	}
}

// current returns the connection. If there is none, it returns nil, a channel that is closed when
// that changes, and the reason.
func (c *Client) current() (conn *Conn, changed <-chan struct{}, away error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil && c.conn.Err() == nil {
		return c.conn, c.changed, nil
	}
	if c.conn != nil {
		return nil, c.changed, c.conn.Err()
	}
	return nil, c.changed, c.away
}
