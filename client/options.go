package client

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"elemental/protocol"
)

// DefaultPort is where providers listen unless told otherwise.
const DefaultPort = "5005"

// Options say how to connect. The zero value suits a provider that was started
// without options.
type Options struct {
	Encoding string      // text encoding of the provider's wire; "" is ascii
	TLS      *tls.Config // nil: plain TCP. ServerName is filled in where it is empty

	DialTimeout time.Duration // how long connecting and the first answer may take together; 0 is 10 s
	Timeout     time.Duration // how long a call may take whose context has no deadline; 0 is 30 s
	Heartbeat   time.Duration // time between pings, which detect dead connections and measure the lag; 0 is 15 s, below 0 sends none
	Window      int           // how many requests may be under way at once; 0 is 64, as many as a provider reads ahead

	MinDelay time.Duration // pause before the first attempt to reconnect; 0 is 250 ms
	MaxDelay time.Duration // longest pause between attempts to reconnect; 0 is 30 s

	// Status is called with each change of the connection, by one goroutine at a time. The client
	// waits until it returns, so it must not block and must not call the client. May be nil.
	Status func(Status)

	// Trace is called with each JSON object that was sent or received, with secrets masked.
	// Within each direction the objects come in order, and only one call runs at a time. It must
	// not block and must not call the client. May be nil.
	Trace func(Traffic)
}

// State is what a Client's connection is doing.
type State int

// The states of a Client.
const (
	Connecting State = iota // an attempt is under way
	Online                  // connected, and logged in again if a user was logged in before
	Offline                 // the connection is lost or could not be made; the next attempt comes after a pause
	Closed                  // closed by Close, and it stays so
)

// String returns the state as one lower-case word.
func (s State) String() string {
	names := [...]string{"connecting", "online", "offline", "closed"}
	if s < 0 || int(s) >= len(names) {
		return "unknown"
	}
	return names[s]
}

// Status describes a change of a Client's connection.
type Status struct {
	State    State
	Err      error         // in Offline: why; in Online: the refusal if the user could not be logged in again, else nil
	Pause    time.Duration // in Offline: how long until the next attempt
	Original bool          // in Online: the provider is the original one, without pushes
}

// Traffic is one JSON object that went over the wire, as Options.Trace gets it.
type Traffic struct {
	Sent bool // true if the client sent it, false if it received it
	Time time.Time
	JSON []byte // with secrets masked and long values cut; the callee may keep it
}

// filled returns the options with every zero replaced by its default.
func (o Options) filled() Options {
	o.Encoding = cmp.Or(o.Encoding, protocol.DefaultEncoding)
	o.DialTimeout = cmp.Or(max(o.DialTimeout, 0), 10*time.Second)
	o.Timeout = cmp.Or(max(o.Timeout, 0), 30*time.Second)
	o.Heartbeat = cmp.Or(o.Heartbeat, 15*time.Second)
	o.Window = cmp.Or(max(o.Window, 0), 64)
	o.MinDelay = cmp.Or(max(o.MinDelay, 0), 250*time.Millisecond)
	o.MaxDelay = cmp.Or(max(o.MaxDelay, 0), 30*time.Second)
	return o
}

// Address turns what a person writes for a provider, "host" or "host:port", into "host:port". The
// port defaults to DefaultPort; "" is this machine. The error says what is wrong with the text;
// no name of a host is looked up.
func Address(written string) (string, error) {
	written = strings.TrimSpace(written)
	host, port, err := net.SplitHostPort(written)
	if err != nil { // there is no port, or the text is no address at all
		host, port = strings.TrimSuffix(strings.TrimPrefix(written, "["), "]"), DefaultPort
		if _, wrong := netip.ParseAddr(host); wrong != nil && strings.Contains(host, ":") {
			return "", fmt.Errorf("address %q: %w", written, err)
		}
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return "", fmt.Errorf("address %q: %w", written, err)
	}
	return net.JoinHostPort(cmp.Or(host, "localhost"), cmp.Or(port, DefaultPort)), nil
}
