package inspector

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"elemental/actors"
	"elemental/actors/telemetry"
	"elemental/transport"
)

// actorInfo is an actor in an answer.
type actorInfo struct {
	ID       string `json:"id"`
	Parent   string `json:"parent"`
	Kind     string `json:"kind"`
	Label    string `json:"label"`
	Depth    int    `json:"depth"`
	Children int    `json:"children"`
	Restarts int    `json:"restarts"`
	Messages uint64 `json:"messages"`
	Started  int64  `json:"started"`
}

func told(a *telemetry.ActorInfo) actorInfo {
	return actorInfo{
		ID: a.ID, Parent: a.Parent, Kind: string(a.Kind), Label: a.Label,
		Depth: a.Depth, Children: a.Children, Restarts: a.Restarts, Messages: a.Messages, Started: millis(a.Started),
	}
}

// kindInfo says what a kind of actor does, and in which file its code is.
type kindInfo struct {
	Kind  string `json:"kind"`
	About string `json:"about"`
	File  string `json:"file"`
}

var kinds = []kindInfo{
	{string(actors.KindProvider), "the root: starts the few singletons and the directories, and is asked for snapshots", "actors/provider.go"},
	{string(actors.KindDirectory), "all users or all servers: starts them on first use, lets idle ones leave memory", "actors/directory.go"},
	{string(actors.KindUser), "an account: password, session keys, joined servers; durable", "actors/user.go"},
	{string(actors.KindServer), "a server: owner, password, members, channels, image; durable", "actors/server.go"},
	{string(actors.KindChannel), "a channel's messages; durable", "actors/channel.go"},
	{string(actors.KindRouter), "who is online and subscribed to what: fans pushes out", "actors/router.go"},
	{string(actors.KindPasswords), "hands hashes to a few workers and counts wrong passwords", "actors/passwords.go"},
	{string(actors.KindPersistence), "the journal and the snapshots: one for the data folder", "persistence/core.go"},
	{string(actors.KindSession), "one connection: who is logged in, which requests are under way", "actors/session.go"},
}

func (s *Server) about(w http.ResponseWriter, _ *http.Request) {
	reply(w, struct {
		Name       string     `json:"name"`
		Version    string     `json:"version"`
		Started    int64      `json:"started"`
		Address    string     `json:"address"`
		FaultLab   bool       `json:"faultLab"`
		Processors int        `json:"processors"`
		Go         string     `json:"go"`
		Node       string     `json:"node"`
		Kinds      []kindInfo `json:"kinds"`
		Calls      []string   `json:"calls"`
		Cost       costNow    `json:"cost"`
	}{
		s.cfg.Name, s.cfg.Version, millis(s.started), s.listener.Addr().String(), s.lab != nil,
		runtime.NumCPU(), runtime.Version(), "local", kinds, transport.Calls(), s.hub.cost(),
	})
}

// list is a part of a list of actors. Total counts the whole list.
type list struct {
	Total  int         `json:"total"`
	Actors []actorInfo `json:"actors"`
}

// part says which part of a list is wanted, and in which order.
type part struct {
	order         order
	offset, limit int
}

// partOf reads the part from the query. If the order is unknown, it answers so and
// returns false.
func partOf(w http.ResponseWriter, r *http.Request, usual int) (p part, ok bool) {
	p.order, ok = orders[r.URL.Query().Get("sort")]
	if !ok {
		fail(w, http.StatusBadRequest, "sort is name, depth, restarts or busy")
	}
	p.offset, p.limit = number(r, "offset", 0, 1<<30), number(r, "limit", usual, mostLimit)
	return p, ok
}

const (
	usualLimit = 200
	mostLimit  = 1000
)

// tree lists the children of an actor, all actors of a kind, or the roots if neither is
// given.
func (s *Server) tree(w http.ResponseWriter, r *http.Request) {
	wanted, ok := partOf(w, r, usualLimit)
	if !ok {
		return
	}
	kind, parent := actors.Kind(r.URL.Query().Get("kind")), r.URL.Query().Get("parent")
	s.scanned(w, r, func() any {
		if kind == "" && parent == "" {
			return s.roots()
		}
		return s.found(wanted, func(a *telemetry.ActorInfo) bool {
			return (kind == "" || a.Kind == kind) && (parent == "" || parentOf(a) == parent)
		})
	})
}

// found returns the wanted part of the living actors for which fits is true.
func (s *Server) found(wanted part, fits func(*telemetry.ActorInfo) bool) list {
	var found []telemetry.ActorInfo
	s.provider.Actors(func(a telemetry.ActorInfo) bool {
		if fits(&a) {
			found = append(found, a)
		}
		return true
	})
	slices.SortFunc(found, wanted.order)
	from := min(wanted.offset, len(found))
	l := list{Total: len(found), Actors: []actorInfo{}}
	for i := range found[from:min(from+wanted.limit, len(found))] {
		l.Actors = append(l.Actors, told(&found[from+i]))
	}
	return l
}

