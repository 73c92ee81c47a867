package transport

import (
	"errors"
	"io"
	"runtime"
	"time"

	"elemental/protocol"
)

// Config is what an operator sets of the wire. Zero values are not defaults:
// DefaultConfig has those.
type Config struct {
	Host     string // "" for all interfaces
	Port     int    // 0 for any free one
	Encoding string // of the text on the wire, in Python's or IANA's spelling

	CertFile, KeyFile string // of TLS, both or none; read again when they change

	LoginRequestBytes int // of one request before login
	RequestBytes      int // of one request after login
	Depth             int // of nesting in a request
	ImageBytes        int // of a server's image as base64

	RequestTime time.Duration // to finish a request once begun
	LoginTime   time.Duration // from the connection's start to a login
	IdleTime    time.Duration // without a request, 0 for no limit
	StallTime   time.Duration // in which a client must read some of what it is sent

	Window      int // requests of one connection under way
	Together    int // requests under way of all connections that send ahead, while others ask; 0 for 6 for each processor
	OutboxBytes int // waiting to be read by one client, besides one answer of any size
	UnreadBytes int // waiting to be read by all clients
	Connections int // at a time
	PerAddress  int // connections of one address, 0 for no limit

	Processors int // that the provider works with; 0 for as many as the runtime has

	Inspect bool // keep what the inspector shows of connections

	// RequestLog gets a line for every request and answer, each in one Write, from many
	// goroutines; it must not wait. nil for none.
	RequestLog  io.Writer
	ConsoleName string // in those lines
}

func (cfg *Config) processors() int {
	if cfg.Processors > 0 {
		return cfg.Processors
	}
	return runtime.GOMAXPROCS(0)
}

// DefaultConfig is the documented defaults.
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
