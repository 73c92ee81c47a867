package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"elemental/client"
	"elemental/protocol"
)

// passwordVariable is the environment variable that may hold the password. There is no option for
// it, since every user of the machine can see what is on a command line.
const passwordVariable = "ETTTC_PASSWORD"

// password returns the password that the options or the environment give, or "". It removes the
// password from the environment.
func (o *options) password() (string, error) {
	inEnvironment := os.Getenv(passwordVariable)
	if err := os.Unsetenv(passwordVariable); err != nil { // so that no child process gets it
		return "", err
	}
	if o.PasswordFile == "" {
		return inEnvironment, nil
	}
	password, err := readPassword(o.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("--passwordfile: %w", err)
	}
	return password, nil
}

// readPassword returns the first line of a file. It warns if other users can read the file.
func readPassword(path string) (_ string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if info, err := file.Stat(); err == nil && readableByOthers(info) {
		warn("%s can be read by others", path)
	}
	const most = protocol.MaxPassword + len("\r\n")
	line, err := bufio.NewReader(io.LimitReader(file, int64(most))).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	password := strings.TrimRight(line, "\r\n")
	if !protocol.ValidPassword(password) {
		return "", fmt.Errorf("the first line of %s is no password", path)
	}
	return password, nil
}

func readableByOthers(info os.FileInfo) bool {
	const groupOrOthers = 0o044
	return runtime.GOOS != "windows" && info.Mode().IsRegular() && info.Mode()&groupOrOthers != 0
}

// wire returns the options of the connection: the text encoding and TLS.
func (o *options) wire() (client.Options, error) {
	wire := client.Options{Encoding: o.Encoding}
	if !o.TLS {
		return wire, nil
	}
	wire.TLS = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.TLSSkipVerify}
	if o.TLSSkipVerify {
		warn("no certificate is checked, anybody in between can read along and see your password")
	}
	if o.CAFile == "" {
		return wire, nil
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return wire, fmt.Errorf("--cafile: %w", err)
	}
	wire.TLS.RootCAs = x509.NewCertPool()
	if !wire.TLS.RootCAs.AppendCertsFromPEM(pem) {
		return wire, fmt.Errorf("--cafile: %s has no certificate in PEM form", o.CAFile)
	}
	return wire, nil
}
