package main_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"elemental/client"
	"elemental/client/originaltest"
	"elemental/cmd/elemental-load/drive"
	"elemental/cmd/elemental-load/measure"
	"elemental/cmd/elemental-load/result"
)

// scenarioRuns are the options of a run of two seconds for each scenario, and the
// operations that it must have measured.
var scenarioRuns = map[string]struct{ args, operations string }{
	"chat":      {"--clients 20 --rate 100", "post delivered login subscribe connect"},
	"fanout":    {"--clients 60 --rate 10", "post delivered"},
	"history":   {"--clients 10 --rate 100 --history 120", "page"},
	"poll":      {"--clients 40 --rate 25", "count post page seen"},
	"login":     {"--rate 20", "register login connect"},
	"connect":   {"--clients 300 --rate 50", "ping connect"},
	"churn":     {"--clients 6 --rate 60", "newserver newchannel leave join endchannel endserver"},
	"reconnect": {"--clients 30 --rate 1", "return post delivered"},
	"slow":      {"--clients 10 --rate 50", "post delivered"},
	"mixed":     {"--clients 80 --rate 40 --history 60", "post delivered page count newserver"},
}

// TestScenarios runs each scenario against the real provider: everything that was due is
// done, nothing is lost, and nothing is left behind.
func TestScenarios(t *testing.T) {
	t.Parallel()
	_, address := at(t)
	for name, run := range scenarioRuns {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append(strings.Fields(run.args), name, address, "--duration=2s", "--plain")
			r, _ := load(t, 0, args...)
			clean(t, r)
			allDone(t, r)
			for _, o := range strings.Fields(run.operations) {
				if got := operation(t, r, o); got.Done == 0 || got.Corrected.Count != got.Done {
					t.Errorf("%s: %+v", o, got)
				}
			}
			checkPushes(t, r)
			for _, o := range r.Operations {
				if o.Name == "return" && o.Corrected.Min == 0 {
					t.Errorf("a return in no time: %+v", o)
				}
				if !slices.ContainsFunc(drive.OperationsOf(&r.Plan), func(k measure.Kind) bool { return k.Name == o.Name }) {
					t.Errorf("%s is measured, and may not be expected", o.Name)
				}
			}
		})
	}
}

// allDone: every action that was due is begun and done. On a machine that is so busy that
// some had to wait for others until the load was over, those are not begun.
func allDone(t *testing.T, r *result.Result) {
	t.Helper()
	for _, part := range r.Parts {
		late := part.Started < part.Scheduled && (r.Generator.HeldBack > 0 || r.Generator.Behind)
		if part.Started == 0 || part.Done != part.Started || part.Started != part.Scheduled && !late {
			t.Errorf("%+v, %d held back, %v of all too late", part, r.Generator.HeldBack, r.Generator.LateShare)
		}
	}
}

// checkPushes: in scenarios with subscribers, every push comes.
func checkPushes(t *testing.T, r *result.Result) {
	t.Helper()
	listens := map[string]bool{"chat": true, "fanout": true, "reconnect": true, "slow": true}
	wanted := false
	for _, part := range r.Parts {
		wanted = wanted || listens[part.Scenario]
	}
	if wanted != (r.Checked.Pushes > 0) || wanted != (r.Checked.Streams > 0) {
		t.Errorf("%+v", r.Checked)
	}
}

// TestSlowReader: the provider disconnects a client that stops reading. The result says
// so, and it is no violation. The messages are more than all buffers on the way can hold.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	_, address := at(t)
	r, _ := load(t, 0, "slow", address, "--clients=5", "--rate=150", "--size=16000", "--duration=5s")
	if len(r.Violations) > 0 {
		t.Errorf("%+v", r.Violations)
	}
	said := strings.Join(r.Notes, " ")
	if !strings.Contains(said, "1 stopped reading") || !strings.Contains(said, "0 kept their connection") {
		t.Errorf("%q", r.Notes)
	}
}

// named are options that give the run's users names known to the test, and the password
// "open sesame".
func named(t *testing.T) []string {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("open sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--userprefix=again", "--passwordfile=" + secret, "--users=3"}
}

