package inspector

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// door decides who comes in. With a token it is who has that; without one whoever is
// on this machine, but no page of another site in his browser.
type door struct {
	token  []byte // hashed; nil for none
	name   string // of the cookie: cookies know no ports, and there may be two on a machine
	cookie string // what a browser that has shown the token is known by, until the end
	wrong  wrongTries
	cross  *http.CrossOriginProtection
}

const cookieName = "elemental-inspector"

func newDoor(token string, at net.Addr) *door {
	d := &door{name: cookieName, cross: http.NewCrossOriginProtection(), wrong: wrongTries{now: time.Now}}
	if _, port, err := net.SplitHostPort(at.String()); err == nil {
		d.name += "-" + port
	}
	if token != "" {
		d.token = hashed(token)
		key := make([]byte, sha256.Size)
		_, _ = rand.Read(key) // it never fails
		sum := hmac.New(sha256.New, key)
		sum.Write(d.token)
		d.cookie = base64.RawURLEncoding.EncodeToString(sum.Sum(nil))
	}
	return d
}

// hashed makes tokens of one length, so that comparing them tells nothing of theirs.
func hashed(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// check lets in who may come in.
func (d *door) check(next http.Handler) http.Handler {
	next = letIn(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case d.token == nil:
			next.ServeHTTP(w, r)
		case d.knows(r) && shown(r):
			http.Redirect(w, r, "/", http.StatusSeeOther)
		case d.knows(r):
			next.ServeHTTP(w, r)
		case r.Header.Get("Authorization") != "":
			scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			if d.try(w, r, strings.TrimLeft(token, " "), strings.EqualFold(scheme, "Bearer")) {
				next.ServeHTTP(w, r)
			}
		case shown(r):
			if d.try(w, r, r.URL.Query().Get("token"), true) {
				d.welcome(w, r)
			}
		default:
			unauthorized(w)
		}
	})
}

// letIn is the way in. Until there a connection makes room if need be, and ends with the
// answer; who is let in may keep it, but with a body, which may not have been read.
func letIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		let(r, true)
		defer let(r, false)
		if r.ContentLength == 0 {
			w.Header().Del("Connection")
		} else if r.Method != http.MethodPost {
			fail(w, http.StatusBadRequest, "only a POST has a body")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// shown tells whether a token is in the address line.
func shown(r *http.Request) bool { return r.URL.Path == "/" && r.URL.Query().Has("token") }

// knows tells whether a browser has shown the token before.
func (d *door) knows(r *http.Request) bool {
	cookie, err := r.Cookie(d.name)
	return err == nil && subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(d.cookie)) == 1
}

// try compares a token that is shown. The right one always comes in, whoever else is at that
// address; who has shown too many wrong ones is told to wait.
func (d *door) try(w http.ResponseWriter, r *http.Request, token string, wellFormed bool) (right bool) {
	if wellFormed && subtle.ConstantTimeCompare(hashed(token), d.token) == 1 {
		return true
	}
	from := remote(r)
	if !d.wrong.mayTry(from) {
		w.Header().Set("Retry-After", "2")
		fail(w, http.StatusTooManyRequests, "too many wrong tokens")
		return false
	}
	d.wrong.note(from)
	unauthorized(w)
	return false
}

func unauthorized(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="elemental"`)
	fail(w, http.StatusUnauthorized, "a token is needed")
}

// welcome gives a browser its cookie, and takes the token out of its address line. Strict,
// the cookie would not come along when a link of another site is followed, and that is how
// addresses of the page are passed on.
func (d *door) welcome(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{
		Name: d.name, Value: d.cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// sameSite refuses what pages of other sites have a browser send: by the Host when
// there is no token (a name of theirs may be this machine's address), by the origin,
// and by what browsers tell of the site.
func (d *door) sameSite(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case d.token == nil && !ownHost(hostOf(r.Host)):
			fail(w, http.StatusForbidden, "the Host header is not this machine's own")
		case d.cross.Check(r) != nil, foreign(r):
			fail(w, http.StatusForbidden, "another site's page may not ask this")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// foreign tells whether a page of another site asks, or a part of it. To follow a link is fine.
// The browser knows best: a proxy may ask with another Host than it was asked with.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "cross-site", "same-site":
		return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.URL.Path != "/"
	}
	origin := r.Header.Get("Origin")
	return origin != "" && origin != "http://"+r.Host && origin != "https://"+r.Host
}

func hostOf(hostPort string) string {
	if host, _, err := net.SplitHostPort(hostPort); err == nil {
		return host
	}
	return strings.Trim(hostPort, "[]")
}

// ownHost tells whether a name is this machine's for itself.
func ownHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

func remote(r *http.Request) netip.Addr { return addressOf(r.RemoteAddr) }

// addressOf is whom an address with a port counts for.
func addressOf(text string) netip.Addr {
	addr, err := netip.ParseAddrPort(text)
	if err != nil {
		return netip.Addr{}
	}
	if ip := addr.Addr().Unmap(); ip.Is4() {
		return ip
	}
	return netip.PrefixFrom(addr.Addr().WithZone(""), 64).Masked().Addr()
}

// wrongTries bounds the wrong tokens of an address: so many at once, and then one in a
// while. It remembers a bounded number of addresses, the newest.
type wrongTries struct {
	now func() time.Time

	mu    sync.Mutex
	until map[netip.Addr]time.Time // when all are forgotten
}

const (
	triesAtOnce = 10
	tryEvery    = 2 * time.Second
	mostAddress = 4096
)

func (t *wrongTries) mayTry(from netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.until[from].Sub(t.now()) <= (triesAtOnce-1)*tryEvery
}

func (t *wrongTries) note(from netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if t.until == nil || len(t.until) >= mostAddress {
		t.forget(now)
	}
	t.until[from] = later(t.until[from], now).Add(tryEvery)
}

// forget makes room: of those whose time is over, or of all.
func (t *wrongTries) forget(now time.Time) {
	kept := map[netip.Addr]time.Time{}
	for addr, until := range t.until {
		if until.After(now) && len(kept) < mostAddress/2 {
			kept[addr] = until
		}
	}
	t.until = kept
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
