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

// Config is what an operator can set of the provider's behaviour. The zero values are not
// the defaults: DefaultConfig returns those.
type Config struct {
	Name, Welcome string        // told by getprovidername
	Icon          string        // base64 of icon.png, "" without one
	AutoSubscribe bool          // every session is subscribed to all servers of its user
	HideUsers     bool          // an unknown user is answered like a wrong password
	KeyLifetime   time.Duration // how long a session key is valid after its last use
	CountInterval time.Duration // least time between two gettotalmessages of a connection; 0 for no limit
	Passivate     time.Duration // idle time after which a durable actor leaves memory
	StateBytes    int           // memory of all users, servers and channels; beyond it they leave as soon as they are idle
	Deadline      time.Duration // for one answer; then the client hears OutcomeUnknown

	MessageBytes   int // most bytes of one message's text
	AnswerMessages int // most messages in one answer
	AnswerBytes    int // most bytes of text in one answer

	InFlightRequests int // most requests under way in the whole provider
	InFlightBytes    int // most bytes of them
	Subscriptions    int // most of all sessions together, besides 16 of each

	HashMemory  int // KiB of memory of one argon2id hash
	HashTime    int // its passes
	HashWorkers int // hashes made at the same time; 0 for one less than there are processors, at least one
	HashQueue   int // hashes that may wait

	Processors int // how many actors run at the same time; 0 for GOMAXPROCS

	// NewHasher makes the Hasher of one worker. Its argument is a Hasher that works in
	// this process, which is also used when NewHasher is nil.
	NewHasher func(here Argon2id) Hasher

	LoginFailures        int           // wrong passwords of an account or server from an address before a pause
	LoginFailuresAddress int           // wrong passwords from an address, whatever the name, in the time of a pause; 0 for no limit
	LoginPause           time.Duration // that pause

	Inspect bool     // keep the roll of living actors, and count, for the inspector
	Calls   []string // names of calls on the wire that are counted separately

	Now func() time.Time // the time of day; nil for time.Now

	// Fault and FaultAfter, if set, are called before and after an actor handles a
	// message, for every actor and message, on that actor's goroutine. Tests of
	// supervision panic in them; production leaves them nil.
	Fault, FaultAfter func(Kind, any)
}

// DefaultConfig returns the defaults that docs/operations.md lists.
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
		Subscriptions:    1_000_000,
		HashMemory:       19456,
		HashTime:         2,
		HashQueue:        256,

		LoginFailures:        10,
		LoginFailuresAddress: 100,
		LoginPause:           30 * time.Second,
	}
}

// processors is how many actors run at the same time.
func (cfg *Config) processors() int {
	if cfg.Processors > 0 {
		return cfg.Processors
	}
	return runtime.GOMAXPROCS(0)
}

// Provider is a running provider: the actor system of one node, as transport and the
// command see it.
type Provider struct {
	telemetry.Look
	node        *node
	root        *actor.PID
	sessions    *actor.Props // shared by all sessions, since there are many
	lastSession atomic.Uint64
}

// Start starts the actors on an open store and returns once they can be asked. The encoder
// makes the bytes of pushes.
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
	n.scheduler.Unheard(n.unheard)
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

// Turns lets a goroutine of transport give the actors their turns. write writes some of what
// was handed to the Outboxes. See dispatch.Scheduler.Turns for both functions.
func (p *Provider) Turns(write func(busy bool) (more bool), call func()) *dispatch.Turns {
	return p.node.scheduler.Turns(write, call)
}

// Connect starts the session of a new connection.
func (p *Provider) Connect(out Outbox, from netip.Addr) *Session {
	id := p.lastSession.Add(1)
	root := p.node.system.Root
	pid, err := root.SpawnNamed(p.sessions, "conn/"+strconv.FormatUint(id, 10))
	if err != nil {
		panic(err) // two sessions with the same number
	}
	root.Send(pid, &connected{out: out, from: from, id: id})
	return &Session{node: p.node, pid: pid, id: id}
}

// HasIcon tells whether the answer to ProviderName has an icon.
func (p *Provider) HasIcon() bool { return p.node.cfg.Icon != "" }

