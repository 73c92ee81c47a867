package client

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"elemental/protocol"
)

// Message is one message of a channel.
type Message struct {
	Server, Channel string
	Index           int64 // its place in the channel, counted from 0
	Time            time.Time
	Author          string
	Text            string // as its author wrote it; it may hold anything, also control characters
}

// Member is one member of a server.
type Member struct {
	User   string
	Online bool
}

// Members are the members of a server and its owner, who need not be a member.
type Members struct {
	Owner   string
	Members []Member
}

// Page is a part of a channel's history, oldest message first, and the number of messages that
// the channel has in all.
type Page struct {
	Messages []Message
	Total    int64
}

// Provider is what a provider tells about itself.
type Provider struct {
	Name, Welcome string
	Icon          []byte // an image file, or nil
}

// Calls are the calls that Client and Conn share. Unless it says otherwise, each sends one
// request and returns when the answer is there. The error is a *Refusal, the end of the context,
// or one of the errors of this package.
type Calls struct {
	// do sends a request and waits for its answer; a refusal is an error.
	do func(ctx context.Context, r *protocol.Request) (*protocol.Incoming, error)
	// original reports whether the provider is the original one, as far as that is known.
	original func() bool
}

// send sends a request whose answer holds nothing but success.
func (c *Calls) send(ctx context.Context, r *protocol.Request) error {
	_, err := c.do(ctx, r)
	return err
}

// request returns a new request with the name of the call filled in.
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

// Register makes a new user. It does not log in.
func (c *Calls) Register(ctx context.Context, user, password string) error {
	r := request("register")
	r.Usernm, r.Passwd = protocol.String(user), protocol.String(password)
	return c.send(ctx, r)
}

// CreateServer makes a server with the channel "general". The user who is logged in owns it and
// becomes its first member. With an empty password everybody may join.
func (c *Calls) CreateServer(ctx context.Context, server, password string) error {
	r := inServer("createserver", server)
	r.ServerPasswd = protocol.String(password)
	return c.send(ctx, r)
}

// JoinServer makes the user a member of a server. Joining a second time changes nothing.
func (c *Calls) JoinServer(ctx context.Context, server, password string) error {
	r := inServer("joinserver", server)
	r.ServerPasswd = protocol.String(password)
	return c.send(ctx, r)
}

// LeaveServer ends the user's membership of a server.
func (c *Calls) LeaveServer(ctx context.Context, server string) error {
	return c.send(ctx, inServer("leaveserver", server))
}

// DeleteServer removes a server with all that is in it. Only its owner can.
func (c *Calls) DeleteServer(ctx context.Context, server, password string) error {
	r := inServer("deleteserver", server)
	r.ServerPasswd = protocol.String(password)
	return c.send(ctx, r)
}

// Servers returns the names of the servers that the user is a member of.
func (c *Calls) Servers(ctx context.Context) ([]string, error) {
	in, err := c.do(ctx, request("getjoinedservers"))
	if err != nil {
		return nil, err
	}
	return in.Servers, nil
}

// Channels returns the names of a server's channels. Only members may ask.
func (c *Calls) Channels(ctx context.Context, server string) ([]string, error) {
	in, err := c.do(ctx, inServer("getserverchannels", server))
	if err != nil {
		return nil, err
	}
	return in.Channels, nil
}

// Members returns the members of a server and which of them are online. Only members may ask. The
// original provider does not offer it: then the error is ErrNotOffered.
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

// Messages returns the messages with indexes from begin up to but not including end, oldest
// first. Providers limit how many they send at once and refuse more with TooManyMessages.
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

// Latest returns up to count messages that come just before the index before; if before is below
// 0, the newest ones. The original provider has no such call: there it takes two requests, and
// waits until that provider counts messages again.
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

// Total returns how many messages a channel has. Providers answer this call only once in 0.75
// seconds per connection and refuse it otherwise with TooOften; Latest with count 0 has no such
// limit on our provider. With the original one the call waits until it may ask.
func (c *Calls) Total(ctx context.Context, server, channel string) (int64, error) {
	in, err := c.do(ctx, inChannel("gettotalmessages", server, channel))
	if err != nil {
		return 0, err
	}
	return in.Amount, nil
}

// SetImage sets a server's image, which may be a file of any kind. Only the server's owner can.
func (c *Calls) SetImage(ctx context.Context, server string, image []byte) error {
	r := inServer("setserverimage", server)
	r.Img = protocol.String(base64.StdEncoding.EncodeToString(image))
	return c.send(ctx, r)
}

// Image returns the bytes of a server's image file. Only members may ask. The code of the Refusal
// is NoImage if the server has none.
func (c *Calls) Image(ctx context.Context, server string) ([]byte, error) {
	in, err := c.do(ctx, inServer("getserverimage", server))
	if CodeOf(err) == incorrectValues && c.original() {
		return nil, errNoImage // the original takes an image that was never set for a missing value of the request
	}
	if err != nil {
		return nil, err
	}
	var text string
	if err := json.Unmarshal(in.Image, &text); err != nil {
		return nil, fmt.Errorf("getserverimage: %w", err)
	}
	if text == "" {
		return nil, errNoImage // the original lets the owner set an empty one
	}
	image, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("getserverimage: %w", err)
	}
	return image, nil
}

// errNoImage is what this project's provider answers itself.
var errNoImage = &Refusal{Call: "getserverimage", Code: NoImage, Reason: protocol.Reason(string(NoImage), 0)}

// Provider asks for the provider's name, welcome and icon. It needs no login.
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
