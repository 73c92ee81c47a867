package drive

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"

	"elemental/cmd/elemental-load/wire"
	"elemental/protocol"
)

// Dialer makes a dialer for a run that holds that many connections at once. The error says
// why there cannot be so many.
func (r *Reach) Dialer(connections int) (*wire.Dialer, error) {
	address, err := netip.ParseAddrPort(r.Address)
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	sources, err := wire.SourcesFor(address.Addr(), connections, r.Sources)
	if err != nil {
		return nil, err
	}
	secure, err := r.secure()
	if err != nil {
		return nil, err
	}
	return &wire.Dialer{Address: address, Sources: sources, TLS: secure, Timeout: r.Timeout}, nil
}

func (r *Reach) secure() (*tls.Config, error) {
	if !r.TLS {
		return nil, nil
	}
	config := &tls.Config{ServerName: r.ServerName, InsecureSkipVerify: r.Insecure} //nolint:gosec // the user's choice
	if r.CA == "" {
		return config, nil
	}
	pem, err := os.ReadFile(r.CA)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("certificates: %s has none", r.CA)
	}
	return config, nil
}

// refused is the provider's refusal of a request that the run cannot do without.
type refused struct{ call, code, reason string }

func (r *refused) Error() string { return fmt.Sprintf("%s: %s", r.call, r.reason) }

func codeOf(err error) string {
	if r, is := errors.AsType[*refused](err); is {
		return r.code
	}
	return ""
}

// passing are the codes of refusals after which the same request may soon succeed.
var passing = map[string]bool{"busy": true, "too_often": true, "too_many_logins": true}

// passes tells whether a request of the preparation or the check is made again after an error.
// Of these requests none does harm if it was done already.
func passes(err error) bool {
	code := codeOf(err)
	return passing[code] || code == "storage_unavailable" || code == outcomeUnknown
}

// errNoAnswer ends a connection on which the provider owes an answer for too long.
var errNoAnswer = errors.New("no answer in time")

// insist repeats a request, with growing pauses, while the refusal is a passing one. It
// gives up after timeout and returns the last refusal then.
func insist(ctx context.Context, c *wire.Conn, r *protocol.Request, timeout time.Duration) (a *wire.Answer, err error) {
	err = patiently(ctx, timeout, passes, func() (err error) {
		a, err = ask(c, r, timeout)
		return err
	})
	return a, err
}

// build is insist for a request that makes something under a name of this run. If it is
// there already, a try without an answer has made it.
func build(ctx context.Context, c *wire.Conn, r *protocol.Request, timeout time.Duration) error {
	_, err := insist(ctx, c, r, timeout)
	switch codeOf(err) {
	case "user_exists", "server_exists", "channel_exists":
		return nil
	}
	return err
}

// patiently tries something again, with growing pauses, while its error passes. It gives
// up after timeout and returns the last error then.
func patiently(ctx context.Context, timeout time.Duration, passes func(error) bool, try func() error) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 50*time.Millisecond, 2*time.Second
	for begun := time.Now(); ; {
		err := try()
		if err == nil || !passes(err) || time.Since(begun) > timeout {
			return err
		}
		if err := sleep(ctx, pauses.NextBackOff()); err != nil {
			return err
		}
	}
}

// ask sends a request once. If no answer comes within timeout, it ends the connection.
func ask(c *wire.Conn, r *protocol.Request, timeout time.Duration) (*wire.Answer, error) {
	late := time.AfterFunc(timeout, func() { c.End(errNoAnswer) })
	defer late.Stop()
	a := c.Ask(r)
	return a, problem(r.Call.Value, a)
}

// StillThere returns nil if the provider answers, even with a refusal. A run that has no
// history to read back and nothing to remove would not notice otherwise that the provider
// is gone.
func StillThere(ctx context.Context, w *World) error {
	d, err := w.Reach.Dialer(0)
	if err != nil {
		return err
	}
	c, err := d.Dial(ctx, wire.Nobody{})
	if err == nil {
		defer c.Close()
		_, err = ask(c, &protocol.Request{Call: protocol.String("getprovidername")}, w.Reach.Timeout)
	}
	if _, no := errors.AsType[*refused](err); err == nil || no || isLastWord(err) { // a full provider, for example
		return nil
	}
	return fmt.Errorf("the provider is not there any more: %w", err)
}

// problem is the error of an answer, or nil for a success.
func problem(call string, a *wire.Answer) error {
	switch {
	case a.Err != nil:
		return fmt.Errorf("%s: %w", call, a.Err)
	case !a.OK:
		return &refused{call, a.Code, a.Reason}
	}
	return nil
}

// request makes a request of a user. The original provider needs the user's name in each
// one.
func (w *World) request(call, user string) *protocol.Request {
	r := &protocol.Request{Call: protocol.String(call)}
	if w.Original {
		r.Usernm = protocol.String(user)
	}
	return r
}

func (w *World) inServer(call, user, server string) *protocol.Request {
	r := w.request(call, user)
	r.ServerName = protocol.String(server)
	return r
}

func (w *World) inChannel(call, user, server, channel string) *protocol.Request {
	r := w.inServer(call, user, server)
	r.Channel = protocol.String(channel)
	return r
}

// login makes an account's login request: with the key if there is one, since that costs
// the provider no password hash, otherwise with the password.
func (w *World) login(a Account) *protocol.Request {
	r := &protocol.Request{Call: protocol.String("login"), Usernm: protocol.String(a.Name)}
	if a.Key != "" {
		r.Key = protocol.String(a.Key)
	} else {
		r.Passwd = protocol.String(w.Password)
	}
	return r
}

// keyIsOld tells whether a login was refused because the key is too old or wrong. The
// password may still be good.
func keyIsOld(err error) bool {
	code := codeOf(err)
	return code == "key_too_old" || code == "wrong_key"
}

// visit opens a connection that is logged in as the account. It ends when the context
// does, or when the caller closes it. If the provider takes no more connections, visit
// waits for a place: those that were closed a moment ago may still count.
func (w *World) visit(ctx context.Context, d *wire.Dialer, a Account) (c *wire.Conn, err error) {
	err = patiently(ctx, w.Reach.Timeout, isFull, func() (err error) {
		c, err = w.enter(ctx, d, a)
		return err
	})
	return c, err
}

// enter is visit without the wait.
func (w *World) enter(ctx context.Context, d *wire.Dialer, a Account) (*wire.Conn, error) {
	c, err := d.Dial(ctx, wire.Nobody{})
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { c.End(ctx.Err()) })
	_, err = insist(ctx, c, w.login(a), w.Reach.Timeout)
	if keyIsOld(err) {
		_, err = insist(ctx, c, w.login(Account{Name: a.Name}), w.Reach.Timeout)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// isFull tells whether the provider may have turned a connection away because it has as
// many as it takes. It says so in place of an answer, or before it is asked anything; with
// TLS it only closes the connection.
func isFull(err error) bool {
	const code = "too_many_connections"
	var word *wire.Ended
	return codeOf(err) == code || errors.As(err, &word) && word.Code == code ||
		errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
}
