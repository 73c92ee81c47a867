package drive

import (
	"context"
	"fmt"
	"sync"

	"elemental/cmd/elemental-load/check"
	"elemental/cmd/elemental-load/wire"
	"elemental/protocol"
)

// verifying is how many channels are counted or read back at once.
const verifying = 8

// ownerOf finds the account that made a server; an empty one if the world does not have
// the server.
func (w *World) ownerOf(server string) Account {
	for _, site := range w.Parts {
		for _, s := range site.Servers {
			if s.Name == server {
				return w.Accounts[s.Owner]
			}
		}
	}
	return Account{}
}

// count finds out how many messages each channel has that the book has used. Total asks
// the provider for one channel.
func (w *World) count(ctx context.Context, b *check.Book, total func(context.Context, *check.Channel) (int64, error)) (map[*check.Channel]int64, error) {
	channels := used(b)
	totals := make(map[*check.Channel]int64, len(channels))
	var mu sync.Mutex
	err := w.inParallel(ctx, len(channels), verifying, func(int64) {}, func(ctx context.Context, i int) error {
		n, err := total(ctx, channels[i])
		mu.Lock()
		defer mu.Unlock()
		totals[channels[i]] = n
		return err
	})
	return totals, err
}

// total asks how many messages a channel has, while the clients are still connected. If
// nobody else is let in, for example because the provider takes no more connections, a
// client of the channel asks.
func (w *Worker) total(ctx context.Context, c *check.Channel) (int64, error) {
	owner := w.world.ownerOf(c.Server)
	visit, err := w.world.enter(ctx, w.dialer, owner)
	if err == nil {
		defer visit.Close()
		return w.world.total(ctx, visit, owner, c)
	}
	for _, p := range w.parts {
		for _, one := range p.clients {
			if one.home != c || one.slow {
				continue
			}
			if l := one.online(); l != nil {
				if total, err := w.world.total(ctx, l.conn, one.me, c); err == nil {
					return total, nil
				}
			}
		}
	}
	return 0, err
}

// asOwner calls do with a connection of the account that made the channel's server.
func (w *World) asOwner(ctx context.Context, d *wire.Dialer, c *check.Channel, do func(visit *wire.Conn, owner Account) error) error {
	owner := w.ownerOf(c.Server)
	visit, err := w.visit(ctx, d, owner)
	if err != nil {
		return err
	}
	defer visit.Close()
	return do(visit, owner)
}

func (w *World) total(ctx context.Context, visit *wire.Conn, who Account, c *check.Channel) (int64, error) {
	a, err := insist(ctx, visit, w.inChannel("gettotalmessages", who.Name, c.Server, c.Name), w.Reach.Timeout)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c, err)
	}
	return a.Amount, nil
}

// CheckPrepared checks the messages that the preparation posted. It is for runs whose
// load is made by other processes, which know nothing of them.
func CheckPrepared(ctx context.Context, w *World, b *check.Book, tell Tell) (*Outcome, error) {
	d, err := w.Reach.Dialer(0)
	if err != nil {
		return nil, err
	}
	d.Original = w.Original
	totals, err := w.count(ctx, b, func(ctx context.Context, c *check.Channel) (n int64, err error) {
		err = w.asOwner(ctx, d, c, func(visit *wire.Conn, owner Account) error {
			n, err = w.total(ctx, visit, owner, c)
			return err
		})
		return n, err
	})
	if err == nil {
		err = w.verify(ctx, d, b, totals, true, tell)
	}
	return &Outcome{Counts: b.Counts(), Reports: b.Reports()}, err
}

// verify reads the history of all channels that the book has used, and the book judges
// it. With history false nothing is read and only the subscriptions are judged. The
// totals are for telling the progress.
func (w *World) verify(ctx context.Context, d *wire.Dialer, b *check.Book, totals map[*check.Channel]int64, history bool, tell Tell) error {
	channels := used(b)
	var all int64
	for _, c := range channels {
		all += totals[c]
	}
	done := counting(func(read int64) { tell("checking", "messages", read, all) })
	return w.inParallel(ctx, len(channels), verifying, func(int64) {}, func(ctx context.Context, i int) error {
		c := channels[i]
		if !history {
			c.FinishUnread()
			return nil
		}
		return w.asOwner(ctx, d, c, func(visit *wire.Conn, owner Account) error {
			return w.readAll(ctx, visit, owner, c, done)
		})
	})
}

// portion is how many messages to ask for at once: most at most, and few enough to stay
// well within the 8 MiB that a provider puts into one answer.
func (w *World) portion(most int64) int64 {
	const bytes = 4 << 20
	return max(min(most, bytes/int64(w.Plan.Size.Max)), 1)
}

// readAll reads all of a channel. It counts the messages again: a post of a connection
// that was cut may have been stored and pushed since the first count.
func (w *World) readAll(ctx context.Context, visit *wire.Conn, owner Account, c *check.Channel, done func(n int)) error {
	total, err := w.total(ctx, visit, owner, c)
	if err != nil {
		return err
	}
	h, portion := c.History(), w.portion(500)
	for begin := int64(0); begin < total; {
		end := min(begin+portion, total)
		r := w.inChannel("getmessages", owner.Name, c.Server, c.Name)
		r.Begin, r.End = protocol.Int(begin), protocol.Int(end)
		a, err := insist(ctx, visit, r, w.Reach.Timeout)
		if codeOf(err) == "too_many_messages" && portion > 1 { // the provider was told to send fewer at once
			portion /= 2
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
		if len(a.Messages) != int(end-begin) {
			c.Short(begin, end, len(a.Messages))
		}
		for _, m := range a.Messages {
			h.Read(m.Index, []byte(m.Text))
		}
		done(len(a.Messages))
		begin = end
	}
	h.Finish()
	return nil
}

// noPassword is the password of every server of a run: joining one costs the provider no
// hash.
var noPassword = protocol.String("")

// ownServer is the name of the server that a client of the scenario churn makes and
// deletes.
func (w *World) ownServer(number int) string { return fmt.Sprintf("%s-own-%d", w.Run, number) }

// remains lists the servers that may still exist: those of the world, and those that
// clients of the scenario churn may have made and not deleted.
func (w *World) remains() (servers []Server) {
	for part, site := range w.Parts {
		for _, s := range site.Servers {
			if s.Name != "" {
				servers = append(servers, s)
			}
		}
		if !w.ready || w.Plan.Mix[part].Scenario != "churn" {
			continue
		}
		for number := range w.Plan.ClientsOf(part) {
			_, account := w.home(part, number)
			servers = append(servers, Server{Name: w.ownServer(number), Owner: account})
		}
	}
	return servers
}

// Remove deletes all servers of the run. Users stay, since no provider can remove them.
func Remove(ctx context.Context, w *World, tell Tell) error {
	d, err := w.Reach.Dialer(0)
	if err != nil {
		return err
	}
	d.Original = w.Original
	servers := w.remains()
	count := func(done int64) { tell("removing", "servers", done, int64(len(servers))) }
	return w.inParallel(ctx, len(servers), hands, count, func(ctx context.Context, i int) error {
		owner := w.Accounts[servers[i].Owner]
		c, err := w.visit(ctx, d, owner)
		if err != nil {
			return err
		}
		defer c.Close()
		r := w.inServer("deleteserver", owner.Name, servers[i].Name)
		r.ServerPasswd = noPassword
		if _, err = insist(ctx, c, r, w.Reach.Timeout); codeOf(err) == "no_such_server" {
			return nil // it was never made, or is deleted already
		}
		return err
	})
}
