//go:build pins

package actors

// Never built. protoactor-go requires old versions of modules that its remote
// and cluster packages use; naming them here keeps the raised ones in go.mod,
// and the old ones out of the module graph, also while nothing links them.
import (
	_ "golang.org/x/net/context"
	_ "google.golang.org/grpc"
)
