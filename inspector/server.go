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
	"slices"
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

// Config has the operator's settings for the inspector.
type Config struct {
	Addr    string // host and port; without a Token the host must be this machine's own (loopback)
	Token   string // "" for none
	Name    string // name of the provider
	Version string
	Log     *slog.Logger
	Ballast uint64 // bytes of the heap that nobody touches, so that they take no memory

	Patience time.Duration // how long a page may not read its events; 0 for 10 s

	Disk *faultlab.Disk // opens the fault lab, which harms this disk; nil for no fault lab
}

// Server serves the inspector at its address.
type Server struct {
	cfg     Config
	socket  *bounded
	http    *http.Server
	started time.Time
	door    *door
	served  chan error
	now     atomic.Pointer[http.ServeMux] // the routes that are served at the moment

	provider *actors.Provider // these three are set by Serve
	listener *transport.Listener
	store    *persistence.Store

	hub  *hub
	scan scans // limits looking at all actors
	ask  scans // limits asking one actor for its state
	lab  *lab  // nil without a fault lab
	cost cost
	happ happenings
}

// Limits for a client.
const (
	connections    = 128 // at a time, from all addresses
	fromOne        = 96  // of these, from one address
	headerBytes    = 16 << 10
	bodyBytes      = 8 << 10
	headerTime     = 5 * time.Second
	requestTime    = 10 * time.Second // to send a request, and to read its answer
	bodyTime       = 2 * time.Second  // to send the body of a request
	lingerTime     = time.Second / 2  // for what is still on its way when a request is refused
	idleTime       = 30 * time.Second
	leastToken     = 16 // letters
	profileSeconds = 60
	systemBytes    = 16 << 10 // bytes that the system buffers for a client that does not read
)

// ErrShortToken is the error of Check for a token that could be guessed.
var ErrShortToken = fmt.Errorf("the token has to have at least %d letters", leastToken)

// Check finds settings that nobody should want.
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

// Listen opens the address. Until Serve is called, it answers that the provider is
// starting.
func Listen(cfg Config) (*Server, error) {
	if err := Check(cfg); err != nil {
		return nil, err
	}
	cfg.Patience = cmp.Or(cfg.Patience, slowClient)
	host, _, _ := net.SplitHostPort(cfg.Addr) // which Check has done
	socket, err := net.Listen(transport.Network(host), cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen for the inspector: %w", err)
	}
	s := &Server{
		cfg: cfg, socket: &bounded{Listener: socket, most: connections, share: fromOne},
		started: time.Now(), door: newDoor(cfg.Token, socket.Addr()), served: make(chan error, 1),
		scan: newScans(scansAtOnce, scanWait), ask: newScans(asksAtOnce, scanWait),
	}
	s.hub = newHub(s)
	s.now.Store(notReady("starting"))
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headerTime, ReadTimeout: requestTime, IdleTimeout: idleTime,
		MaxHeaderBytes: headerBytes, ConnContext: with,
		ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
	go func() { s.served <- s.http.Serve(s.socket) }()
	return s, nil
}

// Addr is the address on which it listens.
func (s *Server) Addr() net.Addr { return s.socket.Addr() }

// Serve begins to serve what these parts are and do, until Stop. It does not wait.
func (s *Server) Serve(provider *actors.Provider, listener *transport.Listener, store *persistence.Store) {
	s.provider, s.listener, s.store = provider, listener, store
	if s.cfg.Disk != nil {
		s.lab = newLab(s)
	}
	s.happ.listen(provider)
	s.now.Store(s.mux())
}

// Leave answers from now on only that the provider is stopping, and ends all streams and
// faults.
func (s *Server) Leave() {
	s.now.Store(notReady("stopping"))
	if s.lab != nil {
		s.lab.close()
	}
	s.hub.close()
}

// Stop calls Leave and closes the address. Requests under way get a moment to end. It
// must be called before the actors end, since they cannot be read after that.
func (s *Server) Stop(ctx context.Context) error {
	s.Leave()
	const moment = 200 * time.Millisecond
	short, cancel := context.WithTimeout(ctx, moment)
	defer cancel()
	err := s.http.Shutdown(short)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close() // a profile may still be under way
	}
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if s.happ.stop != nil {
		s.happ.stop()
	}
	if err != nil {
		return fmt.Errorf("stop the inspector: %w", err)
	}
	return nil
}

// handler serves the routes of the moment, with the headers and limits that all have.
func (s *Server) handler() http.Handler {
	now := func(w http.ResponseWriter, r *http.Request) { s.now.Load().ServeHTTP(w, r) }
	return s.limit(s.headers(s.door.sameSite(http.HandlerFunc(now))))
}

func live(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") }

// notReady has the only routes while the provider cannot be looked at.
func notReady(why string) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /live", live)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusServiceUnavailable, why) })
	return mux
}

// mux has all routes.
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

// serveAsset serves one of the page's files. Their folder is not listed.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if strings.Contains(name, "/") { // the slash was escaped
		http.NotFound(w, r)
		return
	}
	http.ServeFileFS(w, r, page.Files, "assets/"+name)
}

// api has the routes that the page uses.
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

// noHead refuses HEAD for the events: the answer would have no end and nothing to show.
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

// ready tells whether clients are served and their changes can be kept.
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

// plain answers a probe and closes the connection.
func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

// happenings counts what happens in the provider, for the metrics.
type happenings struct {
	counts [len(happens)]atomic.Uint64
	stop   func()
}

// happens lists the values of Happening.What.
var happens = [...]string{"panic", "restart", "stopped", "deadletter", "busy", "storage", "slow-reader"}

func (h *happenings) listen(provider *actors.Provider) {
	h.stop = provider.Feed(func(what telemetry.Happening) {
		if i := slices.Index(happens[:], what.What); i >= 0 {
			h.counts[i].Add(uint64(max(what.More, 1))) //nolint:gosec // not negative
		}
	})
}

func (h *happenings) of(word string) uint64 { return h.counts[slices.Index(happens[:], word)].Load() }
