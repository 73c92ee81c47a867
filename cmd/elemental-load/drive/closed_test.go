package drive

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"elemental/cmd/elemental-load/plan"
	"elemental/cmd/elemental-load/wire"
)

// TestClosedModelCountsOutages: when a client of the closed model loses its connection,
// its next action is late by the time until it was connected again, or has failed if it
// was not.
func TestClosedModelCountsOutages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const away = 2 * time.Second
		p := closedPart(2, func(c *client, due time.Time) {
			c.part.w.rec.Done(0, opPost, due, time.Now(), time.Now())
		})
		back, lost := p.actors[0], p.actors[1]
		time.AfterFunc(time.Second, back.leaves)
		time.AfterFunc(time.Second+away, back.arrives)
		time.AfterFunc(time.Second, lost.leaves)
		p.closed(context.Background(), time.Now())
		isLate(t, p, away, 1)
	})
}

// TestClosedModelCountsSilence: if a request got no answer until the connection was given
// up, it is sent again, and its latency counts from the first time.
func TestClosedModelCountsSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const silence, away = time.Second, 2 * time.Second
		posts := 0
		p := closedPart(1, func(c *client, due time.Time) {
			if posts++; posts != 5 {
				c.part.w.rec.Done(0, opPost, due, time.Now(), time.Now())
				return
			}
			<-time.After(silence)
			c.leaves()
			time.AfterFunc(away, c.arrives)
		})
		p.closed(context.Background(), time.Now())
		isLate(t, p, silence+away, 0)
	})
}

const closedPause = 100 * time.Millisecond

// closedPart makes clients that are connected, for five seconds of the closed model.
func closedPart(actors int, act func(c *client, due time.Time)) *part {
	level := float64(actors)
	p := paced([]plan.Stage{{For: 5 * time.Second, From: level, To: level}}, actors, actors, act)
	p.main, p.w.world.Plan.Think = opPost, closedPause
	for _, c := range p.actors {
		c.arrives()
	}
	return p
}

func (c *client) leaves() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = nil
}

func (c *client) arrives() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = &link{c: c, conn: &wire.Conn{}}
}

// isLate wants the latest post to be late by that much, in the corrected figures only.
func isLate(t *testing.T, p *part, by time.Duration, failed int64) {
	t.Helper()
	post := p.w.rec.Take().Operations[opPost]
	const about = closedPause + 2*idle // the histogram has only three digits
	if most := time.Duration(post.Corrected.Histogram().Max()) * time.Microsecond; most < by-about || most > by+about {
		t.Errorf("the latest was late by %v, not %v", most, by)
	}
	if most := post.Uncorrected.Histogram().Max(); most > 0 || post.Failed != failed {
		t.Errorf("sent, it took %d µs; %d have failed", most, post.Failed)
	}
}
