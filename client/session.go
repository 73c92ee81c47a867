package client

import (
	"context"
	"time"

	"elemental/protocol"
)

// The calls of a Conn that a Client does in its own way.

// Login logs in and returns the key of the login.
func (c *Conn) Login(ctx context.Context, user, password string) (key string, err error) {
	r := request("login")
	r.Usernm, r.Passwd = protocol.String(user), protocol.String(password)
	return c.login(ctx, user, r)
}

// LoginByKey logs in with an earlier login's key.
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

// ChangePassword changes the user's password and returns a new key; all others end.
func (c *Conn) ChangePassword(ctx context.Context, old, new string) (key string, err error) {
	r := request("changepasswd")
	r.Passwd, r.NewPasswd = protocol.String(old), protocol.String(new)
	in, err := c.do(ctx, r)
	if err != nil {
		return "", err
	}
	return in.Key, nil
}

// Subscribe asks for pushes of a channel, or of all channels of a server (""),
// and returns how many messages the channel has at that moment.
func (c *Conn) Subscribe(ctx context.Context, server, channel string) (amount int64, err error) {
	in, err := c.do(ctx, topic("subscribe", server, channel))
	if err != nil {
		return 0, err
	}
	return in.Amount, nil
}

// Unsubscribe ends that.
func (c *Conn) Unsubscribe(ctx context.Context, server, channel string) error {
	_, err := c.do(ctx, topic("unsubscribe", server, channel))
	return err
}

func topic(call, server, channel string) *protocol.Request {
	if channel == "" {
		return inServer(call, server)
	}
	return inChannel(call, server, channel)
}

// Post posts a message. When it returns, the message is on the provider's disk.
// With the original provider, and with an error, the Index of the result is -1.
func (c *Conn) Post(ctx context.Context, server, channel, text string) (Message, error) {
	return c.post(ctx, postRequest(server, channel, text, ""))
}

// PostOnce is Post under a nonce of up to 64 characters: the same nonce again
// posts nothing and returns the first one's place. The original does not know it.
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

// posted is the message that an answer to a post tells of.
func posted(r *protocol.Request, in *protocol.Incoming, author string, original bool) Message {
	m := Message{
		Server: clean(r.ServerName.Value), Channel: clean(r.Channel.Value), Index: -1,
		Author: clean(author), Text: string([]rune(r.Msg.Value)), // what is no UTF-8 travels as U+FFFD
	}
	if !original {
		m.Index, m.Time = in.Index, time.UnixMicro(int64(in.Time))
	}
	return m
}

// clean is a name as the provider has it, in its one normal form.
func clean(name string) string {
	if one, valid := protocol.CleanName(name); valid {
		return one
	}
	return name
}

// known is a name as the provider writes it; the original takes names as they are.
func (c *Conn) known(name string) string {
	if c.Original() {
		return name
	}
	return clean(name)
}

// Ping asks the provider for a sign of life. It needs no login.
func (c *Conn) Ping(ctx context.Context) error {
	if c.Original() {
		_, err := c.Provider(ctx)
		return err
	}
	_, err := c.do(ctx, request("ping"))
	if CodeOf(err) == NotLoggedIn {
		return nil // an answer too
	}
	return err
}
