package drive

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"elemental/cmd/elemental-load/check"
	"elemental/cmd/elemental-load/plan"
	"elemental/cmd/elemental-load/wire"
	"elemental/protocol"
)

// Tell is called with the progress of a step: the step's name, the unit it counts in, how
// many are done and how many there are.
type Tell func(phase, unit string, done, total int64)

// RunName makes a random name for a new run. The names of its servers begin with it, and
// so do those of its users unless Settings.Users is given.
func RunName() string { return "load-" + strings.ToLower(rand.Text()[:6]) }

// Settings are what Prepare makes a world from.
type Settings struct {
	Run      string
	Plan     plan.Plan
	Reach    Reach
	Original bool
	Users    string // prefix of user names; "" for the run's name, so that the users are new
	Password string // of the users; "" for a random one
	Book     *check.Book
}

// Prepare makes the users, the servers with their channels and members, and the history.
// After an error the world holds what was made so far, for Remove.
func Prepare(ctx context.Context, s Settings, tell Tell) (*World, error) {
	w := &World{Run: s.Run, Plan: s.Plan, Reach: s.Reach, Original: s.Original, Password: s.Password}
	if w.Password == "" {
		w.Password = rand.Text()
	}
	d, err := w.Reach.Dialer(0)
	if err != nil {
		return w, err
	}
	d.Original = s.Original
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // closes the connections of the preparation
	users := s.Users
	if users == "" {
		users = s.Run
	}
	if err = w.makeAccounts(ctx, d, users, tell); err != nil {
		return w, fmt.Errorf("making users: %w", err)
	}
	if err = w.makeServers(ctx, d, s.Book, tell); err != nil {
		return w, fmt.Errorf("making servers: %w", err)
	}
	w.ready = true
	return w, nil
}

// hands is how many of the preparation's steps run at once.
const hands = 16

