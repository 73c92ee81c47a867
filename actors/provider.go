package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
	"elemental/actors/telemetry"
	"elemental/persistence"
)

// Config is what an operator sets of the provider's behaviour. Zero values are
// not defaults: DefaultConfig has those.
type Config struct {
	Name, Welcome string        // told by getprovidername
	Icon          string        // base64 of icon.png, "" without one
	AutoSubscribe bool          // every session hears all servers of its user
	HideUsers     bool          // an unknown user is answered as a wrong password
	KeyLifetime   time.Duration // of a session key after its last use
	CountInterval time.Duration // between two gettotalmessages of a connection, 0 for none
	Passivate     time.Duration // idle time after which a durable actor leaves memory
	StateBytes    int           // of users, servers and channels in memory; beyond it they leave as soon as they are idle
	Deadline      time.Duration // of one answer; past it the client hears OutcomeUnknown

	MessageBytes   int // of one message's text
	AnswerMessages int // messages in one answer
	AnswerBytes    int // text in one answer

	InFlightRequests int // requests under way in the whole provider
	InFlightBytes    int // their bytes

	HashMemory  int // KiB of memory of one argon2id hash
	HashTime    int // its passes
	HashWorkers int // hashes at a time; 0 for one less than there are processors
	HashQueue   int // hashes that may wait

	Processors int // actors that have their turn at the same time; 0 for as many as the runtime has processors

	// NewHasher makes the Hasher of one worker; it is given the one that works
	// in this process, which is also what nil means.
	NewHasher func(here Argon2id) Hasher

	LoginFailures        int           // wrong passwords of an account or server from an address before a pause
	LoginFailuresAddress int           // wrong passwords from an address, whatever the name, in such a time; 0 for no limit
	LoginPause           time.Duration // that pause

	Inspect bool     // keep the roll of living actors, and count, for the inspector
	Calls   []string // the names of calls on the wire that are counted each by itself

	Now func() time.Time // the clock that tells the time of day; nil is time.Now

	// Fault and FaultAfter, when set, are called before and after each actor
	// handles each message, on that actor's goroutine. Tests of supervision panic
	// in them; production has none.
	Fault, FaultAfter func(Kind, any)
}

// DefaultConfig is the documented defaults.
func DefaultConfig() Config {
	return Config{
		Name:             "LOCALPROVIDER",
		Welcome:          "welcome to your LOCALPROVIDER, the BEST test provider on localhost",
		KeyLifetime:      time.Hour,
		CountInterval:    750 * time.Millisecond,
		Passivate:        5 * time.Minute,
		StateBytes:       256 << 20,
		Deadline:         10 * time.Second,
		MessageBytes:     16 << 10,
		AnswerMessages:   10_000,
		AnswerBytes:      8 << 20,
		InFlightRequests: 50_000,
		InFlightBytes:    256 << 20,
		HashMemory:       19456,
		HashTime:         2,
		HashQueue:        256,

		LoginFailures:        10,
		LoginFailuresAddress: 100,
		LoginPause:           30 * time.Second,
	}
}

// processors is how many actors may have their turn at the same time.
func (cfg *Config) processors() int {
	if cfg.Processors > 0 {
		return cfg.Processors
	}
	return runtime.GOMAXPROCS(0)
}

// Provider is the handle that transport and the command hold: one node's
// actor system.
type Provider struct {
	telemetry.Look
	node        *node
	root        *actor.PID
	sessions    *actor.Props // shared by all sessions: they are many
	lastSession atomic.Uint64
}

// Start starts the actors on an open store. The encoder makes the bytes of
// pushes. It returns when the actors can be asked.
func Start(cfg Config, store *persistence.Store, enc Encoder, log *slog.Logger) (*Provider, error) {
	pool, err := newHashPool(cfg, log)
	if err != nil {
		return nil, err
	}
	n := &node{
		cfg: cfg, log: log, store: store, encoder: enc, pool: pool, scheduler: dispatch.New(cfg.processors(), dispatch.LongTurn),
		gate:   newGate(cfg.InFlightRequests, cfg.InFlightBytes),
		state:  residency{most: int64(cfg.StateBytes)},
		system: actor.NewActorSystemWithConfig(actor.Configure(engineLog(log))),
		info:   ProviderInfo{Name: cfg.Name, Welcome: cfg.Welcome, Icon: cfg.Icon},
	}
	n.record = telemetry.NewRecorder(n.system, telemetry.Options{
		Inspect: cfg.Inspect, Calls: cfg.Calls, Codes: []string{string(Busy), string(StorageDown), string(OutcomeUnknown)},
	})
	store.Gather(n.scheduler.Quiet)
	store.Trouble(func(err error) { n.record.Storage(rootName+"/"+diskName, err) })
	up := make(chan error, 1)
	props := n.props(KindProvider, keepTables{}, func() actor.Actor { return &provider{node: n, up: up} })
	root, err := n.system.Root.SpawnNamed(props.Configure(actor.WithGuardian(resume{})), rootName)
	if err != nil {
		n.end()
		return nil, fmt.Errorf("start the root actor: %w", err)
	}
	sessions := n.props(KindSession, nil, func() actor.Actor { return &session{node: n} })
	p := &Provider{Look: n.record.Look(), node: n, root: root, sessions: sessions.Configure(actor.WithGuardian(stopChild{}))}
	if err := <-up; err != nil {
		return nil, errors.Join(err, p.Stop(context.Background()))
	}
	return p, nil
}

