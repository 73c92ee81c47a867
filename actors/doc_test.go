package actors

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"
)

// On a system of 32 bits the provider would panic at its start, so it must not build there.
func TestBuildsForSystemsOf64BitsOnly(t *testing.T) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "doc.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for arch, builds := range map[string]bool{"amd64": true, "arm64": true, "s390x": true, "386": false, "arm": false, "mipsle": false} {
		check := types.Config{Sizes: types.SizesFor("gc", arch)}
		_, err := check.Check("actors", files, []*ast.File{file}, nil)
		if builds && err != nil || !builds && (err == nil || !strings.Contains(err.Error(), "doc.go")) {
			t.Errorf("%s: %v", arch, err)
		}
	}
}
