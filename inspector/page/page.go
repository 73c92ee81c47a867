// Package page has the inspector's page as it was built from its sources, embedded.
package page

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files has the page's files: index.html, and under assets what it needs.
var Files = must(fs.Sub(dist, "dist"))

func must(files fs.FS, err error) fs.FS {
	if err != nil {
		panic(err) // cannot happen, since the folder is embedded under this name
	}
	return files
}
