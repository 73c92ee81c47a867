package actors

import (
	"crypto/subtle"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
)

// user is one account: password, session keys, joined servers. Sessions send it
// register, login, loginByKey, logout, changePassword and joinedServers. Servers
// send it membershipChanged: membership is theirs, and the list here follows.
// Everything survives a restart except password hashing under way.

// The commands. The comment behind each names the sender and the reply, which goes
// out once what it says is on disk.
type (
	register struct { // from a session; Done
		Caller
		User, Password string
		Wrong          Code // with the password
	}
	login struct { // from a session; LoggedIn with a new key
		Caller
		User, Password string
	}
	loginByKey struct { // from a session; LoggedIn with the same key
		Caller
		User, Key string
	}
	logout struct { // from a session; Done, the key has ended
		Caller
		User, Key string
	}
	changePassword struct { // from a session; LoggedIn with the only valid key
		Caller
		User, Password, New string
	}
	joinedServers struct { // from a session; Servers
		Caller
		User string
		Auto bool // the session subscribes to them by itself: no client gets the list
	}
	// membershipChanged comes from a server once its own event is on disk, and again
	// from time to time until membershipNoted says that it is on disk here too.
	membershipChanged struct {
		User, Server string
		Incarnation  uint64
		Member       bool
		Word         uint64 // the message's number
	}
)

func (m *register) entity() (Kind, string)          { return KindUser, m.User }
func (m *login) entity() (Kind, string)             { return KindUser, m.User }
func (m *loginByKey) entity() (Kind, string)        { return KindUser, m.User }
func (m *logout) entity() (Kind, string)            { return KindUser, m.User }
func (m *changePassword) entity() (Kind, string)    { return KindUser, m.User }
func (m *joinedServers) entity() (Kind, string)     { return KindUser, m.User }
func (m *membershipChanged) entity() (Kind, string) { return KindUser, m.User }

// The events. Times are seconds since 1970.
type (
	registered struct {
		Password string `json:"password"` // PHC string
	}
	loggedIn struct { // by password (a new key) or by key (its life begins anew)
		Key string `json:"key"` // its SHA-256
		At  int64  `json:"at"`
	}
	loggedOut struct {
		Key string `json:"key"`
	}
	passwordChanged struct {
		Password string `json:"password"`
		Key      string `json:"key"`
		At       int64  `json:"at"`
	}
	joined struct {
		Server      string `json:"server"`
		Incarnation uint64 `json:"incarnation"`
	}
	left joined
)

// account is the state, and the snapshot.
type account struct {
	Exists        bool         `json:"exists"`
	Password      string       `json:"password"`
	TimesLoggedIn int          `json:"timesloggedin"`
	Servers       []joined     `json:"joinedservers"` // filled in only for the snapshot
	Keys          []sessionKey `json:"keys"`

	servers ordered[joined]
}

func (j joined) called() string { return j.Server }

type sessionKey struct {
	Hash string `json:"hash"`
	Used int64  `json:"used"`
}

// maxKeys limits the keys of an account. The one that was not used for longest goes first.
const maxKeys = 256

func (a *account) apply(event any) {
	switch e := event.(type) {
	case registered:
		a.Exists, a.Password = true, e.Password
	case loggedIn:
		a.TimesLoggedIn++
		a.useKey(e.Key, e.At)
	case loggedOut:
		a.Keys = slices.DeleteFunc(a.Keys, func(k sessionKey) bool { return k.Hash == e.Key })
	case passwordChanged:
		a.Password = e.Password
		a.Keys = []sessionKey{{Hash: e.Key, Used: e.At}}
	case joined:
		a.servers.put(e)
	case left:
		if a.servers.get(e.Server) == joined(e) {
			a.servers.remove(e.Server)
		}
	}
}

// useKey keeps the keys in the order of their last use.
func (a *account) useKey(hash string, at int64) {
	a.Keys = slices.DeleteFunc(a.Keys, func(k sessionKey) bool { return k.Hash == hash })
	if len(a.Keys) >= maxKeys {
		a.Keys = slices.Delete(a.Keys, 0, len(a.Keys)-maxKeys+1)
	}
	a.Keys = append(a.Keys, sessionKey{Hash: hash, Used: at})
}

// checkKey tells why a session key is refused; "" if it is valid. The clock may have been
// set since the key was used. So a key also ends if its last use lies further in the future
// than a key lives: no key lives longer than twice its lifetime, however the clock was set.
func (a *account) checkKey(hash string, now time.Time, lifetime time.Duration) Code {
	for _, k := range a.Keys {
		if subtle.ConstantTimeCompare([]byte(k.Hash), []byte(hash)) == 1 {
			if now.Sub(time.Unix(k.Used, 0)).Abs() > lifetime {
				return KeyTooOld
			}
			return ""
		}
	}
	return WrongKey
}

