package actors_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"elemental/actors"
	"elemental/actors/telemetry"
	"elemental/transport/housetest"
)

// slowHasher is one that waits where the test says so.
type slowHasher struct {
	actors.Hasher
	gate *sync.RWMutex
}

func (h slowHasher) Hash(password string) (string, error) {
	h.gate.RLock()
	defer h.gate.RUnlock()
	return h.Hasher.Hash(password)
}

func (h slowHasher) Match(password, phc string) (bool, error) {
	h.gate.RLock()
	defer h.gate.RUnlock()
	return h.Hasher.Match(password, phc)
}

// gallery collects the views of all actors, by kind.
type gallery struct {
	t       *testing.T
	house   *housetest.House
	secrets []string
	mu      sync.Mutex
	seen    map[actors.Kind]map[string]any // the last of each actor, by ID
}

// look asks each actor for its state, and holds that to the secrets.
func (g *gallery) look() {
	p := g.house.Provider
	p.Actors(func(i telemetry.ActorInfo) bool {
		text, err := p.View(g.t.Context(), i.ID)
		if errors.Is(err, telemetry.ErrNoActor) || g.t.Context().Err() != nil {
			return true // it has gone
		}
		var view any
		if err == nil {
			err = json.Unmarshal(text, &view)
		}
		if err != nil {
			g.t.Errorf("%s: %v", i.ID, err)
			return true
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if found := housetest.Leaks(append(text, fmt.Sprint(i)...), g.secrets...); found != nil {
			g.t.Errorf("%s shows %v: %s", i.ID, found, text)
		}
		if g.seen[i.Kind] == nil {
			g.seen[i.Kind] = map[string]any{}
		}
		g.seen[i.Kind][i.ID] = view
		return true
	})
}

// value finds a value in a view by the names on the way to it, nil for none.
func (g *gallery) value(kind actors.Kind, id string, names ...string) any {
	v := g.seen[kind][id]
	for _, name := range names {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

// TestNoViewHasASecret plants secrets wherever a client can, also in what is under way,
// while all actors are looked at all the time.
func TestNoViewHasASecret(t *testing.T) {
	password, fresh, server, text := housetest.Secret("user"), housetest.Secret("new"), housetest.Secret("server"), housetest.Secret("text")
	var gate sync.RWMutex
	h := housetest.New(t, housetest.Settings{Actor: func(c *actors.Config) {
		c.Inspect, c.Deadline, c.HashWorkers = true, time.Minute, 1
		c.NewHasher = func(here actors.Argon2id) actors.Hasher { return slowHasher{here, &gate} }
	}})
	g := &gallery{t: t, house: h, secrets: []string{password, fresh, server, text}, seen: map[actors.Kind]map[string]any{}}
	over, looked := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(looked)
		for {
			select {
			case <-over:
				return
			default:
				g.look()
			}
		}
	}()
	alice := h.Dial()
	alice.Yes(`{"call":"register","usernm":"alice","passwd":%q}`, password)
	key := alice.Yes(`{"call":"login","usernm":"alice","passwd":%q}`, password)["key"].(string)
	g.mu.Lock()
	g.secrets = append(g.secrets, key)
	g.mu.Unlock()
	alice.Yes(`{"call":"createserver","servername":"s","serverpasswd":%q}`, server)
	for i := range 30 {
		alice.Yes(`{"call":"message","servername":"s","channel":"general","msg":%q,"nonce":"n%d"}`, text, i)
	}
	alice.Ask(`{"call":"joinserver","servername":"s","serverpasswd":%q}`, server+"x")
	gate.Lock() // from here on what needs a hash is under way
	bob := h.Dial()
	bob.Yes(`{"call":"getprovidername"}`) // or the next one may have its session before
	carol := h.Dial()
	bob.Write(fmt.Sprintf(`{"call":"register","usernm":"bob","passwd":%q}`, password))
	carol.Write(fmt.Sprintf(`{"call":"login","usernm":"alice","passwd":%q}{"call":"ping"}`, password))
	alice.Write(fmt.Sprintf(`{"call":"changepasswd","passwd":%q,"newpasswd":%q}`, password, fresh))
	waitFor(t, func() bool {
		g.look()
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.value(actors.KindUser, "provider/users/alice", "hashing") == 2.0 && g.value(actors.KindUser, "provider/users/bob", "hashing") == 1.0 &&
			g.value(actors.KindSession, "conn/3", "waiting", "count") == 1.0 // the ping comes behind
	})
	g.look()
	close(over)
	<-looked
	g.checkContents()
	gate.Unlock()
	for range 2 {
		carol.Next()
	}
	fresher := alice.Next()["key"].(string)
	g.secrets = append(g.secrets, fresher)
	g.look()
	if got := g.value(actors.KindUser, "provider/users/alice", "keys"); got != 1.0 {
		t.Errorf("%v keys after the change of the password", got)
	}
}

// checkContents sees that the views say what is true.
func (g *gallery) checkContents() {
	g.t.Helper()
	const s, alice = "provider/servers/s", "provider/users/alice"
	channel := ""
	for id := range g.seen[actors.KindChannel] {
		channel = id
	}
	for _, tt := range []struct {
		kind  actors.Kind
		id    string
		names string
		want  any
	}{
		{actors.KindProvider, "provider", "writable", true},
		{actors.KindDirectory, "provider/users", "children count", 2.0},
		{actors.KindDirectory, "provider/servers", "of", "server"},
		{actors.KindRouter, "provider/router", "sessions count", 1.0},
		{actors.KindPersistence, "provider/persistence", "writable", true},
		{actors.KindPasswords, "provider/passwords", "most", 256.0},
		{actors.KindUser, alice, "timesLoggedIn", 1.0},
		{actors.KindUser, alice, "servers count", 1.0},
		{actors.KindUser, alice, "durable phase", "ready"},
		{actors.KindServer, s, "hasPassword", true},
		{actors.KindServer, s, "owner", "alice"},
		{actors.KindServer, s, "members first", []any{"alice"}},
		{actors.KindChannel, channel, "total", 30.0},
		{actors.KindChannel, channel, "durable committed", 30.0},
		{actors.KindChannel, channel, "nonces", 30.0},
		{actors.KindSession, "conn/1", "user", "alice"},
		{actors.KindSession, "conn/1", "from", "127.0.0.1"},
		{actors.KindSession, "conn/3", "flying count", 1.0},
		{actors.KindSession, "conn/3", "waiting first", []any{"Ping"}},
	} {
		if got := g.value(tt.kind, tt.id, strings.Fields(tt.names)...); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			g.t.Errorf("%s: %s is %v, not %v", tt.id, tt.names, got, tt.want)
		}
	}
	newest, _ := g.value(actors.KindChannel, channel, "newest", "first").([]any)
	if len(newest) != 10 {
		g.t.Fatalf("%d messages are shown", len(newest))
	}
	if first := newest[0].(map[string]any); first["index"] != 29.0 || first["author"] != "alice" || first["bytes"] != float64(len(g.secrets[3])) {
		g.t.Errorf("the newest messages are shown as %v", newest)
	}
}

// waitFor waits for what comes soon.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for begun := time.Now(); !done(); time.Sleep(time.Millisecond) { // a pace for looking
		if time.Since(begun) > time.Minute {
			t.Fatal("it does not come")
		}
	}
}

