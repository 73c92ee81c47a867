package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// makeCertificate writes a certificate of its own authority, and its key.
func makeCertificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	writeFile(t, certFile, string(certPEM))
	writeFile(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, roots
}

func TestTLS(t *testing.T) {
	certFile, keyFile, roots := makeCertificate(t)
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
