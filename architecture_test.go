package elemental_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport is which of our packages each of them may import, by itself or
// through others. A package that is not listed fails the test, so that a new
// one is thought about.
var mayImport = map[string][]string{
	"elemental":                       {},
	"elemental/protocol":              {},
	"elemental/persistence/vfs":       {},
	"elemental/persistence/meter":     {},
	"elemental/persistence":           {"elemental/persistence/vfs", "elemental/persistence/meter"},
	"elemental/actors":                {"elemental/actors/dispatch", "elemental/actors/telemetry", "elemental/persistence", "elemental/persistence/vfs", "elemental/persistence/meter"},
	"elemental/actors/dispatch":       {},
	"elemental/actors/telemetry":      {"elemental/actors/dispatch", "elemental/persistence", "elemental/persistence/vfs", "elemental/persistence/meter"},
	"elemental/actors/placegen":       {},
	"elemental/transport":             {"elemental/actors", "elemental/actors/dispatch", "elemental/actors/telemetry", "elemental/persistence", "elemental/persistence/vfs", "elemental/persistence/meter", "elemental/protocol"},
	"elemental/client":                {"elemental/protocol"},
	"elemental/client/visible":        {},
	"elemental/cmd/elemental/hashing": {"elemental/actors", "elemental/actors/dispatch", "elemental/actors/telemetry", "elemental/persistence", "elemental/persistence/vfs", "elemental/persistence/meter"},
	"elemental/cmd/internal/cli":      {},
	"elemental/cmd/elemental": {"elemental/cmd/internal/cli", "elemental/cmd/elemental/hashing", "elemental/transport", "elemental/actors", "elemental/actors/dispatch", "elemental/actors/telemetry", "elemental/persistence",
		"elemental/persistence/vfs", "elemental/persistence/meter", "elemental/protocol", "elemental/inspector", "elemental/inspector/page",
		"elemental/inspector/faultlab", "elemental/inspector/otlp"},

	// Who looks at all of it; the command alone knows of it.
	"elemental/inspector": {"elemental/inspector/page", "elemental/inspector/faultlab", "elemental/transport", "elemental/actors", "elemental/actors/dispatch", "elemental/actors/telemetry",
		"elemental/persistence", "elemental/persistence/vfs", "elemental/persistence/meter", "elemental/protocol"},
	"elemental/inspector/page":     {},
	"elemental/inspector/faultlab": {"elemental/persistence/vfs"},

	// What looks at the living actors; the rest does without it.
	"elemental/inspector/otlp": {"elemental/actors", "elemental/actors/dispatch", "elemental/actors/telemetry", "elemental/persistence", "elemental/persistence/vfs", "elemental/persistence/meter"},

	// These serve tests alone: disks, a whole provider in the test's process, a browser,
	// and what runs the real programs from outside.
	"elemental/persistence/vfs/vfstest":       {"elemental/persistence/vfs"},
	"elemental/transport/housetest":           {"elemental/transport", "elemental/actors", "elemental/actors/dispatch", "elemental/actors/telemetry", "elemental/persistence", "elemental/persistence/vfs", "elemental/persistence/meter", "elemental/protocol"},
	"elemental/transport/modeltest":           {},
	"elemental/transport/powercuttest":        {},
	"elemental/inspector/chromiumtest":        {},
	"elemental/cmd/elemental/providertest":    {},
	"elemental/cmd/elemental/torture":         {},
	"elemental/cmd/elemental/torture/history": {},
	"elemental/client/originaltest":           {},
	"elemental/cmd/etttc/terminaltest":        {},
	"elemental/cmd/etttc/e2e":                 {},

	"elemental/cmd/etttc/picture":  {"elemental/client/visible"},
	"elemental/cmd/etttc/commands": {"elemental/client", "elemental/protocol", "elemental/client/visible"},
	"elemental/cmd/etttc/plain":    {"elemental/client", "elemental/protocol", "elemental/cmd/etttc/commands", "elemental/cmd/etttc/picture", "elemental/client/visible"},
	"elemental/cmd/etttc/screen":   {"elemental/client", "elemental/protocol", "elemental/cmd/etttc/commands", "elemental/cmd/etttc/picture", "elemental/client/visible"},
	"elemental/cmd/etttc": {"elemental/cmd/internal/cli", "elemental/client", "elemental/protocol", "elemental/cmd/etttc/commands", "elemental/cmd/etttc/picture",
		"elemental/cmd/etttc/plain", "elemental/cmd/etttc/screen", "elemental/client/visible"},

	// The load tester's rooms, from those that know least to those that know most.
	"elemental/cmd/elemental-load/plan":     {},
	"elemental/cmd/elemental-load/check":    {},
	"elemental/cmd/elemental-load/live":     {},
	"elemental/cmd/elemental-load/selfhost": {},
	"elemental/cmd/elemental-load/wire":     {"elemental/protocol"},
	"elemental/cmd/elemental-load/result":   {load + "plan", "elemental/client/visible"},
	"elemental/cmd/elemental-load/measure":  {load + "plan", load + "result", "elemental/client/visible"},
	"elemental/cmd/elemental-load/drive": {"elemental/protocol", "elemental/client/visible",
		load + "plan", load + "result", load + "measure", load + "check", load + "wire"},
	"elemental/cmd/elemental-load/crew": {"elemental/protocol", "elemental/client/visible",
		load + "plan", load + "result", load + "measure", load + "check", load + "wire", load + "drive"},
	"elemental/cmd/elemental-load": {"elemental/cmd/internal/cli", "elemental/client", "elemental/protocol", "elemental/client/visible", load + "live", load + "selfhost",
		load + "plan", load + "result", load + "measure", load + "check", load + "wire", load + "drive", load + "crew"},
	"elemental/cmd/elemental-load/faultytest": {},

	// The benchmarks run real programs and know nothing of their code.
	"elemental/bench/crowd": {},
	"elemental/bench":       {"elemental/bench/crowd", "elemental/cmd/elemental/providertest"},
}

