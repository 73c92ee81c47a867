package modeltest

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"elemental/actors"
	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
	"elemental/transport/housetest"
)

// patience ends a test that would wait for ever.
const patience = 40 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestModel does random things to a provider on several connections and holds
// each answer and each push against the plain model. Among the random things
// are stops and power cuts; passivation and checkpoints may go on all the time.
// A failure prints its seed: -rapid.seed=N repeats it, -rapid.checks=N does more.
func TestModel(t *testing.T) {
	checks := "25"
	if os.Getenv("ELEMENTAL_LONG") != "" {
		checks = "1500"
	}
	setUnlessGiven(t, "rapid.checks", checks)
	setUnlessGiven(t, "rapid.steps", "80")
	done := &tally{}
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{outer: t, model: newModel(), disk: vfstest.NewMem(), tally: done}
		m.start(rt)
		defer m.stop(rt)
		m.prelude(rt)
		rt.Repeat(map[string]func(*rapid.T){"": m.Check, "step": m.step})
		m.audit(rt)
	})
	t.Logf("%d requests (%d refused), %d events, %d stops, %d power cuts, %d actors put to rest, %d snapshots",
		done.requests, done.refused, done.events, done.stops, done.cuts, done.rested.Load(), done.saved.Load())
}

// step does one of the actions below and in calls_test.go and messages_test.go; some are tried
// more often than others.
func (m *machine) step(t *rapid.T) {
	actions := rapid.StateMachineActions(m)
	names := slices.Sorted(maps.Keys(actions))[1:] // without Check
	names = append(names, "Post", "Post", "Post", "SettleIn", "SettleIn", "Messages")
	actions[draw(t, "action", names)](t)
}

// setUnlessGiven sets a flag that the command line has not.
func setUnlessGiven(t *testing.T, name, value string) {
	t.Helper()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if given {
		return
	}
	before := flag.Lookup(name).Value.String()
	t.Cleanup(func() { _ = flag.Lookup(name).Value.Set(before) })
	if err := flag.Lookup(name).Value.Set(value); err != nil {
		t.Fatal(err)
	}
}

// tally is what a whole test did.
type tally struct {
	requests, refused, events, stops, cuts int
	rested, saved                          atomic.Int64
}

// machine is a provider, its connections, and the model beside them.
type machine struct {
	outer *testing.T
	disk  *vfstest.Mem
	house *housetest.House
	model *model
	lines [4]*modelLine // nil for none
	tally *tally
}

// modelLine is one connection, and what the model knows of it.
type modelLine struct {
	conn      net.Conn
	in        *bufio.Reader
	user, key string
	subs      map[[2]string]bool // server and channel, "" for the whole server
	heard     []string           // events that came
	due       []string           // events that have to come after the last request, in any order
}

