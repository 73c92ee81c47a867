package inspector

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

// door decides who may come in. With a token it is everyone who has the token. Without
// one it is everyone on this machine, except pages of other sites in a browser.
type door struct {
	token  []byte // hash of the token; nil if there is none
	name   string // of the cookie. It has the port in it, since cookies know no ports and two inspectors may run on a machine
	cookie string // value of the cookie for browsers that have shown the token; valid until the inspector ends
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
		d.token, d.cookie = hashed(token), rand.Text()
	}
	return d
}

// hashed makes all tokens equally long, so that comparing them does not tell the length.
func hashed(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// check passes on only the requests of those who may come in.
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
			if d.try(w, r, d.shownToken(r), true) {
				d.welcome(w, r)
			}
		default:
			unauthorized(w)
		}
	})
}

// letIn marks a request as let in. Before that its connection may be closed to make room
// for others, and ends with the answer. A client that is let in may keep the connection,
// unless its request has a body, which may not have been read.
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

// shown tells whether the address of the page has a token in it.
func shown(r *http.Request) bool { return r.URL.Path == "/" && r.URL.Query().Has("token") }

// shownToken is the token in the address of the page. A plus in it may be one, as people
// paste it there (tokens in base64 have some), or a space, as in what a form makes.
func (d *door) shownToken(r *http.Request) string {
	pasted, _ := url.ParseQuery(strings.ReplaceAll(r.URL.RawQuery, "+", "%2B")) // what is malformed is left out
	if token := pasted.Get("token"); d.right(token) {
		return token
	}
	return r.URL.Query().Get("token")
}

func (d *door) right(token string) bool {
	return subtle.ConstantTimeCompare(hashed(token), d.token) == 1
}

// knows tells whether the browser has the cookie, that is, has shown the token before.
func (d *door) knows(r *http.Request) bool {
	cookie, err := r.Cookie(d.name)
	return err == nil && subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(d.cookie)) == 1
}

// try checks a token. The right one is always accepted, even if others at the same
// address have tried wrong ones. After too many wrong ones the answer is to wait.
func (d *door) try(w http.ResponseWriter, r *http.Request, token string, wellFormed bool) (right bool) {
	if wellFormed && d.right(token) {
		return true
	}
	from := addressOf(r.RemoteAddr)
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

// welcome gives the browser its cookie, and removes the token from the address line. The
// cookie is Lax and not Strict, since a Strict one would not be sent when a link on
// another site is followed, which is how people pass on addresses of the page.
func (d *door) welcome(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{
		Name: d.name, Value: d.cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// sameSite refuses requests that pages of other sites make a browser send. It looks at
// the Host header if there is no token (another site's name may be set to this machine's
// address), at the origin, and at what the browser says about the site.
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

// foreign tells whether a page of another site, or a part of one, sends the request.
// Following a link to the page is allowed. What the browser says counts first, since a
// proxy may change the Host header.
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

// ownHost tells whether a host name always means the machine itself.
func ownHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// addressOf is the address that limits count for an address with a port: an IPv4 address,
// or the first 64 bits of an IPv6 address.
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

// wrongTries limits the wrong tokens from one address: triesAtOnce, and then one each
// tryEvery. It remembers at most mostAddress addresses.
type wrongTries struct {
	now func() time.Time

	mu    sync.Mutex
	until map[netip.Addr]time.Time // when all wrong tries of the address are forgotten
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
	until := t.until[from]
	if until.Before(now) {
		until = now
	}
	t.until[from] = until.Add(tryEvery)
}

// forget makes room: it drops the addresses whose time is over, and also some others if
// too many remain.
func (t *wrongTries) forget(now time.Time) {
	kept := map[netip.Addr]time.Time{}
	for addr, until := range t.until {
		if until.After(now) && len(kept) < mostAddress/2 {
			kept[addr] = until
		}
	}
	t.until = kept
}
