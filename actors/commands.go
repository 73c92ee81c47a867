package actors

import "elemental/actors/telemetry"

// This file is what a connection may ask of its session, and what it hears
// back. Commands and replies are immutable plain data. Transport turns a name
// that nothing can have into "", which is never found (see its translate).

// Request is one call of a connection. Transport sends it to the connection's
// session, in the order of arrival. It is answered exactly once through
// Outbox.Answer, in the same order, unless the connection ends first.
type Request struct {
	ID      []byte // the client's own id, raw JSON or nil; handed back untouched
	Call    string // its name on the wire; all unknown calls have the same one
	Claimed string // the user that the client says it is; "" if it does not say
	Bytes   int    // size on the wire, for admission
	Command any    // one of the commands below, or Refused if transport has refused it already
}

// The commands. Each comment names the reply on success; every command may be
// answered with Refused instead.
type (
	// Register creates an account; replies Done once it is on disk.
	Register struct{ User, Password string }
	// Login logs in by password; replies LoggedIn once the new key is on disk.
	Login struct{ User, Password string }
	// LoginByKey logs in by session key; replies LoggedIn with the same key.
	LoginByKey struct{ User, Key string }
	// Logout ends the key this session logged in with; replies Done.
	Logout struct{}
	// ChangePassword replies LoggedIn with a new key, the only one that is valid from then on.
	ChangePassword struct{ Password, New string }

	// CreateServer replies Done once the server, its channel "general" and the owner's membership are on disk.
	CreateServer struct{ Server, Password string }
	// JoinServer replies Done once the membership is on disk, both the server's and the user's part of it.
	JoinServer struct{ Server, Password string }
	// LeaveServer replies Done once the end of the membership is on disk on both sides.
	LeaveServer struct{ Server string }
	// DeleteServer replies Done once the server is deleted on disk and no member's list names it any more.
	DeleteServer struct{ Server, Password string }
	// CreateChannel replies Done.
	CreateChannel struct{ Server, Channel string }
	// DeleteChannel replies Done.
	DeleteChannel struct{ Server, Channel string }
	// SetServerImage replies Done. Image is base64 text, already checked.
	SetServerImage struct{ Server, Image string }
	// GetServerImage replies Image.
	GetServerImage struct{ Server string }

	// Post adds a message to a channel. It is sent as a *Post; replies *Posted once
	// the message is on disk. If the user has already used the Nonce ("" for none) in
	// this channel, nothing is posted and the reply has the place of the first post.
	Post struct{ Server, Channel, Text, Nonce string }
	// GetMessages replies Messages: those with Begin ≤ index < End.
	GetMessages struct {
		Server, Channel      string
		Begin, End           int64
		BeginIsInt, EndIsInt bool // whether the client sent an integer; checked after server and channel, as the original does
	}
	// LatestMessages replies Messages with indexes: the newest Count before Before.
	LatestMessages struct {
		Server, Channel string
		Count           int64
		Before          int64 // an index; < 0 for the channel's end
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

	// Wrong is a command with a value that is not allowed, such as an invalid name. It is
	// always Refused: with Code, unless there is a reason that comes first (see docs/protocol.md).
	Wrong struct {
		Command any
		Code    Code
	}
)

// The replies.
type (
	// Done is success with nothing to add.
	Done struct{}
	// LoggedIn says who the session's user is now, and the session key.
	LoggedIn struct{ User, Key string }
	// Posted is a message's place in its channel; it comes as a *Posted. Timestamp is in microseconds since 1970.
	Posted struct{ Index, Timestamp int64 }
	// Messages answers GetMessages and LatestMessages. List is shared with the channel: do not change it.
	Messages struct {
		List      []Message
		First     int64 // index of List[0]
		WithIndex bool  // for LatestMessages: the client is told the indexes and Amount
		Amount    int64
	}
	// Amount is the number of messages ever posted to the channel.
	Amount struct{ Amount int64 }
	// Servers are the names of the joined servers, in the order of joining.
	Servers struct{ Names []string }
	// Channels are a server's channels, in the order of creation.
	Channels struct{ Names []string }
	// Members are a server's members, in the order of joining.
	Members struct {
		Owner   string
		Members []Member
	}
	// Subscribed answers Subscribe. With HasChannel, Amount is the number of messages
	// before the subscription begins.
	Subscribed struct {
		Amount     int64
		HasChannel bool
	}
	// ProviderInfo is what the provider says about itself. Icon is base64 or "".
	ProviderInfo struct{ Name, Welcome, Icon string }
	// Image is a server's image, base64.
	Image struct{ Image string }
	// Refused is a "no". Nothing was done, unless Code is OutcomeUnknown.
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

// Member is one member of a server. Online says whether any session of that user is logged in.
type Member struct {
	User   string
	Online bool
}

// The events that are pushed to a connection.
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

// Outbox is the way from a session to its connection. The session calls Answer, AnswerFollowed
// and Close, the router Push and Hold. They never block and never fail: transport
// closes a connection that cannot take more.
type Outbox interface {
	// Answer hands over the reply to req: one of the replies above.
	Answer(req *Request, reply any)
	// AnswerFollowed is Answer for a followed request. It tells w when the writing of the
	// answer begins, and when it has ended or will never happen.
	AnswerFollowed(req *Request, reply any, w *telemetry.Writing)
	// Push hands over an event as the Encoder made it, and tells whether it is taken. It is
	// not if the connection is ending, since its client reads too slowly for example.
	Push(*Event) bool
	// Hold has what is pushed from here on written after the answer to the Subscribe that
	// is under way, if there is one. What was pushed before is of earlier subscriptions.
	Hold()
	// Close ends the connection once everything handed over before is written.
	Close()
}

// Event is the bytes that a client reads of a push. All connections that are sent it
// share it, so it never changes.
type Event struct{ Bytes []byte }

// Encoder makes the bytes of a push, once for all connections.
type Encoder interface {
	EncodeNewMessage(*NewMessage) *Event
	EncodeUnsubscribed(*Unsubscribed) *Event
}
