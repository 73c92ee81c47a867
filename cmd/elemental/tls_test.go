package main

import (
	"crypto/tls"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"elemental/cmd/elemental/providertest"
)

func TestTLS(t *testing.T) {
	certFile, keyFile, roots := providertest.Certificate(t)
	p := startProvider(t, "--tlscert", certFile, "--tlskey", keyFile)
	conn, err := tls.Dial("tcp", p.Addr, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, `{"call":"getprovidername"}`); err != nil {
		t.Fatal(err)
	}
	if answer := (rawConn{conn}).readUntil(t, "\n"); !strings.Contains(answer, "LOCALPROVIDER") {
		t.Errorf("over TLS: %s", answer)
	}
	plain := p.dial()
	plain.send(`{"call":"getprovidername"}`)
	plain.hungUp()
}

func TestCertificateThatIsNone(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "cert.pem")
	writeFile(t, file, "no certificate")
	startRefused(t, 1, []string{"certificate"}, root, on(filepath.Join(root, "data"), "--tlscert", file, "--tlskey", file)...)
}
