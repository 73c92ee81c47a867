package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// This file holds the client's goroutine that makes connections and watches over them: keep.

// stable is how long a connection has to last so that the pauses before new attempts start small
// again.
const stable = 5 * time.Second

// errWanted is the cause with which Reconnect ends a connection.
var errWanted = errors.New("reconnecting as asked")

func newPauses(first, most time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = first, most
	b.Multiplier, b.RandomizationFactor = 2, 0.5
	return b
}

// keep connects and reconnects until Close. It sends the outcome of the first attempt to first,
// which has room for it.
func (c *Client) keep(first chan<- error) {
	defer close(c.ended)
	pauses := newPauses(c.o.MinDelay, c.o.MaxDelay)
	for c.ctx.Err() == nil {
		c.tell(Status{State: Connecting})
		conn, err := c.connect()
		if first != nil {
			first <- err
			first = nil
		}
		if err == nil {
			began := time.Now()
			err = c.attend(conn)
			if time.Since(began) > stable || isOurDoing(err) {
				pauses.Reset()
			}
		}
		c.rest(err, pauses)
	}
	c.setConn(nil, ErrClosed)
	c.endAll(ErrClosed)
	c.tell(Status{State: Closed})
}

func (c *Client) tell(s Status) {
	if c.o.Status != nil {
		c.o.Status(s)
	}
}

// connect makes a connection and logs in again; only then may calls use the connection.
func (c *Client) connect() (*Conn, error) {
	conn, err := connect(c.ctx, c.address, c.o, c.hear)
	if err != nil {
		return nil, err
	}
	if !enter(c.ctx, c.signIn) {
		conn.Close()
		return nil, ErrClosed
	}
	defer leave(c.signIn)
	refused, err := c.resume(conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	c.setConn(conn, nil)
	c.tell(Status{State: Online, Err: refused, Original: conn.Original()})
	return conn, nil
}

// attend waits until a connection has ended, and returns why. Meanwhile it keeps pings going.
func (c *Client) attend(conn *Conn) error {
	ctx, cancel := context.WithCancel(c.ctx)
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		c.beat(ctx, conn)
	}()
	select {
	case <-conn.Done():
	case <-c.ctx.Done():
		conn.fail(ErrClosed)
	}
	cancel()
	<-conn.readerDone // so that nothing of this connection is heard once there is a new one
	<-beating
	err := conn.Err()
	c.setConn(nil, err)
	return err
}

// isOurDoing reports whether the client itself has ended the connection for a reason that calls
// for no pause before the next one.
func isOurDoing(end error) bool {
	return errors.Is(end, errWanted) || errors.Is(end, errSilent) || errors.Is(end, errDoubt)
}

// rest reports that the client is offline and waits for the pause, unless somebody wants the
// connection now.
func (c *Client) rest(err error, pauses *backoff.ExponentialBackOff) {
	if c.ctx.Err() != nil || isOurDoing(err) {
		return
	}
	d := pauses.NextBackOff()
	c.setConn(nil, err)
	c.tell(Status{State: Offline, Err: err, Pause: d})
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.hurry:
	case <-c.ctx.Done():
	}
}

// beat sends a ping each Options.Heartbeat. If a ping is not answered within Options.Timeout and
// nothing at all was received in that time, not even a part of a long answer, it ends the
// connection.
func (c *Client) beat(ctx context.Context, conn *Conn) {
	if c.o.Heartbeat < 0 {
		return
	}
	for pause(ctx, c.o.Heartbeat) {
		began := time.Now()
		asked, cancel := context.WithTimeout(ctx, c.o.Timeout)
		err := conn.Ping(asked)
		if err == nil {
			c.lag.Store(int64(time.Since(began)))
			err = c.renew(asked, conn)
		}
		late := asked.Err() != nil && ctx.Err() == nil
		cancel()
		if late && conn.silence() >= c.o.Timeout {
			conn.fail(fmt.Errorf("no sign of life for %v: %w", c.o.Timeout, err))
			return
		}
	}
}

// enter takes a lock that is a channel with room for one value. It reports false if the context
// ended before.
func enter(ctx context.Context, place chan struct{}) bool {
	select {
	case place <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func leave(place chan struct{}) { <-place }
