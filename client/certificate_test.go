package client_test

import (
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"crypto/tls"
)

// certificate writes a certificate for 127.0.0.1 and its key, and gives the
// authorities that it is of.
func certificate(t *testing.T) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS() // makes the standard library's own test certificate
	defer server.Close()
	pair := server.TLS.Certificates[0]
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	write(t, cert, "CERTIFICATE", pair.Certificate[0])
	write(t, key, "PRIVATE KEY", privateKey(t, pair))
	roots = x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return cert, key, roots
}

func privateKey(t *testing.T, pair tls.Certificate) []byte {
	t.Helper()
	raw, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	must(t, err)
	return raw
}

func write(t *testing.T, path, kind string, raw []byte) {
	t.Helper()
	must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600))
}
