package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate makes a certificate whose common name tells it from others.
func writeCertificate(t *testing.T, cfg *Config, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		cfg.CertFile: {Type: "CERTIFICATE", Bytes: cert},
		cfg.KeyFile:  {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func tlsStation(t *testing.T) (Config, *Listener) {
	cfg := testConfig()
	dir := t.TempDir()
	cfg.CertFile, cfg.KeyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, &cfg, "first")
	_, l := startStation(t, cfg, agreeable)
	return cfg, l
}

// hello connects, makes a call and tells the certificate's name.
func hello(t *testing.T, l *Listener) string {
	t.Helper()
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, conn)
	c.send(`{"call":"ping"}`)
	c.expect(yes)
	name := conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	c.closeWrite()
	c.expectEnd()
	return name
}

// TestTLSWithoutAGoodbye: the client ends its side of the connection below TLS, between two requests.
// It gets its answer, and is not told that it broke off a request.
func TestTLSWithoutAGoodbye(t *testing.T) {
	_, l := tlsStation(t)
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, conn)
	c.send(`{"call":"ping"}`)
	if err := conn.NetConn().(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.expect(yes)
	c.expectEnd()
}

func TestTLSFollowsItsFiles(t *testing.T) {
	cfg, l := tlsStation(t)
	if got := hello(t, l); got != "first" {
		t.Errorf("certificate %q", got)
	}
	if err := os.WriteFile(cfg.CertFile, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := hello(t, l); got != "first" {
		t.Errorf("certificate %q in the midst of a change", got)
	}
	writeCertificate(t, &cfg, "second")
	for start := time.Now(); hello(t, l) != "second"; {
		if time.Since(start) > patienceOfTests {
			t.Fatal("the new certificate is never used")
		}
	}
}

// TestTLSTroubleIsToldOnce looks many times at files that are none, in two ways.
func TestTLSTroubleIsToldOnce(t *testing.T) {
	cfg := testConfig()
	dir := t.TempDir()
	cfg.CertFile, cfg.KeyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, &cfg, "only")
	var log strings.Builder
	c := &certificate{certFile: cfg.CertFile, keyFile: cfg.KeyFile, log: slog.New(slog.NewTextHandler(&log, nil))}
	look := func(want int) {
		t.Helper()
		for range 3 {
			c.looked = time.Time{}
			if now, err := c.get(nil); err != nil || now == nil {
				t.Fatal(now, err)
			}
		}
		if n := strings.Count(log.String(), "not reloaded"); n != want {
			t.Errorf("told %d times, want %d:\n%s", n, want, log.String())
		}
	}
	look(0)
	if err := os.WriteFile(cfg.CertFile, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	look(1)
	if err := os.Remove(cfg.KeyFile); err != nil {
		t.Fatal(err)
	}
	look(2)
	writeCertificate(t, &cfg, "again")
	look(2)
	if err := os.Remove(cfg.KeyFile); err != nil {
		t.Fatal(err)
	}
	look(3)
}

func TestTLSMinimum(t *testing.T) {
	_, l := tlsStation(t)
	old := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if conn, err := tls.Dial("tcp", l.Addr().String(), old); err == nil {
		t.Error("TLS 1.1 was accepted", conn.Close())
	}
}

func TestSilentTLSClientIsDropped(t *testing.T) {
	cfg := testConfig()
	dir := t.TempDir()
	cfg.CertFile, cfg.KeyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cfg.LoginTime = 50 * time.Millisecond
	writeCertificate(t, &cfg, "only")
	_, l := startStation(t, cfg, agreeable)
	c := dial(t, l) // never says hello
	c.expectEnd()
}

func TestBadSettings(t *testing.T) {
	for name, set := range map[string]func(*Config){
		"no window":      func(cfg *Config) { cfg.Window = 0 },
		"no depth":       func(cfg *Config) { cfg.Depth = 0 },
		"no time":        func(cfg *Config) { cfg.RequestTime = 0 },
		"half of TLS":    func(cfg *Config) { cfg.CertFile = "cert.pem" },
		"no certificate": func(cfg *Config) { cfg.CertFile, cfg.KeyFile = "/nowhere/c", "/nowhere/k" },
		"encoding":       func(cfg *Config) { cfg.Encoding = "klingon" },
		"host":           func(cfg *Config) { cfg.Host = "256.0.0.1" },
	} {
		cfg := testConfig()
		set(&cfg)
		if l, err := Listen(cfg, nil); err == nil {
			t.Errorf("%s: taken, at %v", name, l.Addr())
		}
	}
}
