// Package cli is what the command lines of the programs have in common: how options are
// named and read, the help, the version, and an error as one line.
package cli

import (
	"cmp"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"
)

// New returns the parser of a program's command line. It fills the struct that options points
// to. On the command line an option has its field's name in lower case; in the environment it
// has the program's name, an underscore and the field's name, in upper case. Numbers are
// decimal, and texts are UTF-8. --help ends the program.
func New(program, description string, options any, groups []kong.Group, more ...kong.Option) (*kong.Kong, error) {
	return kong.New(options, append([]kong.Option{
		kong.Name(program),
		kong.Description(description),
		kong.FlagNamer(strings.ToLower),
		kong.DefaultEnvars(strings.TrimSuffix(variables(program), "_")),
		kong.KindMapper(reflect.Int, kong.MapperFunc(wholeNumber)),
		kong.KindMapper(reflect.String, kong.MapperFunc(plainText)),
		kong.ExplicitGroups(groups),
		kong.ValueFormatter(func(value *kong.Value) string { return value.Help }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110, NoExpandSubcommands: true}),
		kong.Help(printHelp),
	}, more...)...)
}

// variables is how the names of a program's environment variables begin.
func variables(program string) string {
	return strings.ToUpper(strings.ReplaceAll(program, "-", "_")) + "_"
}

// UnknownVariables returns the environment variables that are named like options of the
// program, but belong to none, nor to an argument.
func UnknownVariables(parser *kong.Kong) []string {
	known := map[string]bool{}
	_ = kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error { // the visitor never fails
		if value, ok := node.(*kong.Value); ok {
			for _, env := range value.Tag.Envs {
				known[env] = true
			}
		}
		return next(nil)
	})
	var unknown []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, variables(parser.Model.Name)) && !known[name] {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// Version is the program's name with its version, revision and compiler.
func Version(program string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return program + " (devel)"
	}
	line := program + " " + cmp.Or(info.Main.Version, "(devel)")
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			line += " " + setting.Value
		}
	}
	return line + " (" + info.GoVersion + ")"
}

// VersionFlag is an option that prints the version and ends the program. Kong's own does not
// notice when printing fails.
type VersionFlag bool

// BeforeReset is called by kong if the flag is given.
func (VersionFlag) BeforeReset(parser *kong.Kong) error {
	_, err := fmt.Println(Version(parser.Model.Name))
	Exit(parser.Model.Name, err)
	return nil
}

// printHelp prints the help as kong does, and then ends the program. If it returned a failure to
// write, that would be reported as a mistake in the options.
func printHelp(options kong.HelpOptions, given *kong.Context) error {
	Exit(given.Model.Name, kong.DefaultHelpPrinter(options, given))
	return nil
}

// Exit ends a program that was asked for nothing but a text: with code 0, or, if err says that
// the text could not be written, with that error and code 1.
func Exit(program string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: the output cannot be written: %s\n", program, OneLine(err))
		os.Exit(1)
	}
	os.Exit(0)
}

// OneLine is an error as one line: its lines become parts of one sentence.
func OneLine(err error) string {
	var text strings.Builder
	for line := range strings.Lines(strings.TrimSpace(err.Error())) {
		switch so := text.String(); {
		case so == "":
		case strings.HasSuffix(so, ":"):
			text.WriteString(" ")
		default:
			text.WriteString("; ")
		}
		text.WriteString(strings.TrimSpace(line))
	}
	return text.String()
}
