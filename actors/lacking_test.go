package actors

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// lackingSite is a provider whose sessions subscribe by themselves, and what of it cannot be read.
type lackingSite struct {
	p      *Provider
	sick   atomic.Value // the folder, "" for none
	asked  atomic.Int32 // questions of sessions to the server s
	passed atomic.Int32 // of them to the server t
}

func newLackingSite(t *testing.T, sick string) *lackingSite {
	t.Helper()
	files, s := vfstest.NewMem(), &lackingSite{}
	before, stop := startStoppable(t, persistence.Config{FS: files}, nil)
	alice := enter(t, before, "alice")
	alice.ask(CreateServer{"s", ""})
	alice.ask(CreateServer{"t", ""})
	stop()
	s.sick.Store(sick)
	faulty := &vfstest.Faulty{FS: files}
	faulty.FailAt = func(op vfstest.Op, name string) error {
		if ill := s.sick.Load().(string); ill != "" && strings.HasPrefix(name, ill) {
			return syscall.EIO
		}
		return nil
	}
	s.p = startNode(t, persistence.Config{FS: faulty}, func(cfg *Config) {
		cfg.AutoSubscribe = true
		cfg.Fault = func(kind Kind, msg any) {
			if m, is := msg.(*subscribe); is && kind == KindServer {
				if m.Server == "s" {
					s.asked.Add(1)
				} else {
					s.passed.Add(1)
				}
			}
		}
	})
	return s
}

func (s *lackingSite) enter(t *testing.T) *guest {
	t.Helper()
	alice := connect(t, s.p, "alice")
	alice.login()
	return alice
}

// TestWhatIsLackingIsAskedForAgain: of one of a user's servers nothing can be read when she comes.
// She hears it some time after that has ended, and until then it is not asked all the time.
func TestWhatIsLackingIsAskedForAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newLackingSite(t, "servers/s/")
		alice := s.enter(t)
		time.Sleep(time.Second)
		heard := s.passed.Load()
		time.Sleep(time.Hour)
		if n, again := s.asked.Load(), s.passed.Load()-heard; n < 60 || n > 70 || again != 0 {
			t.Errorf("asked for it %d times in an hour, for what she hears %d times", n, again)
		}
		s.sick.Store("")
		time.Sleep(longestPause)
		n := s.asked.Load()
		if reply := alice.ask(&Post{Server: "t", Channel: "general", Text: "x"}); codeOf(reply) != "" {
			t.Errorf("post: %v", reply)
		}
		bob := s.enter(t)
		for _, server := range []string{"s", "t"} {
			bob.ask(&Post{Server: server, Channel: "general", Text: server})
		}
		synctest.Wait()
		if heard := len(alice.out.pushes); heard != 2 {
			t.Errorf("%d of two messages are heard", heard)
		}
		time.Sleep(time.Hour)
		if more := s.asked.Load() - n; more != 1 { // bob
			t.Errorf("asked for it %d times more", more)
		}
	})
}

// TestNothingIsAskedForWhoHasGone: neither for who has logged out, nor for who has hung up.
func TestNothingIsAskedForWhoHasGone(t *testing.T) {
	for name, leave := range map[string]func(*guest){
		"logout":  func(g *guest) { g.ask(Logout{}) },
		"hang-up": func(g *guest) { g.session.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newLackingSite(t, "servers/s/")
				leave(s.enter(t))
				synctest.Wait()
				before := s.asked.Load()
				time.Sleep(time.Hour)
				if n := s.asked.Load(); n != before {
					t.Errorf("asked %d times", n-before)
				}
				if n := s.p.Counters().InFlight; n != 0 {
					t.Errorf("%d requests are under way", n)
				}
			})
		})
	}
}
