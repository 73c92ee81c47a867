package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
)

// shake connects with TLS as a client with these settings does.
func (p *provider) shake(cfg *tls.Config) (*tls.Conn, error) {
	p.t.Helper()
	conn, err := tls.Dial("tcp", p.Addr, cfg)
	if err == nil {
		p.t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, err
}

// dialTLS wants a connection that the client trusts.
func (p *provider) dialTLS(roots *x509.CertPool) rawConn {
	p.t.Helper()
	conn, err := p.shake(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
	if err != nil {
		p.t.Fatal(err)
	}
	return rawConn{conn}
}

// answers wants the connection served.
func (c rawConn) answers(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(c, `{"call":"getprovidername"}`); err != nil {
		t.Fatal(err)
	}
	if answer := c.readUntil(t, "\n"); !strings.Contains(answer, "LOCALPROVIDER") {
		t.Errorf("over TLS: %s", answer)
	}
}

// certifiedAs is the name in the certificate that the client was shown.
func (c rawConn) certifiedAs() string {
	return c.Conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestTLS(t *testing.T) {
	certFile, keyFile, roots := providertest.Certificate(t)
	p := startProvider(t, "--tlscert", certFile, "--tlskey", keyFile)
	conn := p.dialTLS(roots)
	conn.answers(t)
	if version := conn.Conn.(*tls.Conn).ConnectionState().Version; version != tls.VersionTLS13 {
		t.Errorf("TLS %#x was agreed on", version)
	}
	plain := p.dial()
	plain.send(`{"call":"getprovidername"}`)
	plain.hungUp()

	stranger := providertest.NewAuthority(t)
	var unknown x509.UnknownAuthorityError
	if _, err := p.shake(&tls.Config{RootCAs: stranger.Roots}); !errors.As(err, &unknown) {
		t.Errorf("a client that does not trust the authority: %v", err)
	}
	for version, accepted := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true} {
		_, err := p.shake(&tls.Config{RootCAs: roots, MinVersion: version, MaxVersion: version})
		if (err == nil) != accepted {
			t.Errorf("TLS version %#x: %v", version, err)
		}
	}
}

// TestTLSCertificateIsReplaced puts new files in the place of the old while
// connections live: new ones get the new certificate, old ones go on, and files
// that are none change nothing and are told of once.
func TestTLSCertificateIsReplaced(t *testing.T) {
	t.Parallel()
	authority, dir := providertest.NewAuthority(t), t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	authority.Issue(t, "first", certFile, keyFile)
	p := startProvider(t, "--tlscert", certFile, "--tlskey", keyFile)
	old := p.dialTLS(authority.Roots)
	old.answers(t)
	if name := old.certifiedAs(); name != "first" {
		t.Errorf("certificate %q", name)
	}

	writeFile(t, certFile, "half a file")
	complaints := func() int { return strings.Count(p.Stderr.Text(), "TLS certificate not reloaded") }
	for start := time.Now(); complaints() == 0; {
		if name := p.dialTLS(authority.Roots).certifiedAs(); name != "first" {
			t.Fatalf("certificate %q while the files are broken", name)
		}
		if time.Since(start) > patience {
			t.Fatal("broken files are not told of")
		}
	}
	authority.Issue(t, "second", certFile, keyFile)
	for start := time.Now(); p.dialTLS(authority.Roots).certifiedAs() != "second"; {
		if time.Since(start) > patience {
			t.Fatal("the new certificate is never used")
		}
	}
	p.dialTLS(authority.Roots).answers(t)
	old.answers(t)
	if n := complaints(); n != 1 {
		t.Errorf("told %d times of the same broken files", n)
	}
}

func TestCertificateThatIsNone(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "cert.pem")
	writeFile(t, file, "no certificate")
	startRefused(t, 1, []string{"certificate"}, root, on(filepath.Join(root, "data"), "--tlscert", file, "--tlskey", file)...)
}
