//go:build pins

package actors

// This file is never built. protoactor-go requires old versions of modules that its
// remote and cluster packages use. Importing those modules here keeps the newer versions
// in go.mod, and the old ones out of the module graph, although nothing links them.
import (
	_ "golang.org/x/net/context"
	_ "google.golang.org/grpc"
)
