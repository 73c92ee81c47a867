package inspector

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"elemental/actors"
	"elemental/actors/telemetry"
)

// A list is in the order that was asked for. Equal actors, and numbers, are as people sort them.
func TestOrders(t *testing.T) {
	for name, want := range map[string]string{
		"": "a/2 a/10 b/1 b/x", "name": "a/2 a/10 b/1 b/x", "depth": "b/1 a/2 a/10 b/x", "busy": "b/1 a/2 a/10 b/x", "restarts": "b/x a/2 a/10 b/1",
	} {
		all := []telemetry.ActorInfo{{ID: "b/x", Restarts: 1}, {ID: "a/10", Depth: 1}, {ID: "b/1", Depth: 2}, {ID: "a/2", Depth: 1}}
		slices.SortFunc(all, orders[name])
		var ids []string
		for _, a := range all {
			ids = append(ids, a.ID)
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

// A picture that would have too many actors shows of each group those that have most to do,
// and tells how many it leaves out, where and in all.
func TestThePictureIsCut(t *testing.T) {
	f := forest{below: map[string][]telemetry.ActorInfo{}}
	f.add(telemetry.ActorInfo{ID: "provider", Kind: actors.KindProvider})
	for i := range 6 {
		f.add(telemetry.ActorInfo{ID: fmt.Sprint("provider/", i), Parent: "provider", Kind: actors.KindUser, Depth: i / 4, Restarts: i % 4})
	}
	f.add(telemetry.ActorInfo{ID: "conn/1", Kind: actors.KindSession, Label: "alice"})
	text, err := json.Marshal(f.draw(6))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"count":8,"nodes":[[-1,0,0,0,"conn"],[0,1,0,0,"1",0,"alice"],[-1,2,0,0,"provider",3],[2,3,1,1,"5"],[2,3,1,0,"4"],[2,3,0,3,"3"]],` +
		`"kinds":["group","session","provider","user"],"more":3}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

// Of the second's mailboxes the deepest are told, the deepest first, and a bounded number of
// the actors that have messages.
func TestTheDeepestMailboxes(t *testing.T) {
	now := treeNow{Kinds: map[string]int{}}
	for i := range 3 * mostChanged {
		now.add(&telemetry.ActorInfo{ID: fmt.Sprint(i), Kind: actors.KindUser, Depth: i % 50})
	}
	var depths []int
	for _, a := range now.Deepest {
		depths = append(depths, a.Depth)
	}
	if want := slices.Repeat([]int{49}, mostDeepest); !slices.Equal(depths, want) {
		t.Errorf("the deepest are %v", depths)
	}
	if now.Count != 3*mostChanged || now.Kinds["user"] != now.Count || len(now.Changed) != mostChanged || now.Changed[0] != "1" {
		t.Errorf("%d actors, %v, %d have messages, first %q", now.Count, now.Kinds, len(now.Changed), now.Changed[0])
	}
	now = treeNow{Kinds: map[string]int{}}
	for _, depth := range []int{3, 0, 9, 5} {
		now.add(&telemetry.ActorInfo{Depth: depth})
	}
	if d := now.Deepest; len(d) != 3 || d[0].Depth != 9 || d[1].Depth != 5 || d[2].Depth != 3 {
		t.Errorf("the deepest are %v", d)
	}
}
