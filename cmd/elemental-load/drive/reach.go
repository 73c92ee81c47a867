package drive

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/cenkalti/backoff/v5"

	"elemental/cmd/elemental-load/wire"
	"elemental/protocol"
)

// Dialer makes the dialer for that many connections.
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

// refused is a provider's no to something that the run cannot do without.
type refused struct{ call, code, reason string }

func (r *refused) Error() string { return fmt.Sprintf("%s: %s", r.call, r.reason) }

func codeOf(err error) string {
	var r *refused
	if errors.As(err, &r) {
		return r.code
	}
	return ""
}

// passing are the refusals after which the same request may succeed.
var passing = map[string]bool{"busy": true, "too_often": true, "too_many_logins": true}

// errNoAnswer is the end of a connection on which the provider has been silent.
var errNoAnswer = errors.New("no answer in time")

// insist asks until the provider answers other than to try again later.
func insist(ctx context.Context, c *wire.Conn, r *protocol.Request, timeout time.Duration) (*wire.Answer, error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 50*time.Millisecond, 2*time.Second
	for begun := time.Now(); ; {
		a, err := ask(c, r, timeout)
		if err == nil || !passing[codeOf(err)] || time.Since(begun) > timeout {
			return a, err
		}
		if err := (plainClock{}).Until(ctx, time.Now().Add(pauses.NextBackOff())); err != nil {
			return nil, err
		}
	}
}

// ask asks once, for no longer than timeout.
func ask(c *wire.Conn, r *protocol.Request, timeout time.Duration) (*wire.Answer, error) {
	late := time.AfterFunc(timeout, func() { c.End(errNoAnswer) })
	defer late.Stop()
	a := c.Ask(r)
	return a, problem(r.Call.Value, a)
}

// StillThere is nil where the provider answers, whatever it says. A run that has no
// history to read back and nothing to remove would not notice that it has gone.
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
	if no := new(refused); err == nil || errors.As(err, &no) || isLastWord(err) { // as of one that is full
		return nil
	}
	return fmt.Errorf("the provider is not there any more: %w", err)
}

// problem is why an answer is no success, nil if it is one.
func problem(call string, a *wire.Answer) error {
	switch {
	case a.Err != nil:
		return fmt.Errorf("%s: %w", call, a.Err)
	case !a.OK:
		return &refused{call, a.Code, a.Reason}
	}
	return nil
}

// request is a request of a user. The original wants to hear the name each time.
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

// login is the request by which an account logs in: by key where there is one, which
// costs the provider no password hash.
func (w *World) login(a Account) *protocol.Request {
	r := &protocol.Request{Call: protocol.String("login"), Usernm: protocol.String(a.Name)}
	if a.Key != "" {
		r.Key = protocol.String(a.Key)
	} else {
		r.Passwd = protocol.String(w.Password)
	}
	return r
}

// keyIsOld tells that a key is good no more, and the password still is.
func keyIsOld(err error) bool {
	code := codeOf(err)
	return code == "key_too_old" || code == "wrong_key"
}

// visit is a connection of an account for a while, which ends with the context.
func (w *World) visit(ctx context.Context, d *wire.Dialer, a Account) (*wire.Conn, error) {
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
