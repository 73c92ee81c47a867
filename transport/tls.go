package transport

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is a TLS certificate that is read again when its files change. All handshakes
// share it.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	stamp   [2]fileStamp
	looked  time.Time
	trouble string // what was wrong at the last look; it is in the log already
}

type fileStamp struct {
	changed time.Time
	size    int64
}

// How often handshakes look for new files at most.
const certificateLook = time.Second

// tlsConfig returns the settings of the listener, or nil without TLS.
func tlsConfig(cfg *Config, log *slog.Logger) (*tls.Config, error) {
	if cfg.CertFile == "" {
		return nil, nil
	}
	c := &certificate{certFile: cfg.CertFile, keyFile: cfg.KeyFile, log: log}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("TLS certificate: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}, nil
}

// get returns the present certificate. If the files cannot be read, perhaps because they are just
// being replaced, it keeps the one it had.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= certificateLook {
		c.looked = now
		c.reload()
	}
	return c.current, nil
}

// reload logs the same trouble only once.
func (c *certificate) reload() {
	err := c.load()
	if err == nil {
		c.trouble = ""
	} else if c.trouble != err.Error() {
		c.trouble = err.Error()
		c.log.Warn("TLS certificate not reloaded", "error", err)
	}
}

// load reads the files if they have changed.
func (c *certificate) load() error {
	var stamp [2]fileStamp
	for i, file := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		stamp[i] = fileStamp{info.ModTime(), info.Size()}
	}
	if stamp == c.stamp {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.current, c.stamp = &pair, stamp
	return nil
}