// The names of the root actor and of persistence below it.
const (
	rootName = "provider"
	diskName = "persistence"
)

// Turns returns how a goroutine of transport gives the actors their turns. write writes some
// of what was handed to the Outboxes; for the rest see dispatch.Scheduler.Turns.
func (p *Provider) Turns(write func(busy bool) (more bool), call func()) *dispatch.Turns {
	return p.node.scheduler.Turns(write, call)
}

// Connect starts the session of a new connection.
func (p *Provider) Connect(out Outbox, from netip.Addr) *Session {
	id := p.lastSession.Add(1)
	root := p.node.system.Root
	pid, err := root.SpawnNamed(p.sessions, "conn/"+strconv.FormatUint(id, 10))
	if err != nil {
		panic(err) // the number was given twice
	}
	root.Send(pid, &connected{out: out, from: from, id: id})
	return &Session{node: p.node, pid: pid, id: id}
}

// Followed tells whether anybody follows requests: transport notes then when each came.
func (p *Provider) Followed() bool { return p != nil && p.Look.Followed() }

// Happened passes on what has happened outside the actors, such as a slow reader, and of
// which session's connection, by its ID; "" where there is none. It costs a look when
// nobody hears the feed.
func (p *Provider) Happened(what, session, detail string) {
	kind := KindSession
	if session == "" {
		kind = ""
	}
	p.node.record.Happened(what, session, kind, detail)
}

// Counters may be called at any time.
func (p *Provider) Counters() telemetry.Counters {
	n, all := p.node, p.Look.Counters()
	all.InFlight, all.InFlightBytes = max(n.gate.requests.Load(), 0), max(n.gate.bytes.Load(), 0)
	all.StateBytes = max(n.state.used.Load(), 0)
	return all
}

// Stop waits until what was admitted is answered, or ctx ends, and then stops
// the actors. Transport has stopped reading before, and its connections have ended:
// a session ends with its connection, not here. What was acknowledged is
// on disk already; with ctx's error some requests were left unanswered.
func (p *Provider) Stop(ctx context.Context) error {
	err := p.node.gate.drained(ctx)
	stopped := p.node.system.Root.StopFuture(p.root)
	if _, late := stopped.Result(); late != nil && err == nil {
		err = fmt.Errorf("stop the actors: %w", late)
	}
	p.node.end()
	return err
}

// end gives back what runs beside the actors.
func (n *node) end() {
	n.pool.close()
	n.system.Shutdown()
	n.scheduler.Stop()
}

// Session is the handle of one connection's session actor.
type Session struct {
	node *node
	pid  *actor.PID
	id   uint64
}

// ID is the session actor's: "conn/7".
func (s *Session) ID() string { return s.pid.Id }

// Send hands over a request; never blocks. The caller bounds how many are
// unanswered (the window).
func (s *Session) Send(r *Request) { s.SendRead(r, time.Time{}) }

// SendRead is Send for a request whose first bytes came at a time, which is zero where
// nobody has looked.
func (s *Session) SendRead(r *Request, read time.Time) {
	n := s.node
	if n.record.Following() {
		refused, _ := r.Command.(Refused)
		if n.record.Follow(n.system.Root, s.pid, s.id, r.Call, r, string(refused.Code), read) {
			return
		}
	}
	n.system.Root.Send(s.pid, r)
}

// Close tells the session that its connection has ended. Nothing is sent to
// its Outbox afterwards that matters.
func (s *Session) Close() {
	s.node.system.Root.Send(s.pid, &closed{})
	s.node.record.HungUp(s.id, Refused{Code: OutcomeUnknown}, string(OutcomeUnknown))
}

// provider is the root actor: it starts the few singletons and the two
// directories, and finds the owner of a stream for persistence, which sends
// it SnapshotWanted. Transient.
type provider struct {
	node *node
	up   chan error // has room for what came of starting them
}

func (p *provider) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.startAll(ctx)
	case *actor.Stopping, *actor.Stopped, *actor.Restarting, *actor.Terminated:
	case *persistence.SnapshotWanted:
		p.onSnapshotWanted(ctx, m)
	default:
		p.node.unexpected(ctx)
	}
}