// inParallel calls do for 0 to n-1, at most hands of them at once, and tell after each
// one. It stops at the first error. The original provider gets one at a time: it is confused
// when two requests change a file at the same time.
func (w *World) inParallel(ctx context.Context, n, hands int, tell func(done int64), do func(ctx context.Context, i int) error) error {
	if w.Original {
		hands = 1
	}
	group, together := errgroup.WithContext(ctx)
	group.SetLimit(hands)
	done := counting(tell)
	for i := range n {
		if together.Err() != nil {
			break
		}
		group.Go(func() error {
			if err := do(together, i); err != nil {
				return err
			}
			done(1)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// counting counts what many do at once, and tells the sums in their order: the last one says how
// a step has ended.
func counting(tell func(done int64)) (count func(n int)) {
	var mu sync.Mutex
	done := int64(0)
	return func(n int) {
		mu.Lock()
		defer mu.Unlock()
		done += int64(n)
		tell(done)
	}
}

func (w *World) makeAccounts(ctx context.Context, d *wire.Dialer, users string, tell Tell) error {
	w.Accounts = make([]Account, w.Plan.Users)
	count := func(done int64) { tell("users", "users", done, int64(len(w.Accounts))) }
	return w.inParallel(ctx, len(w.Accounts), hands, count, func(ctx context.Context, i int) error {
		w.Accounts[i].Name = fmt.Sprintf("%s-u%d", users, i)
		once := func() error { return w.makeAccount(ctx, d, &w.Accounts[i]) }
		return patiently(ctx, w.Reach.Timeout, isFull, once)
	})
}

func (w *World) makeAccount(ctx context.Context, d *wire.Dialer, a *Account) error {
	c, err := d.Dial(ctx, wire.Nobody{})
	if err != nil {
		return err
	}
	defer c.Close()
	register := &protocol.Request{
		Call: protocol.String("register"), Usernm: protocol.String(a.Name), Passwd: protocol.String(w.Password),
	}
	if err = build(ctx, c, register, w.Reach.Timeout); err != nil { // with --userprefix an earlier run may have made the user
		return err
	}
	answer, err := insist(ctx, c, w.login(*a), w.Reach.Timeout)
	if codeOf(err) == "wrong_password" {
		return fmt.Errorf("user %s is there already, with another password", a.Name)
	}
	if err != nil {
		return err
	}
	if !w.Original { // the original does not use the key
		a.Key = answer.Key
	}
	return nil
}

func (w *World) makeServers(ctx context.Context, d *wire.Dialer, book *check.Book, tell Tell) error {
	type spot struct{ part, server int }
	var spots []spot
	w.Parts = make([]Site, len(w.Plan.Mix))
	for part, share := range w.Plan.Mix {
		scenario, _ := plan.Find(share.Scenario)
		if scenario.Servers == 0 {
			continue // the scenario needs no servers
		}
		w.Parts[part].Servers = make([]Server, w.Plan.Servers)
		for i := range w.Parts[part].Servers {
			spots = append(spots, spot{part, i})
		}
	}
	count := func(done int64) { tell("servers", "servers", done, int64(len(spots))) }
	err := w.inParallel(ctx, len(spots), hands, count, func(ctx context.Context, i int) error {
		at := spots[i]
		s := &w.Parts[at.part].Servers[at.server]
		scenario := w.Plan.Mix[at.part].Scenario
		s.Owner = i % len(w.Accounts)
		return w.makeServer(ctx, d, s, fmt.Sprintf("%s-%s-%d", w.Run, scenario, at.server))
	})
	if err == nil {
		err = w.makeMembers(ctx, d, tell)
	}
	if err != nil {
		return err
	}
	return w.makeHistory(ctx, d, book, tell)
}

// home is the index of a client's server and of its account. They follow from the
// client's number alone, so that they are the same however many processes there are.
func (w *World) home(part, number int) (server, account int) {
	return number % max(len(w.Parts[part].Servers), 1), number % len(w.Accounts)
}

// makeMembers makes each account join the servers of its clients, each server once, however
// many clients share the account.
func (w *World) makeMembers(ctx context.Context, d *wire.Dialer, tell Tell) error {
	type member struct{ part, server, account int }
	var members []member
	known := map[member]bool{}
	for part := range w.Plan.Mix {
		for number := range w.Plan.ClientsOf(part) {
			server, account := w.home(part, number)
			m := member{part, server, account}
			if len(w.Parts[part].Servers) > 0 && !known[m] && w.Parts[part].Servers[server].Owner != account {
				known[m] = true
				members = append(members, m)
			}
		}
	}
	count := func(done int64) { tell("members", "members", done, int64(len(members))) }
	return w.inParallel(ctx, len(members), hands, count, func(ctx context.Context, i int) error {
		m := members[i]
		account := w.Accounts[m.account]
		c, err := w.visit(ctx, d, account)
		if err != nil {
			return err
		}
		defer c.Close()
		join := w.inServer("joinserver", account.Name, w.Parts[m.part].Servers[m.server].Name)
		join.ServerPasswd = noPassword
		_, err = insist(ctx, c, join, w.Reach.Timeout)
		return err
	})
}

func (w *World) makeServer(ctx context.Context, d *wire.Dialer, s *Server, name string) error {
	owner := w.Accounts[s.Owner]
	c, err := w.visit(ctx, d, owner)
	if err != nil {
		return err
	}
	defer c.Close()
	create := w.inServer("createserver", owner.Name, name)
	create.ServerPasswd = noPassword
	s.Name = name // set before the request: from now on the server may exist and has to be removed
	if err = build(ctx, c, create, w.Reach.Timeout); err != nil {
		return err
	}
	s.Channels = []string{general}
	for len(s.Channels) < w.Plan.Channels {
		channel := fmt.Sprintf("channel-%d", len(s.Channels))
		create := w.inServer("createchannel", owner.Name, name)
		create.Name = protocol.String(channel)
		if err = build(ctx, c, create, w.Reach.Timeout); err != nil {
			return err
		}
		s.Channels = append(s.Channels, channel)
	}
	return nil
}

// makeHistory fills the channels of scenarios that read the history.
func (w *World) makeHistory(ctx context.Context, d *wire.Dialer, book *check.Book, tell Tell) error {
	type spot struct {
		server  *Server
		channel string
	}
	var spots []spot
	for part, share := range w.Plan.Mix {
		scenario, _ := plan.Find(share.Scenario)
		if scenario.History == 0 || w.Plan.History == 0 {
			continue
		}
		for i := range w.Parts[part].Servers {
			s := &w.Parts[part].Servers[i]
			for _, channel := range s.Channels {
				spots = append(spots, spot{s, channel})
			}
			s.History = int64(w.Plan.History)
		}
	}
	total := int64(len(spots) * w.Plan.History)
	count := counting(func(done int64) { tell("history", "messages", done, total) })
	return w.inParallel(ctx, len(spots), hands, func(int64) {}, func(ctx context.Context, i int) error {
		at := spots[i]
		lane := book.Channel(at.server.Name, at.channel).Lane()
		return w.fill(ctx, d, book, lane, at.server.Owner, func() { count(1) })
	})
}

// fill posts one channel's history, with up to 32 requests under way at once. In place of a
// message whose outcome is not known it posts another one.
func (w *World) fill(ctx context.Context, d *wire.Dialer, book *check.Book, lane *check.Lane, owner int, posted func()) error {
	c, err := w.visit(ctx, d, w.Accounts[owner])
	if err != nil {
		return err
	}
	defer c.Close()
	const window = 32
	post := newPoster(w, lane, w.Accounts[owner].Name)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(window)
	for range w.Plan.History {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			err := patiently(ctx, w.Reach.Timeout, passes, func() error {
				late := time.AfterFunc(w.Reach.Timeout, func() { c.End(errNoAnswer) })
				defer late.Stop()
				return problem("message", post.send(c, book, time.Time{}, time.Time{}, nil))
			})
			if err == nil {
				posted()
			}
			return err
		})
	}
	return group.Wait()
}