// start starts the provider on the disk as it is.
func (m *machine) start(t *rapid.T) {
	idle := draw(t, "passivate", []time.Duration{time.Hour, 2 * time.Millisecond})
	interval := draw(t, "checkpoint every", []time.Duration{0, time.Millisecond})
	segment := draw(t, "segment", []int64{0, 400, 4000})
	house, err := housetest.Try(m.outer, housetest.Settings{
		FS:    m.disk,
		Store: func(c *persistence.Config) { c.SnapshotInterval, c.SegmentBytes = interval, segment },
		Actor: func(c *actors.Config) {
			c.Deadline, c.Passivate = patience, idle
			c.MessageBytes, c.AnswerMessages = modelTextBytes, modelMessages
			c.LoginFailures, c.LoginFailuresAddress, c.LoginPause = modelFailures, 0, time.Hour
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	house.Strike(m.tally.count)
	m.house = house
}

func (c *tally) count(kind actors.Kind, msg any) {
	switch msg.(type) {
	case *actor.Stopped:
		if kind == actors.KindUser || kind == actors.KindServer || kind == actors.KindChannel {
			c.rested.Add(1)
		}
	case *persistence.SaveSnapshot:
		c.saved.Add(1)
	}
}

// stop ends the provider and everything that it alone knew.
func (m *machine) stop(t *rapid.T) {
	var left sync.WaitGroup
	for i, l := range m.lines {
		if l != nil {
			left.Go(l.readToTheEnd)
			m.lines[i] = nil
		}
	}
	if err := m.house.Stop(); err != nil {
		t.Error(err)
	}
	left.Wait()
	clear(m.model.failures)
}

// readToTheEnd waits for the provider to end the connection, and ends it too.
func (l *modelLine) readToTheEnd() {
	_, _ = io.Copy(io.Discard, l.in)
	_ = l.conn.Close()
}

// prelude is where every run begins: three users, and a server with two of them.
func (m *machine) prelude(t *rapid.T) {
	for i, name := range []string{"alice", "bob", "carol"} {
		l := m.connect(t, i)
		m.do(t, l, m.register(name, "pw"))
		m.do(t, l, m.login(l, name, "pw"))
	}
	m.do(t, m.lines[0], m.createServer(m.lines[0], "s", "spw"))
	m.do(t, m.lines[1], m.joinServer(m.lines[1], "s", "spw"))
}

func (m *machine) connect(t *rapid.T, slot int) *modelLine {
	l := m.dial(t)
	m.lines[slot] = l
	return l
}

func (m *machine) dial(t *rapid.T) *modelLine {
	conn, err := net.Dial("tcp", m.house.Addr)
	if err != nil {
		t.Fatal(err)
	}
	return &modelLine{conn: conn, in: bufio.NewReader(conn), subs: map[[2]string]bool{}}
}

// step is one request, and the rule that tells how it has to be answered: with
// a code of a refusal, or with values beside "resp". The rule is applied when
// nothing common to all calls refuses the request; it is given the answer, for
// values that the provider alone can choose.
type step struct {
	call   string
	values object
	bad    string // a refusal that comes before the rule
	free   bool   // needs no login
	rule   func(answer object) (string, object)
}

// do sends the steps in one go and judges the answers and all that other
// connections hear.
func (m *machine) do(t *rapid.T, l *modelLine, steps ...step) {
	var all []byte
	for i, s := range steps {
		request := object{"call": s.call}
		maps.Copy(request, s.values)
		if claim := m.claim(t, l); claim != "" && !s.free {
			request["usernm"] = claim
			if s.bad == "" && l.user != "" && claim != l.user {
				steps[i].bad = "not_that_user"
			}
		}
		all = append(all, canonical(request)...)
	}
	if _, err := l.conn.Write(all); err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		m.judge(t, l, s)
	}
	m.settle(t)
}

// claim is the user name that a request tells, "" for none.
func (m *machine) claim(t *rapid.T, l *modelLine) string {
	if !slices.Contains(m.lines[:], l) { // the audit's
		return l.user
	}
	return draw(t, "usernm", []string{"", "", "", "", "", "", "", "", l.user, l.user, l.user, "mallory"})
}

func (m *machine) judge(t *rapid.T, l *modelLine, s step) {
	answer := l.answer(t)
	code, adds := s.bad, object(nil)
	if code == "" && l.user == "" && !s.free {
		code = "not_logged_in"
	}
	if code == "" {
		code, adds = s.rule(answer)
	}
	t.Logf("%q on connection %d: %s %v: %v", l.user, slices.Index(m.lines[:], l), s.call, s.values, answer)
	want := object{"resp": true}
	maps.Copy(want, adds)
	m.tally.requests++
	if code != "" {
		m.tally.refused++
		want = object{"resp": false, "reason": reasons[code], "code": code}
	}
	if got := canonical(answer); got != canonical(want) {
		t.Fatalf("%s %v of %q\nanswered %s\n  wanted %s", s.call, s.values, l.user, got, canonical(want))
	}
}

// canonical is one text for equal objects.
func canonical(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// answer reads on to the next answer and keeps the events before it.
func (l *modelLine) answer(t *rapid.T) object {
	for {
		o := l.next(t)
		if _, answer := o["resp"]; answer {
			return o
		}
		l.heard = append(l.heard, canonical(o))
	}
}

func (l *modelLine) next(t *rapid.T) object {
	if err := l.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	text, err := l.in.ReadBytes('\n')
	if err != nil {
		t.Fatalf("%q: %v", l.user, err)
	}
	var o object
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return o
}

// settle waits for the events that are due, and takes no others.
func (m *machine) settle(t *rapid.T) {
	for _, l := range m.lines {
		if l == nil {
			continue
		}
		for len(l.heard) < len(l.due) {
			l.heard = append(l.heard, canonical(l.next(t)))
		}
		m.tally.events += len(l.due)
		slices.Sort(l.heard)
		slices.Sort(l.due)
		if !slices.Equal(l.heard, l.due) {
			t.Fatalf("%q heard %q\nwanted %q", l.user, l.heard, l.due)
		}
		l.heard, l.due = nil, nil
	}
}

// Restart stops the provider as an operator does and starts it again.
func (m *machine) Restart(t *rapid.T) {
	if !seldom(t, "restart", 6) {
		return
	}
	m.tally.stops++
	m.stop(t)
	m.start(t)
	m.audit(t)
}

// PowerCut takes the disk away at a moment when everything is answered.
func (m *machine) PowerCut(t *rapid.T) {
	if !seldom(t, "cut", 6) {
		return
	}
	m.tally.cuts++
	kept := draw(t, "percent kept", []int{0, 50, 100})
	after := m.disk.PowerCut(kept, rapid.Uint64().Draw(t, "seed"))
	m.stop(t)
	m.disk = after
	m.start(t)
	m.audit(t)
}

// HangUp ends a connection.
func (m *machine) HangUp(t *rapid.T) {
	slot := even(t, "line", len(m.lines))
	l := m.lines[slot]
	if l == nil || !seldom(t, "hang up", 2) {
		return
	}
	if rapid.Bool().Draw(t, "reset") {
		if err := l.conn.(*net.TCPConn).SetLinger(0); err != nil {
			t.Fatal(err)
		}
	}
	_ = l.conn.Close()
	m.lines[slot] = nil
}

// Check is the state machine's invariant: no connection has heard what is not
// for it. It costs a request on each, so it is taken at some steps.
func (m *machine) Check(t *rapid.T) {
	if !seldom(t, "listen", 4) {
		return
	}
	for _, l := range m.lines {
		if l != nil {
			m.do(t, l, step{call: "getprovidername", free: true, rule: func(object) (string, object) {
				return "", object{"name": "LOCALPROVIDER", "welcome": "welcome to your LOCALPROVIDER, the BEST test provider on localhost"}
			}})
		}
	}
}

// audit holds everything that can be read against the model.
func (m *machine) audit(t *rapid.T) {
	for name, p := range m.model.users {
		l := m.dial(t)
		for key, valid := range p.keys {
			m.do(t, l, m.loginByKey(l, name, key))
			if !valid {
				m.do(t, l, m.loginByKey(l, name, key+"x"))
			}
		}
		if m.model.failures[name] < modelFailures {
			m.do(t, l, m.login(l, name, p.passwd))
		}
		if l.user != "" {
			m.auditAs(t, l)
		}
		_ = l.conn.Close()
	}
}

func (m *machine) auditAs(t *rapid.T, l *modelLine) {
	m.do(t, l, m.joinedServers(l))
	for _, name := range serverNames {
		m.do(t, l, m.serverChannels(l, name), m.image(l, name))
		m.members(t, l, name)
		for _, channel := range channelNames {
			m.do(t, l, m.total(l, name, channel))
			if r, code := m.model.enter(l.user, name, channel); code == "" {
				for begin := 0; begin < len(r.posts); begin += modelMessages {
					m.do(t, l, m.messages(l, name, channel, begin, min(begin+modelMessages, len(r.posts))))
				}
			}
		}
	}
}

// members asks until the model's answer comes: that somebody has hung up takes
// its time to be known.
func (m *machine) members(t *rapid.T, l *modelLine, server string) {
	code := m.model.checkMember(l.user, server)
	if code != "" || l.user == "" {
		m.do(t, l, m.serverMembers(l, server))
		return
	}
	for deadline := time.Now().Add(patience); ; {
		if _, err := fmt.Fprint(l.conn, canonical(object{"call": "getservermembers", "servername": server})); err != nil {
			t.Fatal(err)
		}
		got := l.answer(t)
		settled := slices.EqualFunc(m.online(l, server), asList(got["members"]), func(want object, got any) bool {
			return canonical(want) == canonical(got)
		})
		if settled || time.Now().After(deadline) {
			m.do(t, l, m.serverMembers(l, server))
			return
		}
	}
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}

// online is the members as they have to be told. The asker may be a connection
// of the audit.
func (m *machine) online(asker *modelLine, server string) []object {
	list := []object{}
	for _, name := range m.model.servers[server].members {
		is := asker.user == name
		for _, l := range m.lines {
			is = is || l != nil && l.user == name
		}
		list = append(list, object{"usernm": name, "online": is})
	}
	return list
}
