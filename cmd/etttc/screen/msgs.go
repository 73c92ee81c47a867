package screen

import (
	"time"

	"elemental/client"
	"elemental/cmd/etttc/commands"
)

// The messages that Update takes besides those of the terminal.
type (
	// endMsg: the program's context has ended.
	endMsg struct{}
	// tickMsg comes every second. open is since when a question has waited for its answer, or
	// zero if none does.
	tickMsg struct {
		now  time.Time
		lag  time.Duration
		open time.Time
	}
	statusMsg  struct{ client.Status }
	trafficMsg struct {
		traffic []client.Traffic
		missed  int64
	}
	// eventsMsg is what a server's subscription delivered.
	eventsMsg struct {
		server string
		events []client.Event
	}
	// unsubscribedMsg: a server's subscription has ended.
	unsubscribedMsg struct {
		server string
		err    error
	}
	// subscribedMsg answers subscribe.
	subscribedMsg struct {
		server string
		err    error
	}
	// loggedInMsg answers logIn; registered tells whether that part is done.
	loggedInMsg struct {
		user       string
		registered bool
		err        error
	}
	providerMsg struct {
		provider client.Provider
		err      error
	}
	// listedMsg brings the servers of the user with their channels.
	listedMsg struct {
		servers []server
		err     error
	}
	// membersMsg brings the members of a server, and its channels: there are no events for new
	// channels without messages.
	membersMsg struct {
		server   string
		members  client.Members
		channels []string
		err      error
	}
	// pageMsg answers a request for a part of a room's history.
	pageMsg struct {
		place commands.Place
		epoch int
		which loading
		page  client.Page
		err   error
	}
	// postedMsg answers the posting of the first message in the outbox.
	postedMsg struct {
		id      int64
		message client.Message
		err     error
	}
	// retryMsg: the first message in the outbox may be tried again.
	retryMsg struct{ id int64 }
	// ranMsg tells what a command did. aside says that no other line waited for it. If it leads
	// to another place, who is in the place at goes along.
	ranMsg struct {
		aside   bool
		at      commands.Place
		outcome commands.Outcome
		err     error
	}
	// picturedMsg: the image was shown or saved.
	picturedMsg struct {
		line string
		err  error
	}
	// graceMsg: posts under way had their time, the program quits now.
	graceMsg struct{}
)
