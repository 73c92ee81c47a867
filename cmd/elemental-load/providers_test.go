package main_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"elemental/cmd/elemental/providertest"
)

// TestNothingThere: the error says what may help. Nothing is sent to other machines.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts its connections
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	for want, args := range map[string][]string{
		"--selfhost": {"--address=127.0.0.1:1"},
		"no answer from a provider within 1s (it may need --tls, or": {"--timeout=1s", "--address=" + silent.Addr().String()},
		"no answer from a provider within 1s (start":                 {"--tls", "--timeout=1s", "--address=" + silent.Addr().String()},
		"(it was started for this run":                               {"--selfhost", "--provider=" + provider, "--providerarg=--encoding=utf-16"},
		"--out: the results could not be kept":                       {"--address=127.0.0.1:1", "--out=" + os.DevNull + "/below"},
		"is not this machine":                                        {"--address=192.0.2.1:5005"},
	} {
		if _, run := load(t, 1, args...); !strings.Contains(run.stderr.Text(), want) {
			t.Errorf("%q: %s", args, run.stderr.Text())
		}
	}
}

// TestSelfHost: a run starts a provider, uses it, and leaves nothing of it behind.
func TestSelfHost(t *testing.T) {
	t.Parallel()
	r, run := load(t, 0, "chat", "--selfhost", "--provider="+provider, "--providerarg=--hashmemory=64", "--clients=4", "--rate=20", "--duration=1s")
	clean(t, r)
	if !r.Target.Started || r.Provider == nil || r.Provider.Memory == 0 {
		t.Errorf("%+v %+v", r.Target, r.Provider)
	}
	if conn, err := net.Dial("tcp", r.Target.Address); err == nil {
		_ = conn.Close()
		t.Error("the provider still runs")
	}
	for _, file := range []string{"report.html", "seconds.csv", "post.hgrm", "delivered.hgrm"} {
		if isGone(filepath.Join(run.dir, file)) {
			t.Errorf("%s was not kept", file)
		}
	}
	if others, err := filepath.Glob(filepath.Join(run.dir, ".*")); len(others) > 0 || err != nil {
		t.Errorf("besides the results there are %v, %v", others, err)
	}
}

// TestTLS: the load tester connects to a provider with TLS and its own certificate.
func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key, _ := providertest.Certificate(t)
	_, address := at(t, "--tlscert="+cert, "--tlskey="+key)
	r, _ := load(t, 0, "chat", address, "--tls", "--tlsca="+cert, "--clients=4", "--rate=20", "--duration=1s")
	clean(t, r)
	if _, run := load(t, 1, address); !strings.Contains(run.stderr.Text(), "it may need --tls") {
		t.Error(run.stderr.Text())
	}
	if _, run := load(t, 1, address, "--tls"); !strings.Contains(run.stderr.Text(), "(--tlsca names the certificate to trust)") {
		t.Error(run.stderr.Text())
	}
}

// TestEncoding: of the encodings of a provider, the load tester speaks those of which ASCII is a
// part, and names another as what may be wrong.
func TestEncoding(t *testing.T) {
	t.Parallel()
	_, address := at(t, "--encoding=latin-1")
	r, _ := load(t, 0, "chat", address, "--clients=4", "--rate=20", "--duration=1s")
	clean(t, r)
	_, address = at(t, "--encoding=utf-16")
	if _, run := load(t, 1, address); !strings.Contains(run.stderr.Text(), "an encoding such as utf-16") {
		t.Error(run.stderr.Text())
	}
}

// TestFull: a run that takes every connection that the provider has is checked all the
// same.
func TestFull(t *testing.T) {
	t.Parallel()
	cert, key, _ := providertest.Certificate(t)
	for name, args := range map[string][2][]string{
		"plain":     {{"--maxconnections=20"}, {"--clients=20", "--users=4"}},
		"TLS":       {{"--maxconnections=20", "--tlscert=" + cert, "--tlskey=" + key}, {"--clients=20", "--users=4", "--tls", "--tlsca=" + cert}},
		"processes": {{"--maxconnections=20"}, {"--clients=20", "--users=4", "--workers=2"}},
		"few":       {{"--maxconnections=8"}, {"--clients=8", "--users=30"}}, // fewer than the preparation would like to have
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, address := at(t, args[0]...)
			r, _ := load(t, 0, append(args[1], "chat", address, "--rate=50", "--duration=1s")...)
			clean(t, r)
			if !r.Checked.History || !r.Checked.Streamed || r.Checked.Found == 0 {
				t.Errorf("%+v", r.Checked)
			}
		})
	}
}

// TestSmallAnswers: the check asks for fewer messages at once if the provider sends only few.
func TestSmallAnswers(t *testing.T) {
	t.Parallel()
	_, address := at(t, "--maxanswermessages=7")
	r, _ := load(t, 0, "chat", address, "--clients=4", "--rate=50", "--duration=1s")
	clean(t, r)
	if !r.Checked.History || r.Checked.Found < 8 {
		t.Errorf("%+v", r.Checked)
	}
}
