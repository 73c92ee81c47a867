// Command placegen writes ../telemetry/places.go: where in the source each kind of actor handles
// each type of message, as the switches of the actors say. It is run by go generate.
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	text, err := generate("../..") // go generate runs in telemetry
	if err == nil {
		err = os.WriteFile("places.go", text, 0o644) //nolint:gosec // source
	}
	if err != nil {
		log.Fatal(err)
	}
}

// room is a package with actors. Of its types, those of kinds have the switches; of
// several for a kind the first has the word.
type room struct {
	name  string
	types []actorType
}

type actorType struct {
	name  string
	kinds []string
}

var rooms = []room{
	{"actors", []actorType{
		{"provider", []string{"provider"}}, {"directory", []string{"directory"}}, {"router", []string{"router"}},
		{"passwords", []string{"passwords"}}, {"session", []string{"session"}}, {"user", []string{"user"}},
		{"server", []string{"server"}}, {"channel", []string{"channel"}}, {"durable", []string{"user", "server", "channel"}},
	}},
	{"persistence", []actorType{{"core", []string{"persistence"}}, {"storeActor", []string{"persistence"}}}},
}

// switches are the methods that tell messages apart.
var switches = []string{"Receive", "receive", "handle", "judge", "command", "parental"}

// speaks are methods that a case may call and that do not handle the message.
var speaks = []string{"reply", "refuse", "answer", "Stop", "Send", "unexpected", "judge", "parental", "entity"}

// sets are the interfaces that a case may name, and the method that their types have.
var sets = map[string]string{"addressed": "entity", "channelBound": "channel"}

// ways are interfaces that a case may name for their way of answering, whatever the message.
var ways = []string{"asked"}

// parts are the types of the fields that handle messages for an actor.
var parts = map[string]string{"kids": "children"}

// besides are the places of what is no actor, by the kind that placeOf knows it by.
var besides = []struct{ kind, room, receiver, method string }{
	{"reader", "transport", "conn", "accept"},
	{"writer", "transport", "conn", "flushNow"},
	{"hash", "actors", "hashPool", "hash"},
}

// key is a kind of actor and a type of message; none for what stands for all others.
type key struct{ kind, message string }

type place struct {
	file     string
	line     int
	function string
}

// source is the methods of a package.
type source struct {
	room    string
	files   *token.FileSet
	methods []method
}

type method struct {
	receiver string
	decl     *ast.FuncDecl
}

// generate makes the text of places.go from the module at root.
func generate(root string) ([]byte, error) {
	found := map[key]place{}
	sources := map[string]*source{}
	for _, name := range []string{"actors", "persistence", "transport"} {
		s, err := read(root, name)
		if err != nil {
			return nil, err
		}
		sources[name] = s
	}
	for _, r := range rooms {
		for _, t := range r.types {
			for _, kind := range t.kinds {
				sources[r.name].collect(found, kind, t.name)
			}
		}
	}
	for _, b := range besides {
		m := sources[b.room].find(b.receiver, b.method)
		if m == nil {
			return nil, fmt.Errorf("%s has no %s.%s", b.room, b.receiver, b.method)
		}
		found[key{b.kind, ""}] = sources[b.room].place(m, m.decl.Pos())
	}
	return write(found)
}

func read(root, name string) (*source, error) {
	s := &source{room: name, files: token.NewFileSet()}
	names, err := filepath.Glob(filepath.Join(root, name, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, file := range names {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(s.files, file, nil, 0)
		if err != nil {
			return nil, err
		}
		for _, decl := range parsed.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv != nil {
				s.methods = append(s.methods, method{typeName(f.Recv.List[0].Type), f})
			}
		}
	}
	return s, nil
}

// typeName is a type's without pointer and package.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func (s *source) find(receiver, name string) *method {
	for i := range s.methods {
		if m := &s.methods[i]; m.decl.Name.Name == name && m.receiver == receiver {
			return m
		}
	}
	return nil
}

func (s *source) place(m *method, at token.Pos) place {
	where := s.files.Position(at)
	return place{s.room + "/" + filepath.Base(where.Filename), where.Line, "(*" + m.receiver + ")." + m.decl.Name.Name}
}

// collect finds what a type of actor handles.
func (s *source) collect(found map[key]place, kind, receiver string) {
	for _, name := range switches {
		m := s.find(receiver, name)
		if m == nil {
			continue
		}
		add := func(message string, at place) {
			for _, each := range s.members(message) {
				if _, known := found[key{kind, each}]; !known {
					found[key{kind, each}] = at
				}
			}
		}
		add("", s.place(m, m.decl.Pos()))
		ast.Inspect(m.decl, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CaseClause:
				for _, e := range n.List {
					add(typeName(e), s.handler(m, n.Pos(), n.Body))
				}
			case *ast.IfStmt:
				if told := asserted(n); told != nil {
					add(typeName(told), s.handler(m, n.Pos(), n.Body.List))
				}
			}
			return true
		})
	}
}

// asserted is the type that an if tells: if _, is := msg.(*T); is { … }
func asserted(n *ast.IfStmt) ast.Expr {
	if init, ok := n.Init.(*ast.AssignStmt); ok && len(init.Rhs) == 1 {
		if told, ok := init.Rhs[0].(*ast.TypeAssertExpr); ok {
			return told.Type
		}
	}
	return nil
}

// members are the types that a name stands for: itself, or those of an interface.
func (s *source) members(name string) []string {
	has := sets[name]
	switch {
	case slices.Contains(ways, name):
		return nil
	case has == "":
		return []string{name}
	}
	var all []string
	for _, m := range s.methods {
		if m.decl.Name.Name == has && len(m.decl.Type.Params.List) == 0 {
			all = append(all, m.receiver)
		}
	}
	return all
}

// handler is the method that a case calls, or the case itself where it does the work.
func (s *source) handler(m *method, at token.Pos, body []ast.Stmt) place {
	for _, statement := range body {
		switch statement := statement.(type) {
		case *ast.ExprStmt:
			if called := s.called(m, statement.X); called != nil {
				return s.place(called, called.decl.Pos())
			}
		case *ast.AssignStmt:
			if _, call := statement.Rhs[0].(*ast.CallExpr); call {
				continue
			}
		}
		break
	}
	return s.place(m, at)
}

// called is the method that a statement calls: one of m's own type, or of a part of it.
func (s *source) called(m *method, e ast.Expr) *method {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return nil
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || slices.Contains(speaks, selector.Sel.Name) {
		return nil
	}
	name := selector.Sel.Name
	if part, ok := selector.X.(*ast.SelectorExpr); ok {
		return s.find(parts[part.Sel.Name], name)
	}
	if own := s.find(m.receiver, name); own != nil {
		return own
	}
	return s.find("durable", name)
}

func write(found map[key]place) ([]byte, error) {
	keys := slices.SortedFunc(maps.Keys(found), func(a, b key) int {
		return strings.Compare(a.kind+" "+a.message, b.kind+" "+b.message)
	})
	var b bytes.Buffer
	b.WriteString("// Code generated by placegen from the switches of the actors. DO NOT EDIT.\n\n")
	b.WriteString("package telemetry\n\nvar places = map[handler]Place{\n")
	for _, k := range keys {
		p := found[k]
		fmt.Fprintf(&b, "\t{%q, %q}: {%q, %d, %q},\n", k.kind, k.message, p.file, p.line, p.function)
	}
	b.WriteString("}\n")
	return format.Source(b.Bytes())
}
