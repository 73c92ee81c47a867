package client

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// credentials are what a Client logs in with again after a reconnect. They are kept in memory
// only.
type credentials struct {
	user      string
	key       string
	passwords []string // to be tried in this order; more than one only after a password change whose answer was lost
	used      time.Time
}

// renewal is the age at which the client uses its key again. The provider ends a key that was not
// used for an hour, so this leaves ample time.
const renewal = 20 * time.Minute

// errLoggedOut is the cause with which subscriptions end when their user logs out.
var errLoggedOut = &Refusal{Call: "subscription", Code: NotLoggedIn, Reason: "not logged in"}

// User returns who is logged in, or "". The name has the form that the provider gives it, as in
// messages.
func (c *Client) User() string { return c.credentials().user }

// Key returns the key of the login, which can be used instead of the password to log in. It ends
// when it was not used for an hour. The client uses it from time to time while it is connected,
// unless Options.Heartbeat is below 0.
func (c *Client) Key() string { return c.credentials().key }

func (c *Client) credentials() credentials {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who
}

// forget notes that nobody is logged in any more, and ends all subscriptions with that cause.
func (c *Client) forget(cause *Refusal) {
	c.setCredentials(credentials{})
	c.endAll(cause)
}

// setCredentials changes who is logged in. If that is another user than before, all subscriptions
// end, since they belong to a user.
func (c *Client) setCredentials(who credentials) {
	c.mu.Lock()
	other := c.who.user != who.user
	c.who = who
	c.mu.Unlock()
	if other && who.user != "" {
		c.endAll(errLoggedOut)
	}
}

// Login logs in, now and again after each reconnect. The reconnects use the key as long as it is
// good, and otherwise the password, which is kept in memory for this. Logging in as another user
// ends the subscriptions.
func (c *Client) Login(ctx context.Context, user, password string) error {
	return c.signing(ctx, "login", true, func(ctx context.Context, conn *Conn) error {
		key, err := conn.Login(ctx, user, password)
		if err == nil {
			c.setCredentials(credentials{conn.known(user), key, []string{password}, time.Now()})
		}
		return err
	})
}

// LoginByKey does what Login does for a caller who has kept a key (see Key) and has no password.
// The original provider does not offer it: then the error is ErrNotOffered.
func (c *Client) LoginByKey(ctx context.Context, user, key string) error {
	return c.signing(ctx, "login", true, func(ctx context.Context, conn *Conn) error {
		key, err := conn.LoginByKey(ctx, user, key)
		if err == nil {
			c.setCredentials(credentials{user: conn.known(user), key: key, used: time.Now()})
		}
		return err
	})
}

// Logout ends the login, its key and the subscriptions; the client stays connected. The original
// provider has no logout, so there the client reconnects instead.
func (c *Client) Logout(ctx context.Context) error {
	return c.signing(ctx, "logout", true, func(ctx context.Context, conn *Conn) error {
		err := conn.Logout(ctx)
		if errors.Is(err, ErrNotOffered) {
			c.forget(errLoggedOut)
			c.Reconnect() // nobody is logged in on the next connection
			return nil
		}
		if CodeOf(err) == NotLoggedIn {
			err = nil // an earlier try has logged out, and its answer was lost
		}
		if err == nil {
			c.forget(errLoggedOut)
		}
		return err
	})
}

// ChangePassword changes the password of the user who is logged in and ends all other keys of the
// user. The original provider does not offer it: then the error is ErrNotOffered. If the answer
// is lost, the client tries both passwords at its next login.
func (c *Client) ChangePassword(ctx context.Context, old, new string) error {
	return c.signing(ctx, "changepasswd", false, func(ctx context.Context, conn *Conn) error {
		who := c.credentials()
		key, err := conn.ChangePassword(ctx, old, new)
		switch {
		case err == nil:
			c.setCredentials(credentials{who.user, key, []string{new}, time.Now()})
		case Doubtful(err):
			who.passwords = []string{new, old}
			c.setCredentials(who)
		}
		return err
	})
}

// errDoubt is the cause with which the client ends a connection when it does not know who is
// logged in on it.
var errDoubt = errors.New("it is not certain who is logged in")

// signing makes a change to who is logged in. Only one runs at a time, so that a reconnect in the
// meantime finds either the old user or the new one. harmless says whether the change may be sent
// again when its answer was lost.
func (c *Client) signing(ctx context.Context, call string, harmless bool, change func(context.Context, *Conn) error) error {
	return c.persist(ctx, attempt{
		call: call,
		make: func(ctx context.Context, conn *Conn) error {
			if !enter(ctx, c.signIn) {
				return fmt.Errorf("%s: not sent: %w", call, ctx.Err())
			}
			defer leave(c.signIn)
			err := change(ctx, conn)
			if Doubtful(err) {
				conn.fail(errDoubt) // on the next connection it is certain
			}
			return err
		},
		harmless: func(*Conn, int) bool { return harmless },
	})
}

// resume logs in on a new connection as the user who was logged in before. refused is the refusal
// after which nobody is logged in any more; err is a failure after which the client should try
// again. Both are nil if it succeeded or nobody was logged in.
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
	if refusal, is := errors.AsType[*Refusal](err); is && isDenied(err) {
		c.forget(refusal)
		return refusal, nil
	}
	return nil, err
}

// isDenied reports whether err is a refusal after which the same login will not succeed later
// either.
func isDenied(err error) bool {
	switch CodeOf(err) {
	case WrongKey, KeyTooOld, WrongPassword, NoSuchUser:
		return true
	}
	return false
}

// renew uses the key if it was not used for the time of renewal, so that it is still good for a
// login after a lost connection.
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
			who.key = "" // without a password the key stays; the next reconnect is then refused and the user hears of it
		}
		c.setCredentials(who)
	}
	return err
}
