package screen

import (
	"cmp"
	"context"
	"os"
	"slices"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/sync/errgroup"

	"elemental/client"
	"elemental/cmd/etttc/commands"
)

// How long things may take, and how often they are done.
const (
	askTime     = 30 * time.Second // for a question to the provider
	commandTime = 60 * time.Second // for a command of the user
	postTime    = 5 * time.Minute  // for a post; after that it is tried again under the same nonce
	graceTime   = 2 * time.Second  // for what is still to be posted when the user quits
	memberTime  = 10 * time.Second // between two questions for the members
	listTime    = 30 * time.Second // between two questions for the servers: the user may join some with another client
)

// open holds the questions that wait for their answers, by the time when they were asked. The
// zero value holds none.
type open struct {
	mu    sync.Mutex
	since map[*time.Time]bool
}

// begin notes a question. The function that it returns notes the question's end.
func (o *open) begin(now time.Time) (end func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since == nil {
		o.since = map[*time.Time]bool{}
	}
	o.since[&now] = true
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.since, &now)
	}
}

// oldest returns when the question was asked that has waited longest, or zero if none waits.
func (o *open) oldest() (at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for since := range o.since {
		if at.IsZero() || since.Before(at) {
			at = *since
		}
	}
	return at
}

// net makes the commands that talk to the provider and do other things that take time. A command
// may block and answers with a message; it never touches the model.
type net struct {
	ctx      context.Context
	who      *client.Client
	feeds    *feeds
	open     open
	folder   string
	in, out  *os.File
	loggedIn func(user string)
}

// asking returns a command that puts a question to the provider, for at most askTime.
func (n *net) asking(question func(ctx context.Context) tea.Msg) tea.Cmd {
	return n.within(askTime, question)
}

func (n *net) within(limit time.Duration, question func(ctx context.Context) tea.Msg) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(n.ctx, limit)
		defer cancel()
		defer n.open.begin(time.Now())()
		return question(ctx)
	}
}

// tick returns a command that tells the time and the lag after a second.
func (n *net) tick() tea.Cmd {
	return tea.Tick(time.Second, func(now time.Time) tea.Msg { return tickMsg{now, n.who.Lag(), n.open.oldest()} })
}

// logIn registers the user first if that is asked for, and then logs in.
func (n *net) logIn(user, secret string, register bool) tea.Cmd {
	return n.asking(func(ctx context.Context) tea.Msg {
		if register {
			if err := n.who.Register(ctx, user, secret); err != nil {
				return loggedInMsg{user: user, err: err}
			}
		}
		if err := n.who.Login(ctx, user, secret); err != nil {
			return loggedInMsg{user: user, registered: register, err: err}
		}
		user := cmp.Or(n.who.User(), user) // as the name is in messages; User is "" if the login has ended already
		if n.loggedIn != nil {
			n.loggedIn(user)
		}
		return loggedInMsg{user: user, registered: register}
	})
}

func (n *net) aboutProvider() tea.Cmd {
	return n.asking(func(ctx context.Context) tea.Msg {
		provider, err := n.who.Provider(ctx)
		return providerMsg{provider, err}
	})
}

// listAtOnce is how many servers are asked for their channels at the same time. One after the
// other would take too long for a user in many servers with a slow connection.
const listAtOnce = 16

// list asks for the servers of the user and their channels. A server that was deleted or left
// between the two questions is left out.
func (n *net) list() tea.Cmd {
	return n.asking(func(ctx context.Context) tea.Msg {
		names, err := n.who.Servers(ctx)
		if err != nil {
			return listedMsg{err: err}
		}
		servers := make([]server, len(names))
		var asking errgroup.Group
		asking.SetLimit(listAtOnce)
		for i, name := range names {
			asking.Go(func() error {
				channels, err := n.who.Channels(ctx, name)
				if code := client.CodeOf(err); code == client.NoSuchServer || code == client.NotInServer {
					return nil
				}
				servers[i] = server{name, channels}
				return err
			})
		}
		if err := asking.Wait(); err != nil {
			return listedMsg{err: err}
		}
		return listedMsg{servers: slices.DeleteFunc(servers, func(s server) bool { return s.name == "" })}
	})
}

// subscribe subscribes to a whole server. The subscription goes on after the command has ended.
func (n *net) subscribe(name string) tea.Cmd {
	return n.asking(func(ctx context.Context) tea.Msg {
		s, err := n.who.Subscribe(ctx, name, "")
		if err != nil {
			return subscribedMsg{name, err}
		}
		go n.feeds.passEvents(name, s)
		return subscribedMsg{name, nil}
	})
}

func (n *net) askMembers(name string) tea.Cmd {
	return n.asking(func(ctx context.Context) tea.Msg {
		channels, err := n.who.Channels(ctx, name)
		if err != nil {
			return membersMsg{server: name, err: err}
		}
		members, err := n.who.Members(ctx, name)
		return membersMsg{name, members, channels, err}
	})
}

// page asks for up to count messages before an index; if that is below 0, for the newest. If the
// provider does not send so many at once, it asks for fewer.
func (n *net) page(r *room, which loading, count int, before int64) tea.Cmd {
	at, epoch, end := r.place, r.epoch, r.history.end()
	return n.asking(func(ctx context.Context) tea.Msg {
		for {
			page, err := n.who.Latest(ctx, at.Server, at.Channel, count, before)
			if client.CodeOf(err) != client.TooManyMessages || count < 2 {
				return pageMsg{at, epoch, which, page, err}
			}
			count /= 2
			if which == newerPage { // it begins where the history ends that is held
				before = min(before, end+int64(count))
			}
		}
	})
}

func (n *net) post(p post) tea.Cmd {
	return n.within(postTime, func(ctx context.Context) tea.Msg {
		message, err := n.who.PostOnce(ctx, p.at.Server, p.at.Channel, p.text, p.nonce)
		return postedMsg{p.id, message, err}
	})
}

func (n *net) retry(id int64) tea.Cmd {
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return retryMsg{id} })
}

// run runs a command in a place, and adds what it did to the message ran.
func (n *net) run(c *commands.Command, at commands.Place, args []string, ran ranMsg) tea.Cmd {
	return n.within(commandTime, func(ctx context.Context) tea.Msg {
		ran.outcome, ran.err = c.Run(ctx, n.who, at, args)
		return ran
	})
}

func (n *net) grace() tea.Cmd {
	return tea.Tick(graceTime, func(time.Time) tea.Msg { return graceMsg{} })
}