// roots lists the provider and the group under which the sessions of all connections are
// shown.
func (s *Server) roots() list {
	var roots []actorInfo
	group := actorInfo{ID: connGroup, Kind: groupKind, Started: millis(s.started)}
	s.provider.Actors(func(a telemetry.ActorInfo) bool {
		switch {
		case a.Kind == actors.KindSession:
			group.Children++
			group.Restarts += a.Restarts
		case a.Parent == "":
			roots = append(roots, told(&a))
		}
		return true
	})
	roots = append(roots, group)
	return list{len(roots), roots}
}

// search lists the actors with a text in their ID or label, ignoring case: of one kind,
// or of all kinds.
func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	const usual = 50
	wanted, ok := partOf(w, r, usual)
	if !ok {
		return
	}
	kind, text := actors.Kind(r.URL.Query().Get("kind")), fold(r.URL.Query().Get("q"))
	s.scanned(w, r, func() any {
		return s.found(wanted, func(a *telemetry.ActorInfo) bool {
			return (kind == "" || a.Kind == kind) && (contains(a.ID, text) || contains(a.Label, text))
		})
	})
}

// viewTime is how long an actor may take to tell its state. Its mailbox may be long.
const viewTime = 3 * time.Second

// actor tells everything about one actor.
func (s *Server) actor(w http.ResponseWriter, r *http.Request) {
	var known any
	done := s.ask.turn(w, r, func() { known = s.known(r.Context(), r.URL.Query().Get("id")) })
	switch {
	case !done:
	case known == nil:
		fail(w, http.StatusNotFound, "there is no such actor, or not any more")
	default:
		reply(w, known)
	}
}

// known is what is told about an actor; nil if there is no such actor.
func (s *Server) known(ctx context.Context, id string) any {
	info, view, lives := s.viewed(ctx, id)
	if !lives {
		return nil
	}
	path := []actorInfo{}
	for at, ok := info, true; ok && at.Parent != "" && len(path) < 16; {
		if at, ok = s.provider.Actor(at.Parent); ok {
			path = append([]actorInfo{told(&at)}, path...)
		}
	}
	return struct {
		Actor actorInfo       `json:"actor"`
		Path  []actorInfo     `json:"path"`
		View  json.RawMessage `json:"view"`
	}{told(&info), path, view}
}

// viewed asks an actor for its state. What is known besides comes after that: an actor that
// has just crashed answers when it has gone on, and is counted as restarted only then.
func (s *Server) viewed(ctx context.Context, id string) (info telemetry.ActorInfo, view []byte, lives bool) {
	ctx, cancel := context.WithTimeout(ctx, viewTime)
	defer cancel()
	view, err := s.provider.View(ctx, id)
	if err != nil {
		if view, err = json.Marshal(map[string]string{"error": err.Error()}); err != nil {
			view = nil
		}
	}
	info, lives = s.provider.Actor(id)
	return info, view, lives
}

type connection struct {
	ID       uint64 `json:"id"`
	User     string `json:"user"`
	From     string `json:"from"`
	Since    int64  `json:"since"`
	Requests uint64 `json:"requests"`
	Unread   int    `json:"unread"`
	Stalled  bool   `json:"stalled,omitempty"`
	Session  string `json:"session"`
}

// connections lists the connections in the order in which they began, or those that fit
// the search.
func (s *Server) connections(w http.ResponseWriter, r *http.Request) {
	offset, limit := number(r, "offset", 0, 1<<30), number(r, "limit", usualLimit, mostLimit)
	if text := fold(strings.TrimSpace(r.URL.Query().Get("search"))); text != "" {
		s.scanned(w, r, func() any {
			found := s.connectionsWith(text)
			from := min(offset, len(found))
			return someOf(found[from:min(from+limit, len(found))], len(found))
		})
		return
	}
	reply(w, someOf(s.listener.Connections(offset, limit)))
}

// someOf makes the answer for a part of the connections. Total counts all of them.
func someOf(some []transport.Connection, total int) any {
	all := make([]connection, len(some))
	for i, c := range some {
		all[i] = connection{c.ID, c.User, c.From, millis(c.Since), c.Requests, c.Unread, c.Stalled, c.Session}
	}
	return struct {
		Total       int          `json:"total"`
		Connections []connection `json:"connections"`
	}{total, all}
}

// connectionsWith lists the connections with a text in their number, user or address.
// Those whose number or user is exactly that text come first.
func (s *Server) connectionsWith(folded string) []transport.Connection {
	var its, others []transport.Connection
	all, _ := s.listener.Connections(0, math.MaxInt)
	for i := range all {
		switch c := &all[i]; {
		case strconv.FormatUint(c.ID, 10) == folded || fold(c.User) == folded:
			its = append(its, *c)
		case contains(c.User, folded) || contains(c.From, folded) || contains(strconv.FormatUint(c.ID, 10), folded):
			others = append(others, *c)
		}
	}
	return append(its, others...)
}
