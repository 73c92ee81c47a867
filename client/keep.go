package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// The keeper is the goroutine that makes connections and watches over them.

// stable is how long a connection has to live for the pauses to start small again.
const stable = 5 * time.Second

// errWanted ends a connection at its owner's wish.
var errWanted = errors.New("reconnecting as asked")

func newPauses(first, most time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = first, most
	b.Multiplier, b.RandomizationFactor = 2, 0.5
	return b
}

// keep connects and reconnects until Close. The first outcome is told to first,
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

// connect makes a connection, logs in again, and only then lets calls use it.
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

// attend watches over a connection until it ends, and returns why.
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
	<-conn.readerDone // nothing old is heard once the next one is there
	<-beating
	err := conn.Err()
	c.setConn(nil, err)
	return err
}

// isOurDoing tells the ends after which there is no reason to pause.
func isOurDoing(end error) bool {
	return errors.Is(end, errWanted) || errors.Is(end, errSilent) || errors.Is(end, errDoubt)
}

// rest tells that the client is away, and pauses unless somebody is in a hurry.
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

// beat pings now and then. Where nothing at all comes, not even a part of some
// long answer, it ends the connection.
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

// enter takes the one place of a channel, unless the context ends before.
func enter(ctx context.Context, place chan struct{}) bool {
	select {
	case place <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func leave(place chan struct{}) { <-place }
