package actors

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestASubscriptionThatIsToldBusyEndsTheConnection crashes a server before it comes to what a
// session asks on its own account: nothing was done, and the session has nobody to tell so.
func TestASubscriptionThatIsToldBusyEndsTheConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files := vfstest.NewMem()
		before, stop := startStoppable(t, persistence.Config{FS: files}, nil)
		enter(t, before, "alice").ask(CreateServer{"s", ""})
		stop()
		held := make(chan struct{})
		slow := &vfstest.Faulty{FS: files}
		slow.Before = func(_ vfstest.Op, name string) {
			if strings.HasPrefix(name, "servers/s/") {
				<-held
			}
		}
		var crashed atomic.Bool
		hold := sync.OnceFunc(func() { close(held) })
		p := startNode(t, persistence.Config{FS: slow}, func(cfg *Config) {
			cfg.AutoSubscribe, cfg.Processors = true, 4
			cfg.Fault = func(kind Kind, msg any) {
				if _, ok := msg.(*persistence.Recovered); ok && kind == KindServer && crashed.CompareAndSwap(false, true) {
					panic("injected")
				}
			}
			cfg.FaultAfter = func(kind Kind, msg any) {
				if _, ok := msg.(*subscribe); ok && kind == KindServer {
					hold()
				}
			}
		})
		alice := connect(t, p, "alice")
		alice.send(Login{"alice", "p"})
		synctest.Wait()
		if !crashed.Load() || !alice.out.closed.Load() {
			t.Errorf("crashed: %t; the connection is kept, and lacks a subscription", crashed.Load())
		}
	})
}
