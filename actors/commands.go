package actors

import "elemental/actors/telemetry"

// This file is what a connection may ask of its session, and what it hears
// back. Commands and replies are immutable plain data. A name that no entity
// can have (see the transport's translate) arrives as "": it is never found.

// Request is one call of a connection. Sent by transport to the connection's
// session, in the order of arrival; answered exactly once through Outbox.Answer,
// in the same order.
type Request struct {
	ID      []byte // the client's own id, raw JSON or nil; handed back untouched
	Call    string // its name on the wire; one that every unknown call has
	Claimed string // the user name the client says it is; "" when it says none
	Bytes   int    // size on the wire, for admission
	Command any    // one of the commands below, or Refused when transport already refused it
}

// The commands. Each names its success reply; every one may be Refused.
type (
	// Register makes an account; replies Done once it is on disk.
	Register struct{ User, Password string }
	// Login opens an account by password; replies LoggedIn once the count and the new key are on disk.
	Login struct{ User, Password string }
	// LoginByKey opens an account by session key; replies LoggedIn with the same key.
	LoginByKey struct{ User, Key string }
	// Logout ends the key this session logged in with; replies Done.
	Logout struct{}
	// ChangePassword replies LoggedIn with the only key that is valid from then on.
	ChangePassword struct{ Password, New string }

	// CreateServer replies Done once server, its channel "general" and the owner's membership are on disk.
	CreateServer struct{ Server, Password string }
	// JoinServer replies Done once the membership is on disk, on both sides.
	JoinServer struct{ Server, Password string }
	// LeaveServer replies Done likewise.
	LeaveServer struct{ Server string }
	// DeleteServer replies Done once it is gone for good.
	DeleteServer struct{ Server, Password string }
	// CreateChannel replies Done.
	CreateChannel struct{ Server, Channel string }
	// DeleteChannel replies Done.
	DeleteChannel struct{ Server, Channel string }
	// SetServerImage replies Done. Image is base64 text, already checked.
	SetServerImage struct{ Server, Image string }
	// GetServerImage replies Image.
	GetServerImage struct{ Server string }

	// Post adds a message to a channel; replies *Posted once it is on disk. It is sent as a *Post.
	// A Nonce ("" for none) that the user already used in this channel replies
	// with the first post's place and posts nothing.
	Post struct{ Server, Channel, Text, Nonce string }
	// GetMessages replies Messages: those with Begin ≤ index < End.
	GetMessages struct {
		Server, Channel      string
		Begin, End           int64
		BeginIsInt, EndIsInt bool // whether the client sent an integer; judged after server and channel
	}
	// LatestMessages replies Messages with indexes: the newest Count before Before.
	LatestMessages struct {
		Server, Channel string
		Count           int64
		Before          int64 // < 0 for the channel's end
	}
	// CountMessages replies Amount.
	CountMessages struct{ Server, Channel string }

	// JoinedServers replies Servers.
	JoinedServers struct{}
	// ServerChannels replies Channels.
	ServerChannels struct{ Server string }
	// ServerMembers replies Members.
	ServerMembers struct{ Server string }
	// Subscribe replies Subscribed. Channel "" (with HasChannel false) means the whole server.
	Subscribe struct {
		Server, Channel string
		HasChannel      bool
	}
	// Unsubscribe replies Done.
	Unsubscribe struct {
		Server, Channel string
		HasChannel      bool
	}

	// ProviderName replies ProviderInfo.
	ProviderName struct{}
	// Ping replies Done.
	Ping struct{}

	// Wrong is a command with a value that cannot be: replies Refused, with Code where nothing
	// comes before it.
	Wrong struct {
		Command any
		Code    Code
	}
)

// The replies.
type (
	// Done is success with nothing to add.
	Done struct{}
	// LoggedIn says as whom, and with which key.
	LoggedIn struct{ User, Key string }
	// Posted says where a message stands; it comes as a *Posted. Timestamp is in microseconds since 1970.
	Posted struct{ Index, Timestamp int64 }
	// Messages answers GetMessages and LatestMessages. List is shared: nobody changes it.
	Messages struct {
		List      []Message
		First     int64 // index of List[0]
		WithIndex bool  // LatestMessages: the indexes and Amount are told
		Amount    int64
	}
	// Amount is the number of messages ever posted to the channel.
	Amount struct{ Amount int64 }
	// Servers are the joined servers' names, in the order of joining.
	Servers struct{ Names []string }
	// Channels are a server's channels, in the order of creation.
	Channels struct{ Names []string }
	// Members are a server's members, in the order of joining.
	Members struct {
		Owner   string
		Members []Member
	}
	// Subscribed answers Subscribe; Amount is told for a channel.
	Subscribed struct {
		Amount     int64
		HasChannel bool
	}
	// ProviderInfo is what the provider says of itself. Icon is base64 or "".
	ProviderInfo struct{ Name, Welcome, Icon string }
	// Image is a server's image, base64.
	Image struct{ Image string }
	// Refused is a "no": nothing was done, unless Code says otherwise.
	Refused struct {
		Code    Code
		Seconds float64 // with TooOften: the interval that the client has to keep
	}
)

// Message is one message of a channel.
type Message struct {
	Text      string
	Author    string
	Timestamp int64 // microseconds since 1970, growing with the index
}

// Member is one member of a server and whether a session of it is logged in.
type Member struct {
	User   string
	Online bool
}

// The events that a connection hears without asking.
type (
	// NewMessage is a message that has just become durable in a subscribed channel.
	NewMessage struct {
		Server, Channel string
		Index           int64
		Message         Message
	}
	// Unsubscribed is the end of a subscription; Channel "" is the whole server.
	Unsubscribed struct {
		Server, Channel string
		Reason          Code // MembershipEnded, ChannelGone or ServerGone
	}
)

// Outbox is the way out of a session to its connection. The methods are called by
// the session, and Push by the router, never block, and never fail: a connection that
// cannot take more is closed by its transport.
type Outbox interface {
	// Answer hands over the reply to req: one of the replies above.
	Answer(req *Request, reply any)
	// Push hands over an event as the Encoder made it. What is pushed while a Subscribe is
	// under way comes after its answer; one that waits for the answers before it is not yet.
	Push(*Event)
	// Close ends the connection after what was handed over before is written.
	Close()
}

// FollowedOutbox is an Outbox that knows when an answer is written.
type FollowedOutbox interface {
	Outbox
	// AnswerFollowed is Answer for a request that is followed. It tells w when the answer's
	// bytes are taken to be written, and when they are or never will be.
	AnswerFollowed(req *Request, reply any, w *telemetry.Writing)
}

// Event is what is pushed, all that a client reads. It is shared by all connections that
// are sent it, and never changed.
type Event struct{ Bytes []byte }

// Encoder makes an event, once for all connections.
type Encoder interface {
	EncodeNewMessage(*NewMessage) *Event
	EncodeUnsubscribed(*Unsubscribed) *Event
}
