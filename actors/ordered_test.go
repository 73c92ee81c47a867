package actors

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestOrderedAgainstAPlainList: the same changes make the same list.
func TestOrderedAgainstAPlainList(t *testing.T) {
	const seed = 11
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		var o ordered[joined]
		var plain []joined
		names := 1 + rng.IntN(100)
		for i := range uint64(400) {
			v := joined{fmt.Sprint(rng.IntN(names)), i}
			at := slices.IndexFunc(plain, func(j joined) bool { return j.Server == v.Server })
			switch remove := rng.IntN(2) == 0; {
			case remove && at >= 0:
				plain = slices.Delete(plain, at, at+1)
				fallthrough
			case remove:
				o.remove(v.Server)
			case at >= 0:
				plain[at] = v
				o.put(v)
			default:
				plain = append(plain, v)
				o.put(v)
			}
			if rng.IntN(20) == 0 && !slices.Equal(o.all(), plain) {
				t.Fatalf("%v, want %v", o.all(), plain)
			}
			there := slices.ContainsFunc(plain, func(j joined) bool { return j == v })
			if o.len() != len(plain) || o.has(v.Server) != there || (o.get(v.Server) == v) != there {
				t.Fatalf("%v among %v: %v", v, plain, o.has(v.Server))
			}
		}
		if !slices.Equal(o.all(), plain) {
			t.Fatalf("%v, want %v", o.all(), plain)
		}
	}
}

// countedName counts how often somebody has looked at it.
type countedName struct {
	name  string
	looks *int
}

func (c countedName) called() string {
	*c.looks++
	return c.name
}

// TestALongListCostsNoMoreForEachChange: all changes of a list are made again when its actor comes
// into memory, in one turn. If each looked through the list, a client could stop the provider.
func TestALongListCostsNoMoreForEachChange(t *testing.T) {
	const length = 20_000
	looks := 0
	var o ordered[countedName]
	for i := range length {
		o.put(countedName{fmt.Sprint(i), &looks})
	}
	for i := range length { // the first one each time
		o.remove(fmt.Sprint(i))
	}
	if o.len() != 0 || len(o.list) > fewHoles || looks > 10*length {
		t.Errorf("%d are left in %d places, after %d looks", o.len(), len(o.list), looks)
	}
}