func (p *provider) startAll(ctx actor.Context) {
	n := p.node
	n.disk = p.spawn(ctx, KindPersistence, diskName, n.store.Actor)
	n.passwords = p.spawn(ctx, KindPasswords, "passwords", func() actor.Actor { return newPasswords(n, n.pool) })
	n.router = p.spawn(ctx, KindRouter, "router", func() actor.Actor { return newRouter(n) })
	users := func(name string) func() actor.Actor { return func() actor.Actor { return newUser(n, name) } }
	servers := func(name string) func() actor.Actor { return makeServer(n, name) }
	n.dir = &localDirectory{
		users:   p.spawn(ctx, KindDirectory, "users", func() actor.Actor { return newDirectory(n, KindUser, users) }),
		servers: p.spawn(ctx, KindDirectory, "servers", func() actor.Actor { return newDirectory(n, KindServer, servers) }),
	}
	ctx.Send(n.disk, &persistence.Attach{Keeper: ctx.Self()})
	p.up <- nil
}

func (p *provider) mend(_ actor.Context, msg any) {
	if _, starting := msg.(*actor.Started); starting {
		select {
		case p.up <- errCrashed:
		default: // it was up
		}
	}
}

func (p *provider) spawn(ctx actor.Context, kind Kind, name string, make func() actor.Actor) *actor.PID {
	pid, err := ctx.SpawnNamed(p.node.props(kind, restartLater{}, make), name)
	if err != nil {
		panic(err) // two of one name under the root
	}
	return pid
}

// onSnapshotWanted passes persistence's wish on to the stream's owner.
func (p *provider) onSnapshotWanted(ctx actor.Context, m *persistence.SnapshotWanted) {
	switch parts := m.Stream.Parts(); {
	case len(parts) == 2 && parts[0] == "users":
		p.node.dir.Tell(ctx, &saveNow{KindUser, parts[1]})
	case len(parts) == 2 && parts[0] == "servers":
		p.node.dir.Tell(ctx, &saveNow{KindServer, parts[1]})
	case len(parts) == 5 && parts[0] == "servers":
		p.wantChannel(ctx, parts)
	default:
		p.node.log.Error("a stream of no known kind", "stream", string(m.Stream))
	}
}

func (p *provider) wantChannel(ctx actor.Context, parts []string) {
	incarnation, err := strconv.ParseUint(parts[4], 10, 64)
	if err != nil {
		p.node.log.Error("a channel stream without an incarnation", "parts", parts)
		return
	}
	p.node.dir.Tell(ctx, &saveChannel{Server: parts[1], Incarnation: incarnation})
}

// providerView is the root actor's view: what the whole node shares.
type providerView struct {
	Name     string       `json:"name"`
	Gate     gateView     `json:"gate"`
	Memory   memoryView   `json:"memory"`
	Turns    turnsView    `json:"turns"`
	Writable bool         `json:"writable"`
	Limits   settingsView `json:"settings"`
}

type gateView struct {
	Requests    int64 `json:"requests"`
	MaxRequests int64 `json:"maxRequests"`
	Bytes       int64 `json:"bytes"`
	MaxBytes    int64 `json:"maxBytes"`
}

// memoryView is of users, servers and channels together.
type memoryView struct {
	Bytes   int64 `json:"bytes"`
	Most    int64 `json:"most"`
	Squeeze bool  `json:"squeeze"` // the idle ones are made to leave
}

type turnsView struct {
	Processors int    `json:"processors"`
	Runners    int    `json:"runners"`
	Asleep     int    `json:"asleep"`
	Due        int    `json:"due"`      // mailboxes
	ForQuiet   int    `json:"forQuiet"` // who wait for it
	Given      uint64 `json:"given"`
}

type settingsView struct {
	PassivateMs    int64 `json:"passivateMs"`
	DeadlineMs     int64 `json:"deadlineMs"`
	KeyLifetimeMs  int64 `json:"keyLifetimeMs"`
	MessageBytes   int   `json:"messageBytes"`
	AnswerMessages int   `json:"answerMessages"`
	AnswerBytes    int   `json:"answerBytes"`
	AutoSubscribe  bool  `json:"autoSubscribe"`
	HideUsers      bool  `json:"hideUsers"`
}

func (p *provider) view() any {
	n := p.node
	return providerView{
		Name: n.cfg.Name, Gate: n.gate.view(), Turns: turnsView(n.scheduler.State()), Writable: n.store.Writable(),
		Memory: memoryView{Bytes: n.state.used.Load(), Most: n.state.most, Squeeze: n.state.called.Load()},
		Limits: settingsView{
			PassivateMs: n.cfg.Passivate.Milliseconds(), DeadlineMs: n.cfg.Deadline.Milliseconds(),
			KeyLifetimeMs: n.cfg.KeyLifetime.Milliseconds(), MessageBytes: n.cfg.MessageBytes,
			AnswerMessages: n.cfg.AnswerMessages, AnswerBytes: n.cfg.AnswerBytes,
			AutoSubscribe: n.cfg.AutoSubscribe, HideUsers: n.cfg.HideUsers,
		},
	}
}

func (g *gate) view() gateView {
	return gateView{Requests: g.requests.Load(), MaxRequests: g.maxRequests, Bytes: g.bytes.Load(), MaxBytes: g.maxBytes}
}
