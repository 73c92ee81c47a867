package transport

import (
	"errors"
	"io"
	"runtime"
	"time"

	"elemental/protocol"
)

// Config is what an operator can set of the wire. The zero values are not the defaults:
// DefaultConfig returns those.
type Config struct {
	Host     string // "" for all interfaces
	Port     int    // 0 for any free one
	Encoding string // of the text on the wire, spelled as Python or IANA does

	CertFile, KeyFile string // of TLS, both or none; read again when they change

	LoginRequestBytes int // most bytes of one request before login, and of one with a password
	RequestBytes      int // most bytes of one request after login
	Depth             int // deepest nesting in a request
	ImageBytes        int // most bytes of a server's image as base64

	RequestTime time.Duration // time to finish a request once begun
	LoginTime   time.Duration // time from the connection's start to a login
	IdleTime    time.Duration // longest time without a request under way and an answer being written; 0 for no limit
	StallTime   time.Duration // time in which a client must read some of what it is sent

	Window      int // most requests of one connection under way
	Together    int // most posts under way from all connections that send ahead, while others ask; 0 for 6 for each processor
	OutboxBytes int // most bytes that wait for one client to read them, besides one answer of any size
	UnreadBytes int // most bytes that wait for all clients to read them
	Connections int // most connections at the same time
	PerAddress  int // most connections from one address; 0 for no limit

	Processors int // how many processors the provider works with; 0 for GOMAXPROCS

	Inspect bool // keep what the inspector shows of connections

	// RequestLog gets a line for every request and answer, each in one Write, from many
	// goroutines. It must not wait. nil for no such log.
	RequestLog  io.Writer
	ConsoleName string // in those lines
}

func (cfg *Config) processors() int {
	if cfg.Processors > 0 {
		return cfg.Processors
	}
	return runtime.GOMAXPROCS(0)
}

// DefaultConfig returns the defaults that docs/operations.md lists.
func DefaultConfig() Config {
	return Config{
		Port:              5005,
		Encoding:          protocol.DefaultEncoding,
		LoginRequestBytes: 16 << 10,
		RequestBytes:      1 << 20,
		Depth:             32,
		ImageBytes:        512 << 10,
		RequestTime:       30 * time.Second,
		LoginTime:         5 * time.Minute,
		StallTime:         30 * time.Second,
		Window:            64,
		OutboxBytes:       1 << 20,
		UnreadBytes:       256 << 20,
		Connections:       16_384,
		ConsoleName:       "[SERVER]",
	}
}

// check finds settings that nothing could work with.
func (cfg *Config) check() error {
	if cfg.LoginRequestBytes < 1 || cfg.RequestBytes < 1 || cfg.Depth < 1 {
		return errors.New("the limits on a request have to be positive")
	}
	if cfg.RequestTime <= 0 || cfg.LoginTime <= 0 || cfg.StallTime <= 0 || cfg.IdleTime < 0 {
		return errors.New("the times of a connection have to be positive")
	}
	if cfg.Window < 1 || cfg.Together < 0 || cfg.OutboxBytes < 1 || cfg.UnreadBytes < 1 || cfg.Connections < 1 || cfg.PerAddress < 0 {
		return errors.New("the limits on connections have to be positive")
	}
	if (cfg.CertFile == "") != (cfg.KeyFile == "") {
		return errors.New("TLS needs both a certificate and a key")
	}
	return nil
}
