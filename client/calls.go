package client

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"elemental/protocol"
)

// Message is one message of a channel.
type Message struct {
	Server, Channel string
	Index           int64 // its place in the channel, from 0
	Time            time.Time
	Author          string
	Text            string // as its author wrote it: anything, control characters too
}

// Member is one member of a server.
type Member struct {
	User   string
	Online bool
}

// Members is who is in a server. The owner need not be a member.
type Members struct {
	Owner   string
	Members []Member
}

// Page is a part of a channel's history, oldest first, and how many messages
// the channel has in all.
type Page struct {
	Messages []Message
	Total    int64
}

// Provider is what a provider says of itself.
type Provider struct {
	Name, Welcome string
	Icon          []byte // an image file, or nil
}

// Calls are the calls that a Client and a Conn share. Each is one request
// unless it says otherwise, and ends with the answer, a *Refusal, the end of
// its context, or one of this package's errors.
type Calls struct {
	// do sends a request and waits for its answer; a refusal is an error.
	do func(ctx context.Context, r *protocol.Request) (*protocol.Incoming, error)
	// original tells whether the provider is the original, once that is known.
	original func() bool
}

// send is do for calls whose success says nothing more.
func (c *Calls) send(ctx context.Context, r *protocol.Request) error {
	_, err := c.do(ctx, r)
	return err
}

// request starts a request.
func request(call string) *protocol.Request {
	return &protocol.Request{Call: protocol.String(call)}
}

func inServer(call, server string) *protocol.Request {
	r := request(call)
	r.ServerName = protocol.String(server)
	return r
}

func inChannel(call, server, channel string) *protocol.Request {
	r := inServer(call, server)
	r.Channel = protocol.String(channel)
	return r
}

// Register makes a user. It logs nobody in.
func (c *Calls) Register(ctx context.Context, user, password string) error {
	r := request("register")
	r.Usernm, r.Passwd = protocol.String(user), protocol.String(password)
	return c.send(ctx, r)
}

// CreateServer makes a server with the channel "general"; the user owns it and
// is its first member. The password may be empty: then everybody may join.
func (c *Calls) CreateServer(ctx context.Context, server, password string) error {
	r := inServer("createserver", server)
	r.ServerPasswd = protocol.String(password)
	return c.send(ctx, r)
}

// JoinServer makes the user a member. Joining twice changes nothing.
func (c *Calls) JoinServer(ctx context.Context, server, password string) error {
	r := inServer("joinserver", server)
	r.ServerPasswd = protocol.String(password)
	return c.send(ctx, r)
}

// LeaveServer ends the user's membership.
func (c *Calls) LeaveServer(ctx context.Context, server string) error {
	return c.send(ctx, inServer("leaveserver", server))
}

// DeleteServer removes a server with all that is in it. Only its owner can.
func (c *Calls) DeleteServer(ctx context.Context, server, password string) error {
	r := inServer("deleteserver", server)
	r.ServerPasswd = protocol.String(password)
	return c.send(ctx, r)
}

// Servers are the servers that the user is a member of.
func (c *Calls) Servers(ctx context.Context) ([]string, error) {
	in, err := c.do(ctx, request("getjoinedservers"))
	if err != nil {
		return nil, err
	}
	return in.Servers, nil
}

// Channels are the channels of a server. Members only.
func (c *Calls) Channels(ctx context.Context, server string) ([]string, error) {
	in, err := c.do(ctx, inServer("getserverchannels", server))
	if err != nil {
		return nil, err
	}
	return in.Channels, nil
}

// Members are the members of a server and which of them are online. Members
// only. ErrNotOffered by the original provider.
func (c *Calls) Members(ctx context.Context, server string) (Members, error) {
	in, err := c.do(ctx, inServer("getservermembers", server))
	if err != nil {
		return Members{}, err
	}
	members := make([]Member, len(in.Members))
	for i, m := range in.Members {
		members[i] = Member(m)
	}
	return Members{Owner: in.Owner, Members: members}, nil
}

// CreateChannel makes a channel. Only the server's owner can.
func (c *Calls) CreateChannel(ctx context.Context, server, channel string) error {
	r := inServer("createchannel", server)
	r.Name = protocol.String(channel)
	return c.send(ctx, r)
}

