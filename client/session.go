package client

import (
	"context"
	"time"

	"elemental/protocol"
)

// This file holds the calls of a Conn that a Client has its own versions of.

// Login logs in and returns the login's key, which the original provider does not have.
func (c *Conn) Login(ctx context.Context, user, password string) (key string, err error) {
	r := request("login")
	r.Usernm, r.Passwd = protocol.String(user), protocol.String(password)
	return c.login(ctx, user, r)
}

// LoginByKey logs in with the key of an earlier login and returns the key to use from then on,
// which is the same with today's provider. The original provider does not offer it: then the
// error is ErrNotOffered.
func (c *Conn) LoginByKey(ctx context.Context, user, key string) (newKey string, err error) {
	if c.Original() {
		return "", ErrNotOffered
	}
	r := request("login")
	r.Usernm, r.Key = protocol.String(user), protocol.String(key)
	return c.login(ctx, user, r)
}

func (c *Conn) login(ctx context.Context, user string, r *protocol.Request) (string, error) {
	in, err := c.do(ctx, r)
	if err != nil {
		return "", err
	}
	c.setUser(user)
	return in.Key, nil
}

func (c *Conn) setUser(user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.user = user
}

// Logout ends the login and its key.
func (c *Conn) Logout(ctx context.Context) error {
	err := c.send(ctx, request("logout"))
	if err == nil {
		c.setUser("")
	}
	return err
}

// ChangePassword changes the user's password and returns a new key; all other keys of the user
// end.
func (c *Conn) ChangePassword(ctx context.Context, old, new string) (key string, err error) {
	r := request("changepasswd")
	r.Passwd, r.NewPasswd = protocol.String(old), protocol.String(new)
	in, err := c.do(ctx, r)
	if err != nil {
		return "", err
	}
	return in.Key, nil
}

// Subscribe asks for the pushes of a channel, or with channel "" of all channels of a server. It
// returns how many messages the channel has at that moment.
func (c *Conn) Subscribe(ctx context.Context, server, channel string) (amount int64, err error) {
	in, err := c.do(ctx, topic("subscribe", server, channel))
	if err != nil {
		return 0, err
	}
	return in.Amount, nil
}

// Unsubscribe ends a subscription that Subscribe made.
func (c *Conn) Unsubscribe(ctx context.Context, server, channel string) error {
	return c.send(ctx, topic("unsubscribe", server, channel))
}

func topic(call, server, channel string) *protocol.Request {
	if channel == "" {
		return inServer(call, server)
	}
	return inChannel(call, server, channel)
}

// Post posts a message and returns it with its place. When it returns without an error, the
// message is on the provider's disk. With the original provider, and with an error, the Index of
// the result is -1.
func (c *Conn) Post(ctx context.Context, server, channel, text string) (Message, error) {
	return c.post(ctx, postRequest(server, channel, text, ""))
}

// PostOnce does what Post does with a nonce of up to 64 characters: another post with the same
// nonce posts nothing and returns the place of the first one. The original provider has no
// nonces, so there it does only what Post does.
func (c *Conn) PostOnce(ctx context.Context, server, channel, text, nonce string) (Message, error) {
	return c.post(ctx, postRequest(server, channel, text, nonce))
}

func (c *Conn) post(ctx context.Context, r *protocol.Request) (Message, error) {
	in, err := c.do(ctx, r)
	if err != nil {
		return Message{Index: -1}, err
	}
	c.mu.Lock()
	user := c.user
	c.mu.Unlock()
	return posted(r, in, user, c.Original()), nil
}

func postRequest(server, channel, text, nonce string) *protocol.Request {
	r := inChannel("message", server, channel)
	r.Msg = protocol.String(text)
	if nonce != "" {
		r.Nonce = protocol.String(nonce)
	}
	return r
}

// posted returns the message as it stands in the channel, made from a post and its answer.
func posted(r *protocol.Request, in *protocol.Incoming, author string, original bool) Message {
	m := Message{
		Server: protocol.Cleaned(r.ServerName.Value), Channel: protocol.Cleaned(r.Channel.Value), Index: -1,
		Author: protocol.Cleaned(author), Text: string([]rune(r.Msg.Value)), // bytes that are no UTF-8 are sent as U+FFFD
	}
	if !original {
		m.Index, m.Time = in.Index, time.UnixMicro(int64(in.Time))
	}
	return m
}

// known returns a name as the provider writes it; the original one takes names as they are.
func (c *Conn) known(name string) string {
	if c.Original() {
		return name
	}
	return protocol.Cleaned(name)
}

// Ping asks the provider to answer. It needs no login.
func (c *Conn) Ping(ctx context.Context) error {
	if c.Original() {
		_, err := c.Provider(ctx)
		return err
	}
	_, err := c.do(ctx, request("ping"))
	if CodeOf(err) == NotLoggedIn {
		return nil // that is an answer too
	}
	return err
}
