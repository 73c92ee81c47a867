// Package page is the inspector's page: what its sources build, embedded.
package page

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files are the page's files: index.html and what it needs, under assets.
var Files = must(fs.Sub(dist, "dist"))

func must(files fs.FS, err error) fs.FS {
	if err != nil {
		panic(err) // the folder is embedded under this name
	}
	return files
}