// load is where the rooms of the load tester are.
const load = "elemental/cmd/elemental-load/"

// beyondStandard is which other modules a package may need, where that is
// restricted; a prefix of the import path.
var beyondStandard = map[string][]string{
	"elemental/protocol": {"golang.org/x/text/", "github.com/go-json-experiment/json/"},
	"elemental/client":   {"golang.org/x/text/", "github.com/go-json-experiment/json/", "github.com/cenkalti/backoff/", "golang.org/x/sync/"},
}

const engine = "github.com/asynkron/protoactor-go"

// actorsAllowed are the packages that may know the actor engine directly.
var actorsAllowed = []string{"elemental/actors", "elemental/actors/dispatch", "elemental/actors/telemetry", "elemental/persistence", "elemental/transport/housetest"}

// imported is one package of ours, as go list tells it.
type imported struct {
	path      string
	direct    []string
	recursive []string
}

func packages(t *testing.T) []imported {
	t.Helper()
	const form = `{{.ImportPath}}|{{join .Imports " "}}|{{join .Deps " "}}`
	out, err := exec.Command("go", "list", "-f", form, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []imported
	for line := range strings.Lines(string(out)) {
		parts := strings.Split(strings.TrimSpace(line), "|")
		found = append(found, imported{parts[0], strings.Fields(parts[1]), strings.Fields(parts[2])})
	}
	return found
}

func isOurs(path string) bool { return path == "elemental" || strings.HasPrefix(path, "elemental/") }

func TestWhoMayImportWhom(t *testing.T) {
	for _, p := range packages(t) {
		allowed, known := mayImport[p.path]
		if !known {
			t.Errorf("%s has no place in the house yet: say in this test whom it may import", p.path)
		}
		for _, other := range p.recursive {
			if isOurs(other) && !slices.Contains(allowed, other) {
				t.Errorf("%s must not need %s", p.path, other)
			}
		}
	}
}

// onClientSide tells what must do without the provider.
func onClientSide(path string) bool {
	return slices.ContainsFunc([]string{"elemental/client", "elemental/protocol", "elemental/cmd/etttc", "elemental/cmd/elemental-load"},
		func(room string) bool { return path == room || strings.HasPrefix(path, room+"/") })
}

func TestActorEngineStaysInside(t *testing.T) {
	for _, p := range packages(t) {
		for _, other := range p.direct {
			if strings.HasPrefix(other, engine) && !slices.Contains(actorsAllowed, p.path) {
				t.Errorf("%s must not import %s", p.path, other)
			}
		}
		if !onClientSide(p.path) {
			continue
		}
		for _, other := range p.recursive {
			if strings.HasPrefix(other, engine) {
				t.Errorf("%s needs %s through others", p.path, other)
			}
		}
	}
}

func TestClientSideStaysLight(t *testing.T) {
	for _, p := range packages(t) {
		allowed, restricted := beyondStandard[p.path]
		if !restricted {
			continue
		}
		for _, other := range p.recursive {
			if isOurs(other) || !strings.Contains(strings.Split(other, "/")[0], ".") {
				continue // ours, or the standard library
			}
			if !slices.ContainsFunc(allowed, func(prefix string) bool { return strings.HasPrefix(other+"/", prefix) }) {
				t.Errorf("%s needs %s", p.path, other)
			}
		}
	}
}
