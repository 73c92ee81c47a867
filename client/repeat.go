package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"elemental/protocol"
)

// Which calls a client repeats, when and how long.

// do sends a request on the connection there is, or the next one.
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

// attempt is something to be done on a connection, until it is done or refused.
type attempt struct {
	call     string
	make     func(ctx context.Context, conn *Conn) error
	harmless func(conn *Conn, tries int) bool // it may be done twice
}

// persist makes an attempt on each connection that comes, until there is an
// answer that counts or the time is up.
func (c *Client) persist(ctx context.Context, a attempt) error {
	ctx, cancel := within(ctx, c.o.Timeout)
	defer cancel()
	pauses := newBusyPauses()
	doubt := false // an earlier try may have been done
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
		doubt = doubt || isDoubtful(err)
		if CodeOf(err) != "" && !pause(ctx, pauses.NextBackOff()) {
			return a.final(err, doubt)
		}
	}
}

// newBusyPauses are those between the tries of what a provider refuses for the moment.
func newBusyPauses() *backoff.ExponentialBackOff { return newPauses(50*time.Millisecond, time.Second) }

// final is how an attempt ends that is not made again. Reading leaves nothing
// behind, so there is no doubt about it.
func (a attempt) final(err error, doubt bool) error {
	if doubt && !harmless[a.call] && !errors.Is(err, ErrUncertain) {
		return fmt.Errorf("%w (an earlier try: %w)", err, ErrUncertain)
	}
	return err
}

// isDoubtful tells an error after which something may have been done all the same.
func isDoubtful(err error) bool {
	return errors.Is(err, ErrUncertain) || CodeOf(err) == OutcomeUnknown
}

// asClosed says of what ended with the client that it did.
func (c *Client) asClosed(err error) error {
	if c.ctx.Err() != nil && CodeOf(err) == "" {
		return fmt.Errorf("%w (%w)", err, ErrClosed)
	}
	return err
}

// again tells whether what failed may be tried once more: it was certainly not
// done, or doing it twice does no harm.
func (c *Client) again(ctx context.Context, err error, harmless bool) bool {
	switch {
	case ctx.Err() != nil || c.ctx.Err() != nil:
		return false
	case CodeOf(err) == Busy || errors.Is(err, ErrLost):
		return true
	case CodeOf(err) == OutcomeUnknown || errors.Is(err, ErrUncertain):
		return harmless
	}
	return false
}

// harmless are the calls that leave nothing behind and may be sent twice.
var harmless = map[string]bool{
	"getjoinedservers": true, "getserverchannels": true, "getservermembers": true, "getserverimage": true,
	"getmessages": true, "getlatestmessages": true, "gettotalmessages": true, "getprovidername": true, "ping": true,
}

// repeatable reports whether a request may be sent once more after that many
// tries. The original hangs up where it fails, and would do so each time.
func repeatable(r *protocol.Request, conn *Conn, tries int) bool {
	switch {
	case conn.Original():
		return harmless[r.Call.Value] && tries < 3
	case r.Call.Value == "message":
		return r.Nonce.Is == protocol.Given
	}
	return harmless[r.Call.Value]
}

// pause waits, and reports whether the context let it.
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

// online waits for a connection.
func (c *Client) online(ctx context.Context) (*Conn, error) {
	for {
		conn, changed, away := c.current()
		if conn != nil {
			return conn, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %s (%w)", ErrLost, away.Error(), ctx.Err()) // the cause is no answer to a call
		case <-c.ctx.Done():
			return nil, ErrClosed
		}
	}
}

// current is the connection, or nil with a channel that closes when that
// changes and the reason why there is none.
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
