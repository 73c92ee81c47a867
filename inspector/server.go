package inspector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"elemental/actors"
	"elemental/actors/telemetry"
	"elemental/inspector/faultlab"
	"elemental/inspector/page"
	"elemental/persistence"
	"elemental/transport"
)

// Config is what an operator sets of the inspector.
type Config struct {
	Addr    string // host and port; without a Token the host has to be this machine's own
	Token   string // "" for none
	Name    string // of the provider
	Version string
	Log     *slog.Logger
	Ballast uint64 // bytes of the heap that nobody touches: they take no memory

	Patience time.Duration // with a page that does not read its events; 0 for 10 s

	Disk *faultlab.Disk // opens the fault lab; nil without one
}

// Server is the inspector's address.
type Server struct {
	cfg     Config
	log     *slog.Logger
	socket  *bounded
	http    *http.Server
	started time.Time
	door    *door
	served  chan error
	now     atomic.Pointer[http.ServeMux] // what is served at the moment

	provider *actors.Provider // these are set by Serve
	listener *transport.Listener
	store    *persistence.Store

	hub  *hub
	scan scans // of all actors
	ask  scans // of one for its state
	lab  *lab  // nil without a fault lab
	cost cost
	happ happenings
}

// What a client may take.
const (
	connections    = 128 // at a time
	fromOne        = 96  // of them from one address
	headerBytes    = 16 << 10
	bodyBytes      = 8 << 10
	headerTime     = 5 * time.Second
	requestTime    = 10 * time.Second // to send a request, and to take its answer
	bodyTime       = 2 * time.Second  // to send what a request has to say beside its header
	lingerTime     = time.Second / 2  // for what is still on its way when a request is refused
	idleTime       = 30 * time.Second
	leastToken     = 16 // letters
	profileSeconds = 60
	systemBytes    = 16 << 10 // that the system keeps for one who does not read
)

// ErrShortToken is what Check says of a token that can be guessed.
var ErrShortToken = fmt.Errorf("the token has to have at least %d letters", leastToken)

// Check finds what nobody should want.
func Check(cfg Config) error {
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%q is no address such as 127.0.0.1:5006", cfg.Addr)
	case cfg.Token != "" && len(cfg.Token) < leastToken:
		return ErrShortToken
	case cfg.Token == "" && !ownHost(host):
		return fmt.Errorf("%s: without a token it has to be 127.0.0.1, [::1] or localhost, which nobody else can reach", cfg.Addr)
	}
	return nil
}

// Listen opens the address. Until Serve is called it tells that the provider is starting.
func Listen(cfg Config) (*Server, error) {
	if err := Check(cfg); err != nil {
		return nil, err
	}
	cfg.Patience = cmp.Or(cfg.Patience, slowClient)
	socket, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen for the inspector: %w", err)
	}
	s := &Server{
		cfg: cfg, log: cfg.Log, socket: &bounded{Listener: socket, most: connections, share: fromOne},
		started: time.Now(), door: newDoor(cfg.Token, socket.Addr()), served: make(chan error, 1),
		scan: newScans(scansAtOnce, scanWait), ask: newScans(asksAtOnce, scanWait),
	}
	s.hub = newHub(s)
	s.now.Store(notReady("starting"))
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headerTime, ReadTimeout: requestTime, IdleTimeout: idleTime,
		MaxHeaderBytes: headerBytes, ConnContext: with,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	go func() { s.served <- s.http.Serve(s.socket) }()
	return s, nil
}

// Addr is where it listens.
func (s *Server) Addr() net.Addr { return s.socket.Addr() }

// Serve begins to serve what these are and do, until Stop. It does not wait.
func (s *Server) Serve(provider *actors.Provider, listener *transport.Listener, store *persistence.Store) {
	s.provider, s.listener, s.store = provider, listener, store
	if s.cfg.Disk != nil {
		s.lab = newLab(s)
	}
	s.happ.listen(provider)
	s.now.Store(s.mux())
}

// Leave tells from now on that the provider is stopping, and nothing else, and ends all
// streams and faults.
func (s *Server) Leave() {
	s.now.Store(notReady("stopping"))
	if s.lab != nil {
		s.lab.close()
	}
	s.hub.close()
}

