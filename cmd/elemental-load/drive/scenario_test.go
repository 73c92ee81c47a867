package drive

import (
	"slices"
	"testing"

	"elemental/cmd/elemental-load/plan"
)

// TestEveryScenarioIsKnown: every scenario that can be planned can be run, and uses only
// known operations.
func TestEveryScenarioIsKnown(t *testing.T) {
	known := map[string]bool{}
	for _, o := range Operations {
		known[o.Name] = true
	}
	for _, s := range plan.Scenarios {
		if scenarios[s.Name].act == nil {
			t.Errorf("nobody does %s", s.Name)
		}
		if !known[s.Main] || !slices.Contains(scenarios[s.Name].does, s.Main) {
			t.Errorf("%s is about %q, which is not measured", s.Name, s.Main)
		}
	}
	if len(scenarios) != len(plan.Scenarios) {
		t.Errorf("%d scenarios can be done, %d planned", len(scenarios), len(plan.Scenarios))
	}
}
