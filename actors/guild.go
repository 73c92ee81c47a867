package actors

import (
	"cmp"
	"slices"
)

// This file is the state of a server, and the events that make it; server.go and the other
// files server*.go and membership.go are its actor.

// The events. An incarnation is the sequence number of the event that made the
// server or channel, so a name that is deleted and made again has another one.
type (
	serverCreated struct {
		Incarnation uint64 `json:"incarnation"`
		Owner       string `json:"owner"`
		Password    string `json:"password"` // PHC string; "" for a server that is open to all
		Channel     string `json:"channel"`  // the first one
	}
	memberJoined struct {
		User string `json:"user"`
	}
	memberLeft     memberJoined
	channelCreated struct {
		Channel     string `json:"channel"`
		Incarnation uint64 `json:"incarnation"`
	}
	channelDeleted channelCreated
	imageSet       struct {
		Image string `json:"img"`
	}
	serverDeleted struct{}
)

// guild is the state, and the snapshot.
type guild struct {
	Exists      bool             `json:"exists"`
	Incarnation uint64           `json:"incarnation"`
	Owner       string           `json:"owner"`
	Password    string           `json:"password"`
	Members     []memberName     `json:"users"` // filled in only for the snapshot, like Channels and Owed
	Channels    []channelCreated `json:"channels"`
	Image       string           `json:"img,omitempty"`
	Owed        []debt           `json:"owed,omitempty"`

	members  ordered[memberName]     // in the order of joining
	channels ordered[channelCreated] // in that of their incarnations
	owed     map[membership]bool     // users whose list does not follow yet; the value says whether they are members
}

type memberName string

func (m memberName) called() string { return string(m) }

func (c channelCreated) called() string { return c.Channel }

// membership is a user's relation to one incarnation of the server, member or not.
type membership struct {
	User        string `json:"user"`
	Incarnation uint64 `json:"incarnation"`
}

// debt is a change of membership that the user has not confirmed.
type debt struct {
	membership
	Member bool `json:"member"`
}

func newGuild() guild {
	return guild{owed: map[membership]bool{}}
}

func (g *guild) apply(event any) {
	switch e := event.(type) {
	case serverCreated:
		g.Exists, g.Incarnation, g.Owner, g.Password = true, e.Incarnation, e.Owner, e.Password
		g.apply(channelCreated{e.Channel, e.Incarnation})
		g.join(e.Owner)
	case memberJoined:
		g.join(e.User)
	case memberLeft:
		g.members.remove(e.User)
		g.owe(e.User, false)
	case channelCreated:
		g.channels.put(e)
	case channelDeleted:
		g.channels.remove(e.Channel)
	case imageSet:
		g.Image = e.Image
	case serverDeleted:
		for _, name := range g.members.all() {
			g.owe(string(name), false)
		}
		owed := g.owed
		*g = newGuild()
		g.owed = owed
	}
}

// weight is roughly the memory that it takes, together with the server's actor.
func (g *guild) weight() int {
	return 4<<10 + len(g.Image) + 128*g.members.len() + 160*g.channels.len() + 96*len(g.owed)
}

func (g *guild) join(name string) {
	g.members.put(memberName(name))
	g.owe(name, true)
}

// owe notes that a user has to hear of a change. A newer change replaces an older one.
func (g *guild) owe(name string, member bool) {
	g.owed[membership{name, g.Incarnation}] = member
}

// of is a user's membership of the server as it is now.
func (g *guild) of(name string) membership { return membership{name, g.Incarnation} }

func (g *guild) isMember(name string) bool { return g.members.has(name) }

// channel returns the incarnation of the channel with that name, 0 if there is none.
func (g *guild) channel(name string) uint64 { return g.channels.get(name).Incarnation }

// made finds a channel by its incarnation; nil if there is none. Incarnations grow.
func (g *guild) made(incarnation uint64) *channelCreated {
	by := func(c channelCreated, wanted uint64) int { return cmp.Compare(c.Incarnation, wanted) }
	if i, found := slices.BinarySearchFunc(g.channels.list, incarnation, by); found && !g.channels.hole(i) {
		return &g.channels.list[i]
	}
	return nil
}

func (g *guild) checkMember(name string) Code {
	switch {
	case !g.Exists:
		return NoSuchServer
	case !g.isMember(name):
		return NotInServer
	}
	return ""
}

func (g *guild) checkCreateChannel(m *createChannel) Code {
	switch {
	case !g.Exists:
		return NoSuchServer
	case g.Owner != m.User:
		return NotOwnerCreate
	case m.Wrong != "":
		return m.Wrong
	case g.channel(m.Channel) != 0:
		return ChannelExists
	}
	return ""
}

func (g *guild) checkDeleteChannel(m *deleteChannel) Code {
	switch {
	case !g.Exists:
		return NoSuchServer
	case g.channel(m.Channel) == 0:
		return NoSuchChannel
	case g.Owner != m.User:
		return NotOwnerChannel
	}
	return ""
}

// checkForward finds the channel that a request is for, and tells why it is refused; "" if it
// is not.
func (g *guild) checkForward(m channelBound) (incarnation uint64, code Code) {
	if !g.Exists {
		return 0, NoSuchServer
	}
	if incarnation = g.channel(m.channel()); incarnation == 0 {
		return 0, NoSuchChannel
	}
	if code = m.check(); code == "" && !g.isMember(m.user()) {
		code = NotInServer
	}
	return incarnation, code
}

// serverEvents reads each event type of a server's stream.
var serverEvents = map[string]func([]byte) (any, error){
	"serverCreated":  eventDecoder[serverCreated],
	"memberJoined":   eventDecoder[memberJoined],
	"memberLeft":     eventDecoder[memberLeft],
	"channelCreated": eventDecoder[channelCreated],
	"channelDeleted": eventDecoder[channelDeleted],
	"imageSet":       eventDecoder[imageSet],
	"serverDeleted":  eventDecoder[serverDeleted],
}