// DeleteChannel removes a channel with its messages. Only the server's owner can.
func (c *Calls) DeleteChannel(ctx context.Context, server, channel string) error {
	r := inServer("deletechannel", server)
	r.Name = protocol.String(channel)
	return c.send(ctx, r)
}

// Messages are the messages from begin up to, not including, end. A provider
// bounds how many it answers at once (TooManyMessages).
func (c *Calls) Messages(ctx context.Context, server, channel string, begin, end int64) ([]Message, error) {
	r := inChannel("getmessages", server, channel)
	r.Begin, r.End = protocol.Int(begin), protocol.Int(end)
	in, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	if int64(len(in.Messages)) != end-begin {
		return nil, fmt.Errorf("getmessages: %d messages came, asked for %d", len(in.Messages), end-begin)
	}
	return messages(in, server, channel, func(i int) int64 { return begin + int64(i) }), nil
}

// Latest are up to count messages before the index before; below 0 that is the
// channel's end. With the original provider it takes two requests, and waits
// for the interval in which that counts messages.
func (c *Calls) Latest(ctx context.Context, server, channel string, count int, before int64) (Page, error) {
	if c.original() {
		return c.latestByTotal(ctx, server, channel, int64(count), before)
	}
	r := inChannel("getlatestmessages", server, channel)
	r.Count = protocol.Int(int64(count))
	if before >= 0 {
		r.Before = protocol.Int(before)
	}
	in, err := c.do(ctx, r)
	if err != nil {
		return Page{}, err
	}
	page := messages(in, server, channel, func(i int) int64 { return in.Messages[i].Index })
	return Page{Messages: page, Total: in.Amount}, nil
}

func (c *Calls) latestByTotal(ctx context.Context, server, channel string, count, before int64) (Page, error) {
	total, err := c.Total(ctx, server, channel)
	if err != nil {
		return Page{}, err
	}
	end := total
	if before >= 0 {
		end = min(before, total)
	}
	page, err := c.Messages(ctx, server, channel, max(end-count, 0), end)
	return Page{Messages: page, Total: total}, err
}

func messages(in *protocol.Incoming, server, channel string, index func(i int) int64) []Message {
	list := make([]Message, len(in.Messages))
	for i, m := range in.Messages {
		list[i] = Message{
			Server: server, Channel: channel, Index: index(i),
			Time: time.UnixMicro(int64(m.Time)), Author: string(m.Author), Text: string(m.Text),
		}
	}
	return list
}

// Total is how many messages a channel has. Providers answer it once in 0.75
// seconds per connection (TooOften); Latest with count 0 has no such limit on
// ours. With the original provider the call waits until it may ask.
func (c *Calls) Total(ctx context.Context, server, channel string) (int64, error) {
	in, err := c.do(ctx, inChannel("gettotalmessages", server, channel))
	if err != nil {
		return 0, err
	}
	return in.Amount, nil
}

// SetImage gives a server its image, a file of any kind. Only its owner can.
func (c *Calls) SetImage(ctx context.Context, server string, image []byte) error {
	r := inServer("setserverimage", server)
	r.Img = protocol.String(base64.StdEncoding.EncodeToString(image))
	return c.send(ctx, r)
}

// Image is a server's image file. Members only.
func (c *Calls) Image(ctx context.Context, server string) ([]byte, error) {
	in, err := c.do(ctx, inServer("getserverimage", server))
	if err != nil {
		return nil, err
	}
	image, err := base64.StdEncoding.DecodeString(in.Image)
	if err != nil {
		return nil, fmt.Errorf("getserverimage: %w", err)
	}
	return image, nil
}

// Provider asks the provider for its name, welcome and icon. It needs no login.
func (c *Calls) Provider(ctx context.Context) (Provider, error) {
	in, err := c.do(ctx, request("getprovidername"))
	if err != nil {
		return Provider{}, err
	}
	about := Provider{Name: in.Name, Welcome: in.Welcome}
	if in.Icon == "" {
		return about, nil
	}
	if about.Icon, err = base64.StdEncoding.DecodeString(in.Icon); err != nil {
		return about, fmt.Errorf("getprovidername: icon: %w", err)
	}
	return about, nil
}
