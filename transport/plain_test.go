package transport_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors"
	"elemental/persistence"
	"elemental/transport/housetest"
)

// staysOnItsNode tells which messages could not go to another node: those of the engine and of
// persistence, and the two that carry the outbox of a connection.
func staysOnItsNode(msg string) bool {
	return strings.HasPrefix(msg, "*actor.") || strings.HasPrefix(msg, "*persistence.") ||
		msg == "*actors.connected" || msg == "*actors.online"
}

// sighting is a message and what it held when it was about to be handled.
type sighting struct {
	msg   any
	spelt string
}

// sightings collects the messages that actors handle.
type sightings struct {
	mu   sync.Mutex
	all  []sighting
	odd  map[string]error // why messages of a type are no plain data
	seen map[string]bool
}

func (s *sightings) note(_ actors.Kind, msg any) {
	name := fmt.Sprintf("%T", msg)
	if staysOnItsNode(name) {
		return
	}
	text, err := spelt(msg)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[name] = true; err != nil {
		s.odd[name] = err
	}
	s.all = append(s.all, sighting{msg, text})
}

// have tells whether messages of all these types were handled.
func (s *sightings) have(types []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !slices.ContainsFunc(types, func(name string) bool { return !s.seen[name] })
}

// spelt is all that a message holds, whatever it points to.
func spelt(msg any) (string, error) {
	var b strings.Builder
	err := spell(&b, reflect.ValueOf(msg))
	return b.String(), err
}

// spell returns an error at what means nothing in another process, or may be changed by somebody
// else.
func spell(b *strings.Builder, v reflect.Value) error {
	if v.Kind() == reflect.Struct && v.Type() == reflect.TypeFor[actor.PID]() {
		fmt.Fprint(b, v.FieldByName("Address"), " ", v.FieldByName("Id"), " ") // the engine's own fields are no part of it
		return nil
	}
	switch v.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int64, reflect.Uint8, reflect.Uint64, reflect.Float64, reflect.String:
		fmt.Fprintf(b, "%v ", v)
		return nil
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			b.WriteString("nil ")
			return nil
		}
		return spell(b, v.Elem())
	case reflect.Slice:
		fmt.Fprintf(b, "%d: ", v.Len())
		for i := range v.Len() {
			if err := spell(b, v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	case reflect.Struct:
		fmt.Fprintf(b, "%s ", v.Type())
		for i := range v.NumField() {
			if err := spell(b, v.Field(i)); err != nil {
				return fmt.Errorf("%s of %s: %w", v.Type().Field(i).Name, v.Type(), err)
			}
		}
		return nil
	}
	return fmt.Errorf("a %s", v.Type())
}

// TestMessagesArePlainDataAndNeverChange looks at all that the actors say to each other while their
// clients do everything: a receiver on another node, which gets a copy, would be told the same.
func TestMessagesArePlainDataAndNeverChange(t *testing.T) {
	s := &sightings{odd: map[string]error{}, seen: map[string]bool{}}
	house := housetest.New(t, housetest.Settings{
		Store: func(cfg *persistence.Config) { cfg.SnapshotInterval = 50 * time.Millisecond },
		Actor: func(cfg *actors.Config) { cfg.Fault, cfg.AutoSubscribe = s.note, true },
	})
	c := begin(t, house, "a")
	c.run(20)
	c.check()
	between := append(readSource(t, "actors").having("entity"), "*actors.attach", "*actors.begin", "*actors.revoke",
		"*actors.publish", "*actors.memberWelcome", "*actors.whoIsOnline", "*actors.answer")
	until(t, "each message between domain actors", func() bool { return s.have(between) })
	c.moveTo(nil)
	if err := house.Stop(); err != nil {
		t.Fatal(err)
	}
	for name, err := range s.odd {
		t.Errorf("a %s has %v", name, err)
	}
	for _, each := range s.all {
		if now, err := spelt(each.msg); err == nil && now != each.spelt {
			t.Errorf("a %T was changed after it was sent: %q, and now %q", each.msg, each.spelt, now)
		}
	}
}
