package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"elemental/protocol"
)

// Dialer makes connections to one provider.
type Dialer struct {
	Address  netip.AddrPort
	Sources  []netip.Addr // local addresses to connect from, used in turn; none: the system chooses
	TLS      *tls.Config  // nil: plain TCP
	Timeout  time.Duration
	Original bool // the provider is the original one; set by Probe

	turn atomic.Uint64
}

// Resolve finds the IP address for host:port, IPv4 if there is one. Unless remote is
// true, all addresses of the host must be of this machine.
func Resolve(ctx context.Context, hostPort string, remote bool) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return netip.AddrPort{}, err
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return netip.AddrPort{}, err
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	best := found[0]
	for _, a := range found {
		if !remote && !isOwn(a.Unmap()) {
			return netip.AddrPort{}, fmt.Errorf("%s (%s) is not this machine; to load another machine, that of somebody who agrees to it, add --remote", host, a.Unmap())
		}
		if a.Unmap().Is4() && !best.Unmap().Is4() {
			best = a
		}
	}
	return netip.AddrPortFrom(best.Unmap(), uint16(number)), nil
}

// isOwn tells whether an address is this machine's.
func isOwn(a netip.Addr) bool {
	if a.IsLoopback() {
		return true
	}
	own, _ := net.InterfaceAddrs() // one that cannot be found out is not known to be this machine's
	return slices.ContainsFunc(own, func(one net.Addr) bool {
		prefix, err := netip.ParsePrefix(one.String())
		return err == nil && prefix.Addr() == a.WithZone("")
	})
}

// Handler is told what happens on a connection. The goroutine that reads the connection
// calls it, so its methods must not wait.
type Handler interface {
	// Heard takes an event.
	Heard(*Event)
	// Ended is called once, after everything else, when all requests that waited for an
	// answer have got the cause.
	Ended(cause error)
}

// Nobody is a Handler that does nothing.
type Nobody struct{}

// Heard ignores the event.
func (Nobody) Heard(*Event) {}

// Ended ignores the cause.
func (Nobody) Ended(error) {}

// Dial makes a connection, with TLS if d.TLS is set. It waits no longer than d.Timeout.
func (d *Dialer) Dial(ctx context.Context, h Handler) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	raw, err := d.dialer().DialContext(ctx, "tcp", d.Address.String())
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", shortened(err))
	}
	if d.TLS != nil {
		secure := tls.Client(raw, d.TLS)
		if err = secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(shortened(err), raw.Close())
		}
		raw = secure
	}
	c := &Conn{net: raw, original: d.Original, handler: h}
	go c.read()
	return c, nil
}

func (d *Dialer) dialer() *net.Dialer {
	if len(d.Sources) == 0 {
		return &net.Dialer{}
	}
	source := d.Sources[d.turn.Add(1)%uint64(len(d.Sources))]
	return &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))}
}

// shortened leaves out the addresses of an error, so that equal errors are counted
// together.
func shortened(err error) error {
	if op, is := errors.AsType[*net.OpError](err); is {
		return op.Err
	}
	return err
}

// Probe asks for the provider's name, and finds out whether it is the original Python
// provider, which sends calls that it does not know back unchanged.
func (d *Dialer) Probe(ctx context.Context) (name string, err error) {
	c, err := d.Dial(ctx, Nobody{})
	if err != nil {
		return "", err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.End(ctx.Err()) })
	defer stop()
	hello := c.Ask(&protocol.Request{Call: protocol.String("ping")})
	if hello.Err != nil {
		return "", fmt.Errorf("no answer from a provider: %w", hello.Err)
	}
	d.Original = hello.echo
	about := c.Ask(&protocol.Request{Call: protocol.String("getprovidername")})
	if about.Err != nil {
		return "", fmt.Errorf("no answer from a provider: %w", about.Err)
	}
	if !about.OK {
		return "", fmt.Errorf("the provider does not tell its name: %s", about.Reason)
	}
	return about.Name, nil
}
