package persistence

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence/vfs/vfstest"
)

// inHand is the context of a message, and the context of one that is followed.
type inHand struct {
	actor.Context
	system *actor.ActorSystem
	msg    any
	plain  *inHand // nil for one that is not followed
	sent   []any
	later  int
}

func (c *inHand) ActorSystem() *actor.ActorSystem { return c.system }
func (c *inHand) Self() *actor.PID                { return actor.NewPID("nonhost", "none") }
func (c *inHand) Message() any                    { return c.msg }
func (c *inHand) Send(_ *actor.PID, msg any)      { c.sent = append(c.sent, msg) }
func (c *inHand) Unfollowed() actor.Context       { return c.plain }

func (c *inHand) Later() Later {
	c.later++
	return c
}

func (c *inHand) Done(*Batch)         {}
func (c *inHand) Wrap(answer any) any { return answer }
func (c *inHand) MessageHeader() actor.ReadonlyMessageHeader {
	if c.plain == nil {
		return nil
	}
	return actor.EmptyMessageHeader
}

// TestWhatIsNotFollowedIsNotSentAsIfItWere has a worker's answer come while a message is
// in hand that is followed, and has nothing to do with it.
func TestWhatIsNotFollowedIsNotSentAsIfItWere(t *testing.T) {
	s, err := Open(Config{FS: vfstest.NewMem(), Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	a := s.Actor()
	other := &ItemsRead{Ref: 7}
	plain := &inHand{}
	followed := &inHand{plain: plain, msg: &ReadItems{From: 1, Ref: 8, ReplyTo: plain.Self()}} // refused at once
	s.core.inbox.post(itemsRead{to: plain.Self(), answer: other})
	a.Receive(followed)
	if len(followed.sent) != 1 || followed.sent[0].(*ItemsRead).Ref != 8 {
		t.Errorf("as followed was sent %v", followed.sent)
	}
	if len(plain.sent) != 1 || plain.sent[0] != other {
		t.Errorf("as not followed was sent %v", plain.sent)
	}
	if followed.later != 0 {
		t.Error("what was answered at once is kept for later")
	}
}
