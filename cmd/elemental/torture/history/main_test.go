package history

import (
	"os"
	"sync"
	"testing"

	"elemental/cmd/elemental/providertest"
)

// patience bounds how long a failure takes; nothing is hoped to happen meanwhile.
const patience = providertest.Patience

// program is the real one, built when a test wants it.
var program = sync.OnceValues(func() (string, error) { return providertest.Build(built, "elemental/cmd/elemental") })

var built string // the folder of it

func TestMain(m *testing.M) {
	os.Exit(providertest.Main(m, func(dir string) error { built = dir; return nil }))
}

// rounds is how often a loop test loops: more with ELEMENTAL_LONG=1.
func rounds(short, full int) int {
	if os.Getenv("ELEMENTAL_LONG") != "" {
		return full
	}
	return short
}
