package client

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
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

	DialTimeout time.Duration // of connecting and the first answer; 0 is 10 s
	Timeout     time.Duration // of a call whose context has no deadline; 0 is 30 s
	Heartbeat   time.Duration // time between pings, which find dead connections and measure the lag; 0 is 15 s, below 0 none
	Window      int           // requests under way at once; 0 is 64, what a provider reads ahead

	MinDelay time.Duration // before the first attempt to come back; 0 is 250 ms
	MaxDelay time.Duration // what the pauses grow to; 0 is 30 s

	// Status hears each change of the connection, from one goroutine at a time.
	// The client waits for it: it must not block, nor call the client. May be nil.
	Status func(Status)

	// Trace hears each object that was sent or received, with secrets masked, in
	// order per direction, one call at a time. It must not block, nor call the client.
	Trace func(Traffic)
}

// State is what a Client's connection is doing.
type State int

// The states of a Client.
const (
	Connecting State = iota // an attempt is under way
	Online                  // connected, and logged in if somebody had logged in
	Offline                 // the connection is lost or could not be made; the next attempt comes after a pause
	Closed                  // for good
)

// String is the state in one word.
func (s State) String() string {
	names := [...]string{"connecting", "online", "offline", "closed"}
	if s < 0 || int(s) >= len(names) {
		return "unknown"
	}
	return names[s]
}

// Status is a change of a Client's connection.
type Status struct {
	State    State
	Err      error         // in Offline, why; in Online, why nobody is logged in any more, if so
	Pause    time.Duration // in Offline: until the next attempt
	Original bool          // in Online: it is an original provider, without pushes
}

// Traffic is one JSON object of the wire.
type Traffic struct {
	Sent bool // by us; otherwise received
	Time time.Time
	JSON []byte // secrets are masked, and long values cut; it is the hearer's to keep
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

// Address completes what a person writes for a provider, "host" or "host:port",
// to host and port. "" is this machine.
func Address(written string) (string, error) {
	written = strings.TrimSpace(written)
	host, port, err := net.SplitHostPort(written)
	if err != nil { // no port, unless it is nonsense altogether
		host, port = strings.TrimSuffix(strings.TrimPrefix(written, "["), "]"), DefaultPort
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return "", fmt.Errorf("address %q: %w", written, err)
		}
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return "", fmt.Errorf("address %q: %w", written, err)
	}
	return net.JoinHostPort(cmp.Or(host, "localhost"), cmp.Or(port, DefaultPort)), nil
}