// Followed tells whether anybody follows requests. If so, transport notes when each one
// arrived. It may be called on nil.
func (p *Provider) Followed() bool { return p != nil && p.Look.Followed() }

// Happened tells the feed of something that happened outside the actors, such as a slow
// reader. session is the ID of the session concerned, "" for none. It costs next to nothing
// while nobody hears the feed.
func (p *Provider) Happened(what, session, detail string) {
	kind := KindSession
	if session == "" {
		kind = ""
	}
	p.node.record.Happened(what, session, kind, detail)
}

// Counters returns what was counted since the start, and what is under way now. It may be
// called at any time.
func (p *Provider) Counters() telemetry.Counters {
	n, all := p.node, p.Look.Counters()
	all.InFlight, all.InFlightBytes = max(n.gate.requests.Load(), 0), max(n.gate.bytes.Load(), 0)
	all.StateBytes = max(n.state.used.Load(), 0)
	return all
}

// Stop waits until everything that somebody waits for is answered, or until ctx ends, and
// then stops the actors. Before that, transport must have stopped reading and its
// connections must have ended: a session ends with its connection, not here. What was
// acknowledged is on disk already. If ctx's error is returned, requests were left unanswered.
func (p *Provider) Stop(ctx context.Context) error {
	err := p.node.gate.drained(ctx)
	stopped := p.node.system.Root.StopFuture(p.root)
	if _, late := stopped.Result(); late != nil && err == nil {
		err = fmt.Errorf("stop the actors: %w", late)
	}
	p.node.end()
	return err
}

// end stops what runs beside the actors.
func (n *node) end() {
	n.pool.close()
	n.system.Shutdown()
	n.scheduler.Stop()
}

// Session is the session actor of one connection, as transport sees it.
type Session struct {
	node *node
	pid  *actor.PID
	id   uint64
}

// ID is the ID of the session actor, such as "conn/7".
func (s *Session) ID() string { return s.pid.Id }

// Send hands over a request and never blocks. The caller limits how many are unanswered
// (the connection's window).
func (s *Session) Send(r *Request) { s.SendRead(r, time.Time{}) }

// SendRead is Send for a request whose first bytes came at the time read; zero if nobody noted
// the time.
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

// Close tells the session that its connection has ended. Whatever is still handed to its
// Outbox may be ignored.
func (s *Session) Close() {
	s.node.system.Root.Send(s.pid, &closed{})
	s.node.record.HungUp(s.id, Refused{Code: OutcomeUnknown}, string(OutcomeUnknown))
}

// provider is the root actor. It starts the few singletons and the two directories. When
// persistence sends it SnapshotWanted, it passes that on to the owner of the stream. It is
// transient.
type provider struct {
	node *node
	up   chan error // gets the outcome of the start; has room for one
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
		panic(err) // two children of the same name
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

// memoryView is of users, servers and channels together.
type memoryView struct {
	Bytes   int64 `json:"bytes"`
	Most    int64 `json:"most"`
	Squeeze bool  `json:"squeeze"` // idle ones are being made to leave
}

type turnsView struct {
	Processors int    `json:"processors"`
	Runners    int    `json:"runners"`
	Asleep     int    `json:"asleep"`
	Due        int    `json:"due"`      // mailboxes
	ForQuiet   int    `json:"forQuiet"` // those who wait until all is quiet
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
		Memory: memoryView{Bytes: n.state.used.Load(), Most: n.state.most, Squeeze: n.state.squeezing.Load()},
		Limits: settingsView{
			PassivateMs: n.cfg.Passivate.Milliseconds(), DeadlineMs: n.cfg.Deadline.Milliseconds(),
			KeyLifetimeMs: n.cfg.KeyLifetime.Milliseconds(), MessageBytes: n.cfg.MessageBytes,
			AnswerMessages: n.cfg.AnswerMessages, AnswerBytes: n.cfg.AnswerBytes,
			AutoSubscribe: n.cfg.AutoSubscribe, HideUsers: n.cfg.HideUsers,
		},
	}
}
