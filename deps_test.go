package elemental

// Keeps modules in go.mod while the rooms that use them are written.
import (
	_ "github.com/alecthomas/kong"
	_ "github.com/asynkron/protoactor-go/actor"
	_ "github.com/cockroachdb/pebble/v2/vfs"
	_ "github.com/go-json-experiment/json"
	_ "go.uber.org/goleak"
	_ "golang.org/x/crypto/argon2"
	_ "golang.org/x/text/unicode/norm"
)
