package crew_test

import (
	"context"
	"testing"
	"time"

	"elemental/cmd/elemental-load/check"
	"elemental/cmd/elemental-load/crew"
	"elemental/cmd/elemental-load/drive"
	"elemental/cmd/elemental-load/measure"
	"elemental/cmd/elemental-load/plan"
	"elemental/cmd/elemental-load/result"
)

// TestEndedBeforeTheLoad: a load that was interrupted before it began took no time.
func TestEndedBeforeTheLoad(t *testing.T) {
	p, err := (&plan.Spec{}).Build()
	if err != nil {
		t.Fatal(err)
	}
	world := &drive.World{Reach: drive.Reach{Address: "127.0.0.1:1"}}
	c, err := crew.Alone(world, check.New("load-x", 0), measure.NewCollector(p, drive.Operations, 1, nil, func(result.Second) {}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if took, err := c.Load(ctx, time.Now().Add(time.Hour)); took != 0 || err != nil {
		t.Errorf("it took %v, %v", took, err)
	}
}
