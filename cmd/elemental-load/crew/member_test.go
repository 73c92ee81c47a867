package crew_test

import (
	"strings"
	"testing"

	"elemental/cmd/elemental-load/crew"
)

// TestServe: a member of a run ends when its orders do, and refuses orders that make no
// sense. (TestWorkers and the tests near it, one folder up, run whole crews.)
func TestServe(t *testing.T) {
	for orders, want := range map[string]string{
		``:                 "",
		`{"stop":true}`:    "",
		`{"connect":true}`: "the first one has to be join",
		`{"check":{}}`:     "the first one has to be join",
		`{"join":`:         "orders: unexpected EOF",
		`nonsense`:         "orders: invalid character",
	} {
		var said strings.Builder
		err := crew.Serve(strings.NewReader(orders), &said)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) || said.Len() > 0 {
			t.Errorf("%s: %v, said %q", orders, err, said.String())
		}
	}
}

// TestJoinRefused: if a process cannot take part in a world, it tells the leader why.
func TestJoinRefused(t *testing.T) {
	join := `{"join":{"number":1,"of":1,"world":{"run":"load-x","accounts":[{"name":"a"}],"parts":[{}],
		"plan":{"mix":[{"scenario":"connect","weight":1}],"clients":1000000000,"size":"100"},
		"reach":{"address":"127.0.0.1:1"}}}}`
	var said strings.Builder
	if err := crew.Serve(strings.NewReader(join), &said); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), "open files") || !strings.Contains(said.String(), `"joined":true`) {
		t.Errorf("it said %q", said.String())
	}
}