// news tells whether a change of membership changes this list.
func (a *account) news(m *membershipChanged) bool {
	known := a.servers.get(m.Server).Incarnation // 0 without one: incarnations begin at 1
	if m.Member {
		return known < m.Incarnation
	}
	return known == m.Incarnation
}

type user struct {
	durable
	name    string
	account account
}

func newUser(n *node, name string) *user {
	u := &user{name: name}
	u.durable = durable{node: n, kind: KindUser, entity: u, stream: persistence.StreamOf("users", name)}
	return u
}

func (u *user) command(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case *register:
		u.onRegister(ctx, m)
	case *login:
		u.onLogin(ctx, m)
	case *loginByKey:
		u.onLoginByKey(ctx, m)
	case *logout:
		u.onLogout(ctx, m)
	case *changePassword:
		u.onChangePassword(ctx, m)
	case *joinedServers:
		u.onJoinedServers(ctx, m)
	case *membershipChanged:
		u.onMembershipChanged(ctx, m)
	case *hashDone:
		u.onHashDone(ctx, m)
	case *persistence.SnapshotSaved:
		u.onSaved(ctx, m)
	case *rest:
		u.onRest(ctx)
	default:
		u.node.unexpected(ctx)
	}
}

func (u *user) onRegister(ctx actor.Context, m *register) {
	switch {
	case u.account.Exists:
		u.refuse(ctx, m.Caller, UserExists)
	case m.Wrong != "":
		u.refuse(ctx, m.Caller, m.Wrong)
	case !u.writable():
		u.refuse(ctx, m.Caller, StorageDown)
	default:
		u.hash(ctx, hashing{command: m, first: true}, hashWork{Password: m.Password})
	}
}

func (u *user) onLogin(ctx actor.Context, m *login) {
	u.compare(ctx, m, m.Password, u.account.Password)
}

func (u *user) onLoginByKey(ctx actor.Context, m *loginByKey) {
	hash := hashKey(m.Key)
	code := u.account.checkKey(hash, u.node.wall(), u.node.cfg.KeyLifetime)
	switch {
	case !u.account.Exists && !u.node.cfg.HideUsers:
		u.refuse(ctx, m.Caller, NoSuchUser)
	case code != "":
		u.refuse(ctx, m.Caller, code)
	case !u.writable():
		u.refuse(ctx, m.Caller, StorageDown)
	default:
		u.commit(ctx, "loggedIn", loggedIn{Key: hash, At: u.node.wall().Unix()})
		u.reply(ctx, m.Caller, LoggedIn{User: u.name, Key: m.Key})
	}
}

func (u *user) onLogout(ctx actor.Context, m *logout) {
	if !u.writable() {
		u.refuse(ctx, m.Caller, StorageDown)
		return
	}
	u.commit(ctx, "loggedOut", loggedOut{Key: hashKey(m.Key)})
	u.reply(ctx, m.Caller, Done{})
}

func (u *user) onChangePassword(ctx actor.Context, m *changePassword) {
	u.compare(ctx, m, m.Password, u.account.Password)
}

func (u *user) onJoinedServers(ctx actor.Context, m *joinedServers) {
	if !m.Auto && !u.account.servers.fits(u.node.cfg.AnswerBytes) {
		u.refuse(ctx, m.Caller, ListTooLong)
		return
	}
	names := make([]string, u.account.servers.len())
	for i, s := range u.account.servers.all() {
		names[i] = s.Server
	}
	u.reply(ctx, m.Caller, Servers{Names: names})
}

func (u *user) onMembershipChanged(ctx actor.Context, m *membershipChanged) {
	if u.account.Exists && u.account.news(m) {
		if m.Member {
			u.commit(ctx, "joined", joined{m.Server, m.Incarnation})
		} else {
			u.commit(ctx, "left", left{m.Server, m.Incarnation})
		}
	}
	u.say(ctx, nil, (*membershipNoted)(m))
}

func (u *user) onHashDone(ctx actor.Context, m *hashDone) {
	if u.takeHash(ctx, m, u.account.Password, u.hashed) {
		u.leaveIfNobody(ctx)
	}
}

func (u *user) hashed(ctx actor.Context, h hashing, m *hashDone) {
	switch c := h.command.(type) {
	case *register:
		u.finishRegister(ctx, c, m.Hash)
	case *login:
		u.finishLogin(ctx, c, m.Match)
	case *changePassword:
		u.finishChangePassword(ctx, c, h.matched, m)
	}
}

