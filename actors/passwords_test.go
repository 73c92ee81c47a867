package actors

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
)

// hashDesk is a passwords actor whose line nobody works at, and who asks it.
type hashDesk struct {
	*stage
	pid, asker *actor.PID
	line       *hashLine
	answers    chan hashDone
}

func newHashDesk(t *testing.T, change func(*Config)) *hashDesk {
	t.Helper()
	d := &hashDesk{stage: newStage(t, dispatch.LongTurn), answers: make(chan hashDone, 100)}
	cfg := &d.node.cfg
	cfg.LoginFailures, cfg.HashQueue = 1, 4
	change(cfg)
	d.line = newHashLine(cfg.HashQueue)
	pool := &hashPool{log: d.node.log, line: d.line}
	root := d.node.system.Root
	props := d.node.props(KindPasswords, nil, func() actor.Actor { return newPasswords(d.node, pool) })
	d.pid = root.Spawn(props.Configure(actor.WithGuardian(resume{})))
	d.asker = root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if m, ok := ctx.Message().(*hashDone); ok {
			d.answers <- *m
		}
	}))
	return d
}

// ask sends work from 10.0.0.x; a name makes it a guess.
func (d *hashDesk) ask(ref uint64, x byte, name string) {
	w := &hashWork{Ref: ref, ReplyTo: d.asker, Password: "p", From: netip.AddrFrom4([4]byte{10, 0, 0, x})}
	if name != "" {
		w.Attempt = attempt{KindUser, name, w.From.String()}
	}
	d.tell(d.pid, w)
	synctest.Wait()
}

// refused are those that were told busy since.
func (d *hashDesk) refused() (refs []uint64) {
	synctest.Wait()
	for len(d.answers) > 0 {
		if m := <-d.answers; m.Refused == Busy {
			refs = append(refs, m.Ref)
		}
	}
	return refs
}

// TestWhoWaitsForAGuessThatGivesWay hears of it when that one is pushed out of the line, where
// nothing waits then that anybody would report on.
func TestWhoWaitsForAGuessThatGivesWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newHashDesk(t, func(*Config) {})
		for ref := range uint64(3) {
			d.ask(ref, 1, "")
		}
		d.ask(3, 1, "alice") // the line is full
		d.ask(4, 1, "alice") // waits for what comes of 3
		if refs := d.refused(); len(refs) != 0 {
			t.Fatalf("refused %v", refs)
		}
		d.ask(5, 2, "") // whose line is shorter
		if refs := d.refused(); len(refs) != 2 {
			t.Errorf("of the two guesses, refused %v", refs)
		}
	})
}

// TestACrashLosesNoGuessThatWaits strikes the report on a guess that three others wait for,
// before it is handled, in the midst of it, and after it.
func TestACrashLosesNoGuessThatWaits(t *testing.T) {
	for _, when := range []string{"before", "midst", "after"} {
		t.Run(when, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				strike := func(at string) func(Kind, any) {
					return func(_ Kind, msg any) {
						if _, ok := msg.(*compared); ok && strings.HasPrefix(when, at) {
							when = "done"
							panic("injected")
						}
					}
				}
				d := newHashDesk(t, func(c *Config) { c.Fault, c.FaultAfter = strike("before"), strike("after") })
				for ref := range uint64(3) {
					d.ask(ref, 1, "alice")
				}
				if when == "midst" {
					nobody := d.asker
					d.asker = nil
					d.ask(3, 1, "alice") // to answer it is a crash
					d.asker = nobody
				}
				d.ask(4, 1, "alice")
				who, _ := d.line.next()
				d.tell(d.pid, &compared{who.work.Attempt, guessedWrong})
				synctest.Wait()
				told := map[uint64]bool{}
				for len(d.answers) > 0 {
					m := <-d.answers
					told[m.Ref] = m.Refused == TooManyLogins
				}
				if !told[1] || !told[2] || !told[4] {
					t.Errorf("told that there were too many: %v", told)
				}
			})
		})
	}
}
