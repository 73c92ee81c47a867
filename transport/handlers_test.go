package transport_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"elemental/actors"
)

// These find in the source what each actor handles, so that a new handler
// cannot be forgotten where they are struck.

// handled is one message type at one kind of actor, as %T names it.
type handled struct {
	kind actors.Kind
	msg  string
}

// handlers are the functions that tell messages apart, by the type they belong to.
var handlers = map[string]map[string][]actors.Kind{
	"actors": {
		"provider": {actors.KindProvider}, "directory": {actors.KindDirectory}, "router": {actors.KindRouter},
		"passwords": {actors.KindPasswords}, "session": {actors.KindSession}, "user": {actors.KindUser},
		"server": {actors.KindServer}, "channel": {actors.KindChannel},
		"durable": {actors.KindUser, actors.KindServer, actors.KindChannel},
	},
	"persistence": {"core": {actors.KindPersistence}, "storeActor": {actors.KindPersistence}},
}

var handlerNames = map[string]bool{"Receive": true, "handle": true, "receive": true, "command": true, "parental": true, "judge": true}

// source is a package's files.
type source struct {
	name  string
	files []*ast.File
}

func readSource(t *testing.T, name string) source {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", name, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatal("no source of ", name, err)
	}
	s := source{name: name}
	for _, file := range names {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		s.files = append(s.files, parsed)
	}
	return s
}

// methods calls f for each method with the name of its receiver's type.
func (s source) methods(f func(receiver string, method *ast.FuncDecl)) {
	for _, file := range s.files {
		for _, decl := range file.Decls {
			if method, ok := decl.(*ast.FuncDecl); ok && method.Recv != nil {
				f(strings.TrimPrefix(s.typeName(method.Recv.List[0].Type), "*"+s.name+"."), method)
			}
		}
	}
}

// typeName is a type as %T would name it.
func (s source) typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return "*" + s.typeName(e.X)
	case *ast.SelectorExpr:
		return fmt.Sprintf("%s.%s", e.X, e.Sel)
	case *ast.Ident:
		return s.name + "." + e.Name
	}
	return ""
}

// having lists the types that have a method, which stand for an interface's case.
func (s source) having(name string) (types []string) {
	s.methods(func(receiver string, method *ast.FuncDecl) {
		if method.Name.Name == name && len(method.Type.Params.List) == 0 {
			types = append(types, "*"+s.name+"."+receiver)
		}
	})
	return types
}

// handles lists what the source handles.
func handles(t *testing.T) map[handled]bool {
	found := map[handled]bool{}
	for name, actorTypes := range handlers {
		s := readSource(t, name)
		interfaces := map[string][]string{"actors.addressed": s.having("entity"), "actors.channelBound": s.having("channel")}
		s.methods(func(receiver string, method *ast.FuncDecl) {
			if !handlerNames[method.Name.Name] {
				return
			}
			for _, kind := range actorTypes[receiver] {
				for _, msg := range s.told(method) {
					for _, each := range append(interfaces[msg], msg) {
						if strings.HasPrefix(each, "*") {
							found[handled{kind, each}] = true
						}
					}
				}
			}
		})
	}
	return found
}

// told lists the types that a function tells apart.
func (s source) told(method *ast.FuncDecl) (types []string) {
	ast.Inspect(method, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CaseClause:
			for _, e := range n.List {
				types = append(types, s.typeName(e))
			}
		case *ast.TypeAssertExpr:
			if n.Type != nil {
				types = append(types, s.typeName(n.Type))
			}
		}
		return true
	})
	return types
}