func (u *user) finishRegister(ctx actor.Context, m *register, hash string) {
	switch {
	case u.account.Exists: // two registered at the same time; whose password was hashed first has the name
		u.refuse(ctx, m.Caller, UserExists)
	case !u.writable():
		u.refuse(ctx, m.Caller, StorageDown)
	default:
		u.commit(ctx, "registered", registered{Password: hash})
		u.reply(ctx, m.Caller, Done{})
	}
}

func (u *user) finishLogin(ctx actor.Context, m *login, match bool) {
	switch {
	case !u.account.Exists && !u.node.cfg.HideUsers:
		u.refuse(ctx, m.Caller, NoSuchUser)
	case !u.account.Exists || !match:
		u.refuse(ctx, m.Caller, WrongPassword)
	case !u.writable():
		u.refuse(ctx, m.Caller, StorageDown)
	default:
		key := newKey()
		u.commit(ctx, "loggedIn", loggedIn{Key: hashKey(key), At: u.node.wall().Unix()})
		u.reply(ctx, m.Caller, LoggedIn{User: u.name, Key: key})
	}
}

func (u *user) finishChangePassword(ctx actor.Context, m *changePassword, matched bool, done *hashDone) {
	switch {
	case !matched && !done.Match:
		u.refuse(ctx, m.Caller, WrongPassword)
	case !u.writable():
		u.refuse(ctx, m.Caller, StorageDown)
	case !matched:
		u.hash(ctx, hashing{command: m, compare: u.account.Password, matched: true}, hashWork{Password: m.New})
	default:
		key := newKey()
		u.commit(ctx, "passwordChanged", passwordChanged{Password: done.Hash, Key: hashKey(key), At: u.node.wall().Unix()})
		u.reply(ctx, m.Caller, LoggedIn{User: u.name, Key: key})
	}
}

func (u *user) called() string { return u.name }

// weight is roughly the memory of the actor, its keys, and its list of servers.
func (u *user) weight() int { return 2<<10 + 128*len(u.account.Keys) + 128*u.account.servers.len() }

func (u *user) idle() bool { return u.settled() && len(u.hashing) == 0 }

// commit applies an event and gives it to the journal.
func (u *user) commit(ctx actor.Context, eventType string, event any) {
	u.account.apply(event)
	u.recordJSON(ctx, eventType, event)
}

func (u *user) reset() { u.account = account{} }

func (u *user) rejected(actor.Context, uint64, Code) {}

func (u *user) abandoned(ctx actor.Context) { u.refuseHashing(ctx) }

func (u *user) stopping(actor.Context) {}

func (u *user) restore(snapshot []byte) (err error) {
	u.account, err = decode[account](snapshot)
	for _, s := range u.account.Servers {
		u.account.servers.put(s)
	}
	u.account.Servers = nil
	return err
}

func (u *user) replay(e persistence.Event) error {
	event, err := decodeEvent(userEvents, e)
	if err == nil {
		u.account.apply(event)
	}
	return err
}

func (u *user) recovered(ctx actor.Context) { u.leaveIfNobody(ctx) }

// leaveIfNobody ends the actor of an account that does not exist. While a password is being
// hashed, such as that of a login, it stays.
func (u *user) leaveIfNobody(ctx actor.Context) {
	if !u.account.Exists {
		ctx.Send(ctx.Parent(), &vacant{name: u.name})
	}
}

func (u *user) snapshot(s *persistence.SaveSnapshot) {
	state := u.account
	state.Servers = u.account.servers.all()
	s.State = mustJSON(state)
}

// userEvents reads each event type of a user's stream.
var userEvents = map[string]func([]byte) (any, error){
	"registered":      eventDecoder[registered],
	"loggedIn":        eventDecoder[loggedIn],
	"loggedOut":       eventDecoder[loggedOut],
	"passwordChanged": eventDecoder[passwordChanged],
	"joined":          eventDecoder[joined],
	"left":            eventDecoder[left],
}

// userView is a user's view. Of the keys it only shows how many there are.
type userView struct {
	Durable       durableView     `json:"durable"`
	Name          string          `json:"name"`
	Exists        bool            `json:"exists"`
	TimesLoggedIn int             `json:"timesLoggedIn"`
	Keys          int             `json:"keys"`
	Servers       few[joinedView] `json:"servers"`
	Hashing       int             `json:"hashing"` // commands that wait for the hash of a password
}

type joinedView struct {
	Server      string `json:"server"`
	Incarnation uint64 `json:"incarnation"`
}

func (u *user) view() any {
	return userView{
		Durable: u.common(), Name: u.name, Exists: u.account.Exists, TimesLoggedIn: u.account.TimesLoggedIn,
		Keys: len(u.account.Keys), Hashing: len(u.hashing),
		Servers: fewOf(u.account.servers.all(), func(j joined) joinedView { return joinedView(j) }),
	}
}
