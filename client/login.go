package client

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// credentials are what a Client logs in again with. They stay in memory.
type credentials struct {
	user      string
	key       string
	passwords []string // to be tried in order; more than one after a change whose answer was lost
	used      time.Time
}

// renewal is how often the key is used, well within the hour that it is good for.
const renewal = 20 * time.Minute

// errLoggedOut ends the subscriptions of who has logged out.
var errLoggedOut = &Refusal{Call: "subscription", Code: NotLoggedIn, Reason: "not logged in"}

// User is who is logged in, or "", as the provider writes the name: so it stands
// in messages, too.
func (c *Client) User() string { return c.credentials().user }

// Key is the key of the login. It stands for the password until it has not been
// used for an hour; the client uses it now and then as long as it is connected
// and Options.Heartbeat is not below 0.
func (c *Client) Key() string { return c.credentials().key }

func (c *Client) credentials() credentials {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who
}

// forget makes nobody logged in.
func (c *Client) forget(cause *Refusal) {
	c.setCredentials(credentials{})
	c.endAll(cause)
}

// setCredentials changes who is logged in. Subscriptions belong to a user.
func (c *Client) setCredentials(who credentials) {
	c.mu.Lock()
	other := c.who.user != who.user
	c.who = who
	c.mu.Unlock()
	if other && who.user != "" {
		c.endAll(errLoggedOut)
	}
}

// Login logs in, now and after each reconnect: by key while that is good,
// otherwise by password, which is kept in memory for it. Logging in as somebody
// else ends the subscriptions.
func (c *Client) Login(ctx context.Context, user, password string) error {
	return c.signing(ctx, "login", true, func(ctx context.Context, conn *Conn) error {
		key, err := conn.Login(ctx, user, password)
		if err == nil {
			c.setCredentials(credentials{conn.known(user), key, []string{password}, time.Now()})
		}
		return err
	})
}

// LoginByKey is Login for those who have kept a key (of Key) and no password.
// ErrNotOffered by the original provider.
func (c *Client) LoginByKey(ctx context.Context, user, key string) error {
	return c.signing(ctx, "login", true, func(ctx context.Context, conn *Conn) error {
		key, err := conn.LoginByKey(ctx, user, key)
		if err == nil {
			c.setCredentials(credentials{user: conn.known(user), key: key, used: time.Now()})
		}
		return err
	})
}

// Logout ends the login, its key and the subscriptions; the client stays
// connected. With the original provider, which knows no logout, it reconnects.
func (c *Client) Logout(ctx context.Context) error {
	return c.signing(ctx, "logout", true, func(ctx context.Context, conn *Conn) error {
		err := conn.Logout(ctx)
		if errors.Is(err, ErrNotOffered) {
			c.forget(errLoggedOut)
			c.Reconnect() // the next connection is nobody's
			return nil
		}
		if CodeOf(err) == NotLoggedIn {
			err = nil // an earlier try whose answer was lost
		}
		if err == nil {
			c.forget(errLoggedOut)
		}
		return err
	})
}

// ChangePassword changes the user's password; all other keys of the user end.
// ErrNotOffered by the original provider.
func (c *Client) ChangePassword(ctx context.Context, old, new string) error {
	return c.signing(ctx, "changepasswd", false, func(ctx context.Context, conn *Conn) error {
		who := c.credentials()
		key, err := conn.ChangePassword(ctx, old, new)
		switch {
		case err == nil:
			c.setCredentials(credentials{who.user, key, []string{new}, time.Now()})
		case errors.Is(err, ErrUncertain) || CodeOf(err) == OutcomeUnknown:
			who.passwords = []string{new, old}
			c.setCredentials(who)
		}
		return err
	})
}

// errDoubt ends a connection on which it is not certain who is logged in.
var errDoubt = errors.New("it is not certain who is logged in")

// signing does a change of who is logged in, one at a time, so that a reconnect
// meanwhile finds either the old or the new one.
func (c *Client) signing(ctx context.Context, call string, harmless bool, change func(context.Context, *Conn) error) error {
	return c.persist(ctx, attempt{
		call: call,
		make: func(ctx context.Context, conn *Conn) error {
			if !enter(ctx, c.signIn) {
				return fmt.Errorf("%s: not sent: %w", call, ctx.Err())
			}
			defer leave(c.signIn)
			err := change(ctx, conn)
			if isDoubtful(err) {
				conn.fail(errDoubt) // who is logged in on the next one is certain
			}
			return err
		},
		harmless: func(*Conn, int) bool { return harmless },
	})
}

// resume logs in on a new connection as whoever was logged in before. It gives
// the refusal after which nobody is, or the trouble after which to try again.
func (c *Client) resume(conn *Conn) (refused, err error) {
	who := c.credentials()
	if who.user == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.o.Timeout)
	defer cancel()
	err = ErrNotOffered
	if who.key != "" {
		who.key, err = conn.LoginByKey(ctx, who.user, who.key)
	}
	for _, password := range who.passwords {
		if err == nil || !(errors.Is(err, ErrNotOffered) || isDenied(err)) {
			break
		}
		if who.key, err = conn.Login(ctx, who.user, password); err == nil {
			who.passwords = []string{password}
		}
	}
	if err == nil {
		who.used = time.Now()
		c.setCredentials(who)
		return nil, nil
	}
	if refusal := new(Refusal); isDenied(err) && errors.As(err, &refusal) {
		c.forget(refusal)
		return refusal, nil
	}
	return nil, err
}

// isDenied tells the refusals after which the same login will not succeed again.
func isDenied(err error) bool {
	switch CodeOf(err) {
	case WrongKey, KeyTooOld, WrongPassword, NoSuchUser:
		return true
	}
	return false
}

// renew uses the key, so that it stays good for a login after a loss.
func (c *Client) renew(ctx context.Context, conn *Conn) error {
	who := c.credentials()
	if who.key == "" || conn.Original() || time.Since(who.used) < renewal {
		return nil
	}
	if !enter(ctx, c.signIn) {
		return ctx.Err()
	}
	defer leave(c.signIn)
	if who = c.credentials(); who.key == "" {
		return nil // logged out meanwhile
	}
	key, err := conn.LoginByKey(ctx, who.user, who.key)
	switch {
	case err == nil:
		who.key, who.used = key, time.Now()
		c.setCredentials(who)
	case isDenied(err):
		who.used = time.Now()
		if len(who.passwords) > 0 {
			who.key = "" // otherwise it stays, to be denied where somebody hears of it
		}
		c.setCredentials(who)
	}
	return err
}