// Stop leaves and closes the address. What is under way is given a moment. It comes
// before the end of the actors, which are not to be read then.
func (s *Server) Stop(ctx context.Context) error {
	s.Leave()
	const moment = 200 * time.Millisecond
	short, cancel := context.WithTimeout(ctx, moment)
	defer cancel()
	err := s.http.Shutdown(short)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close() // a profile may be under way
	}
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if s.happ.stop != nil {
		s.happ.end()
	}
	if err != nil {
		return fmt.Errorf("stop the inspector: %w", err)
	}
	return nil
}

// handler serves what is to be served at the moment.
func (s *Server) handler() http.Handler {
	now := func(w http.ResponseWriter, r *http.Request) { s.now.Load().ServeHTTP(w, r) }
	return s.limit(s.headers(s.door.sameSite(http.HandlerFunc(now))))
}

func live(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") }

// notReady is all that is served while the provider cannot be looked at.
func notReady(why string) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /live", live)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusServiceUnavailable, why) })
	return mux
}

// mux is the whole of what is served.
func (s *Server) mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /live", live)
	mux.HandleFunc("GET /ready", s.ready)
	behind := func(pattern string, handler http.Handler) { mux.Handle(pattern, s.door.check(handler)) }
	behind("GET /{$}", http.HandlerFunc(serveIndex))
	behind("GET /assets/{file}", http.HandlerFunc(serveAsset))
	behind("GET /metrics", s.metrics())
	for name, profile := range profiles {
		behind("GET /debug/pprof/"+name, profile)
	}
	for pattern, handler := range s.api() {
		behind(pattern, handler)
	}
	return mux
}

// serveAsset serves one of the page's files; their folder is not listed.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if strings.Contains(name, "/") { // which was escaped
		http.NotFound(w, r)
		return
	}
	http.ServeFileFS(w, r, page.Files, "assets/"+name)
}

// api is the table of what the page asks.
func (s *Server) api() map[string]http.HandlerFunc {
	all := map[string]http.HandlerFunc{
		"GET /api/about":       s.about,
		"GET /api/overview":    s.overview,
		"GET /api/tree":        s.tree,
		"GET /api/search":      s.search,
		"GET /api/actor":       s.actor,
		"GET /api/connections": s.connections,
		"GET /events":          s.events,
		"HEAD /events":         noHead,
		"POST /api/follow":     s.follow,
		"DELETE /api/follow":   s.unfollow,
	}
	if s.lab != nil {
		all["GET /api/fault"] = s.lab.list
		all["POST /api/fault"] = s.lab.begin
		all["DELETE /api/fault"] = s.lab.end
	}
	return all
}

// noHead refuses what would have no end and nothing to show.
func noHead(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Allow", http.MethodGet)
	fail(w, http.StatusMethodNotAllowed, "only GET")
}

func serveIndex(w http.ResponseWriter, r *http.Request) {
	data, err := fs.ReadFile(page.Files, "index.html")
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(data)
}

// ready tells whether clients are served, and what they do can be kept.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	switch {
	case !s.listener.Counters().Serving:
		plain(w, http.StatusServiceUnavailable, "not serving")
	case !s.store.Writable():
		plain(w, http.StatusServiceUnavailable, "storage is unavailable")
	default:
		plain(w, http.StatusOK, "ok")
	}
}

// plain answers a probe, which keeps no connection.
func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

// happenings counts what the provider tells of, for the metrics.
type happenings struct {
	counts [len(happens)]atomic.Uint64
	stop   func()
}

// happens are the words of Happening.What.
var happens = [...]string{"panic", "restart", "stopped", "deadletter", "busy", "storage", "slow-reader"}

func (h *happenings) listen(provider *actors.Provider) {
	h.stop = provider.Feed(func(what telemetry.Happening) {
		for i, word := range happens {
			if word == what.What {
				h.counts[i].Add(uint64(max(what.More, 1))) //nolint:gosec // not negative
			}
		}
	})
}

func (h *happenings) end() { h.stop() }

func (h *happenings) of(word string) uint64 {
	for i := range happens {
		if happens[i] == word {
			return h.counts[i].Load()
		}
	}
	return 0
}