// TestViewsAreShort makes more of everything than is shown.
func TestViewsAreShort(t *testing.T) {
	h := housetest.New(t, housetest.Settings{Actor: func(c *actors.Config) { c.Inspect = true }})
	alice := h.Founder()
	const many = 120
	for i := range many {
		alice.Yes(`{"call":"createchannel","servername":"s","name":"c%d"}`, i)
		alice.Yes(`{"call":"createserver","servername":"s%d","serverpasswd":""}`, i)
		alice.Yes(`{"call":"subscribe","servername":"s%d"}`, i)
	}
	g := &gallery{t: t, house: h, seen: map[actors.Kind]map[string]any{}}
	g.look()
	lists := 0
	var walk func(id string, v any)
	walk = func(id string, v any) {
		switch v := v.(type) {
		case map[string]any:
			first, short := v["first"].([]any)
			if short && v["count"].(float64) >= many {
				if lists++; len(first) != 50 {
					t.Errorf("%s shows %d", id, len(first))
				}
			}
			for _, each := range v {
				walk(id, each)
			}
		case []any:
			for _, each := range v {
				walk(id, each)
			}
		}
	}
	for _, views := range g.seen {
		for id, view := range views {
			walk(id, view)
		}
	}
	if lists != 4 { // alice's servers, the server's channels, the directory's children, the router's topics
		t.Errorf("%d long lists are shown", lists)
	}
	if kinds := len(g.seen); kinds != 8 || slices.Contains([]int{0}, len(g.seen[actors.KindServer])) {
		t.Errorf("%d kinds are seen", kinds)
	}
}
