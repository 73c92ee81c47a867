package actors

import (
	"fmt"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
)

// TestAMessageForAFormerLifeComesEarly posts to an actor when its name is known
// and nothing else of it is ready.
func TestAMessageForAFormerLifeComesEarly(t *testing.T) {
	p := startNode(t, persistence.Config{}, nil)
	root := p.node.system.Root
	for name, mailbox := range map[string]actor.MailboxProducer{"busy": busyMailbox, "thin": thinMailbox} {
		t.Run(name, func(t *testing.T) {
			heard := make(chan string, 4)
			props := p.node.props(KindServer, mailbox, nil, func() actor.Actor {
				return actor.ReceiveFunc(func(ctx actor.Context) { heard <- fmt.Sprintf("%T", ctx.Message()) })
			})
			late := actor.WithOnInit(func(ctx actor.Context) { root.Send(ctx.Self(), &sweep{}) })
			root.Send(root.Spawn(props.Configure(late)), &rest{})
			for _, want := range []string{"*actor.Started", "*actors.sweep", "*actors.rest"} {
				select {
				case got := <-heard:
					if got != want {
						t.Errorf("heard %s, want %s", got, want)
					}
				case <-time.After(20 * time.Second):
					t.Fatalf("no %s came", want)
				}
			}
		})
	}
}