// nothingLeft expects that the users of a run with named are in no server any more.
func nothingLeft(t *testing.T, provider string) {
	t.Helper()
	c, err := client.Dial(t.Context(), provider, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, user := range []string{"again-u0", "again-u1", "again-u2"} {
		if err := c.Login(t.Context(), user, "open sesame"); err != nil {
			t.Fatal(err)
		}
		if left, err := c.Servers(t.Context()); err != nil || len(left) > 0 {
			t.Errorf("%s is still in %q (%v)", user, left, err)
		}
	}
}

// TestClosed: the closed model, with several requests under way, and with different
// numbers of clients at work.
func TestClosed(t *testing.T) {
	t.Parallel()
	_, address := at(t)
	r, _ := load(t, 0, "chat", address, "--model=closed", "--clients=8", "--pipeline=4", "--stages=2x1s,8x1s", "--warmup=1s")
	clean(t, r)
	post := operation(t, r, "post")
	if post.Done == 0 || r.Warmup != 1 || r.Parts[0].Scheduled != 0 {
		t.Errorf("%+v %+v", post, r.Parts)
	}
	if r.Checked.Acknowledged <= post.Done {
		t.Errorf("the warm-up's posts are counted in the figures: %d, %d in all", post.Done, r.Checked.Acknowledged)
	}
	_, address = at(t)
	r, _ = load(t, 0, "poll", address, "--model=closed", "--clients=4", "--duration=2s")
	clean(t, r) // clients that may ask every 0.75 s are not made to ask more often
	r, _ = load(t, 0, "connect", address, "--model=closed", "--clients=4", "--think=200ms", "--duration=2s")
	clean(t, r)
	if pings := operation(t, r, "ping").Done; pings == 0 || pings > 4*11 {
		t.Errorf("%d pings of 4 clients that think for a tenth of the time each", pings)
	}
}

// TestOriginal loads the original provider. Scenarios that need no pushes work; the
// others are refused.
func TestOriginal(t *testing.T) {
	t.Parallel()
	// The original's usual interval begins when it starts: whoever asks at once is
	// refused.
	original, err := originaltest.StartWith(10 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(original.Close)
	for _, name := range []string{"chat", "history", "poll", "connect", "churn", "login"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := load(t, 0, name, "--address="+original.Addr, "--clients=20", "--rate=12", "--history=60", "--duration=2s")
			clean(t, r)
			allDone(t, r)
			if !r.Target.Original {
				t.Errorf("%+v", r.Target)
			}
		})
	}
	for _, name := range []string{"fanout", "slow"} {
		_, run := load(t, 1, name, "--address="+original.Addr)
		if !strings.Contains(run.stderr.Text(), "the original provider, which pushes nothing") {
			t.Errorf("%s: %s", name, run.stderr.Text())
		}
	}
}

// TestUsersAgain: a run uses the users of the run before, and leaves no server behind.
func TestUsersAgain(t *testing.T) {
	t.Parallel()
	p, address := at(t)
	args := append(named(t), address, "chat", "history", "--clients=6", "--history=20", "--rate=20", "--duration=1s")
	for range 2 {
		r, run := load(t, 0, args...)
		clean(t, r)
		kept, err := os.ReadFile(filepath.Join(run.dir, "result.json"))
		if err != nil || strings.Contains(string(kept)+run.stdout.Text()+run.stderr.Text(), "sesame") {
			t.Errorf("the password is in the results (%v)", err)
		}
		nothingLeft(t, p.Addr)
	}
	if err := os.WriteFile(strings.TrimPrefix(args[1], "--passwordfile="), []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, run := load(t, 1, args...); !strings.Contains(run.stderr.Text(), "is there already, with another password") {
		t.Error(run.stderr.Text())
	}
}

// TestOddProviders: keys that expire during the run, and a provider that sends everybody
// everything, cause no trouble and no violations.
func TestOddProviders(t *testing.T) {
	t.Parallel()
	_, address := at(t, "--keylifetime=500ms")
	r, _ := load(t, 0, "chat:3", "reconnect:1", address, "--clients=8", "--rate=40", "--duration=3s")
	if len(r.Violations) > 0 || !r.Checked.History || r.Checked.Found == 0 {
		t.Errorf("%+v %+v", r.Violations, r.Checked)
	}
	_, address = at(t, "--sendotherusersdata")
	r, _ = load(t, 0, "reconnect", "chat", address, "--clients=30", "--rate=60", "--duration=3s")
	clean(t, r)
	if !strings.Contains(strings.Join(r.Notes, " "), "sendotherusersdata") {
		t.Errorf("%q", r.Notes)
	}
}
