package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// configFile is the path given with --config. kong calls BeforeResolve once it
// knows it, wherever it came from.
type configFile string

// BeforeResolve reads the file and hands its values to kong.
func (configFile) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	path := string(ctx.FlagValue(trace.Flag).(configFile))
	values, err := readConfig(path)
	if err != nil {
		return err
	}
	file := &fileResolver{path: path, values: values}
	if err := file.check(ctx.Model.Flags); err != nil {
		return err
	}
	ctx.AddResolver(file)
	return nil
}

// fileValue is one scalar of the config file, as it was written.
type fileValue struct {
	key, text string
	line      int
}

// readConfig reads a YAML mapping of scalars; JSON is a part of YAML.
func readConfig(path string) ([]fileValue, error) {
	if path == "" {
		return nil, errors.New("--config (ELEMENTAL_CONFIG): it is empty, and has to name a file")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("config file: %w", err)
	}
	if err := checkUTF8(text); err != nil {
		return nil, fmt.Errorf("config file %s%w", path, err)
	}
	file, err := parser.ParseBytes(bytes.TrimPrefix(text, []byte("\ufeff")), 0) // the mark that some editors put first
	if err != nil {
		return nil, fmt.Errorf("config file %s: %s", path, firstLine(err.Error()))
	}
	var values []fileValue
	for _, document := range file.Docs {
		found, err := documentValues(document.Body)
		if err != nil {
			return nil, fmt.Errorf("config file %s%w", path, err)
		}
		if len(values) > 0 && len(found) > 0 { // a key could be in both
			return nil, fmt.Errorf("config file %s:%d: a second document begins here, and only one is read", path, found[0].line)
		}
		values = append(values, found...)
	}
	return values, nil
}

// checkUTF8 refuses a text with other bytes, by line. The YAML parser would put U+FFFD in their place.
func checkUTF8(text []byte) error {
	for n, line := range bytes.Split(text, []byte("\n")) {
		if !utf8.Valid(line) {
			return fmt.Errorf(":%d: it is not UTF-8", n+1)
		}
	}
	return nil
}

func documentValues(body ast.Node) ([]fileValue, error) {
	var pairs []*ast.MappingValueNode
	switch node := body.(type) {
	case nil, *ast.CommentGroupNode:
	case *ast.MappingNode:
		pairs = node.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{node}
	default:
		return nil, fmt.Errorf(": it is no list of `option: value` lines")
	}
	values := make([]fileValue, 0, len(pairs))
	for _, pair := range pairs {
		value := fileValue{key: pair.Key.GetToken().Value, line: pair.Key.GetToken().Position.Line}
		switch node := pair.Value.(type) {
		case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
			value.text = node.GetToken().Value
		case *ast.LiteralNode:
			value.text = node.Value.Value
		default:
			return nil, fmt.Errorf(":%d: %s: one value is wanted (put quotes around text with special characters)", value.line, value.key)
		}
		values = append(values, value)
	}
	return values, nil
}

// fileResolver gives kong the values of a config file.
type fileResolver struct {
	path   string
	values []fileValue
}

// check refuses unknown keys and values of the wrong form, by name and line.
func (r *fileResolver) check(flags []*kong.Flag) error {
	known := map[string]*kong.Flag{}
	for _, flag := range configurable(flags) {
		known[flag.Name] = flag
	}
	for _, value := range r.values {
		flag := known[value.key]
		if flag == nil {
			return fmt.Errorf("config file %s:%d: unknown key %q", r.path, value.line, value.key)
		}
		if err := checkText(flag, value.text); err != nil {
			return fmt.Errorf("config file %s:%d: %s: %w", r.path, value.line, value.key, err)
		}
	}
	return nil
}

// checkText tells whether text is a value that the flag takes.
func checkText(flag *kong.Flag, text string) error {
	value, err := decodeLike(flag, text)
	if err != nil {
		return err
	}
	return checkBound(flag, value)
}

// Validate is kong's; check has done it, with the line at hand.
func (r *fileResolver) Validate(*kong.Application) error { return nil }

// Resolve gives the file's value of a flag that neither the command line nor
// the environment has set.
func (r *fileResolver) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil
		}
	}
	for _, value := range r.values {
		if value.key == flag.Name {
			return value.text, nil
		}
	}
	return nil, nil
}

// configurable are the flags that may stand in a config file: those with an
// environment variable, but for --config itself.
func configurable(flags []*kong.Flag) []*kong.Flag {
	var found []*kong.Flag
	for _, flag := range flags {
		if len(flag.Envs) > 0 && flag.Name != "config" {
			found = append(found, flag)
		}
	}
	return found
}

// printConfig writes a config file with every option at its present value.
func printConfig(out io.Writer, flags []*kong.Flag) error {
	var text strings.Builder
	text.WriteString("# Config file of the elemental provider. Start it with: elemental --config FILE\n")
	group := ""
	for _, flag := range configurable(flags) {
		if flag.Group.Title != group {
			group = flag.Group.Title
			fmt.Fprintf(&text, "\n## %s\n", strings.TrimSuffix(group, ":"))
		}
		fmt.Fprintf(&text, "\n# %s\n%s: %s\n", flag.Help, flag.Name, yamlValue(flag.Target))
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// yamlValue quotes text as JSON does, which every YAML reader takes.
func yamlValue(value reflect.Value) string {
	if value.Kind() != reflect.String {
		return fmt.Sprint(value.Interface())
	}
	quoted, err := json.Marshal(value.String())
	if err != nil {
		return `""`
	}
	return string(quoted)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
