package selfhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const (
	programName = "elemental"
	programPath = "elemental/cmd/elemental" // the import path of its package
)

// find returns the path of the provider's program. It is the named one if there is a
// name. Otherwise it is, in this order: the one beside this program; one that it builds
// in dir, if the working directory is in the provider's source; the one in PATH.
func find(ctx context.Context, named, dir string, log func(string)) (string, error) {
	if named != "" {
		path, err := filepath.Abs(named)
		if err == nil {
			err = isProgram(path)
		}
		if err != nil {
			return "", fmt.Errorf("the provider's program: %w", err)
		}
		return path, nil
	}
	beside, besideErr := besideThis()
	if besideErr == nil {
		return beside, nil
	}
	sourceErr := hasSource(ctx)
	if sourceErr == nil {
		log("building the provider …")
		return build(ctx, dir)
	}
	installed, pathErr := exec.LookPath(programName)
	if pathErr == nil {
		return filepath.Abs(installed)
	}
	return "", fmt.Errorf("no provider was found that could be started; name its program with --provider\n"+
		"\tbeside this program: %w\n\tfrom its source: %w\n\tin PATH: %w", besideErr, sourceErr, pathErr)
}

func besideThis() (string, error) {
	this, err := os.Executable()
	if err != nil {
		return "", err
	}
	if this, err = filepath.EvalSymlinks(this); err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(this), executable(programName))
	return path, isProgram(path)
}

// executable is the file name of a program.
func executable(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

// isProgram returns an error if the path is no program that can be run.
func isProgram(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file", path)
	case runtime.GOOS != "windows" && info.Mode()&0o111 == 0:
		return fmt.Errorf("%s may not be executed", path)
	}
	return nil
}

// hasSource returns an error if the working directory is not in the provider's module, or
// if there is no Go to build it with.
func hasSource(ctx context.Context) error {
	_, err := exec.CommandContext(ctx, "go", "list", "-find", programPath).Output()
	if exit, is := errors.AsType[*exec.ExitError](err); is {
		first, _, _ := strings.Cut(strings.TrimSpace(string(exit.Stderr)), "\n")
		return fmt.Errorf("go list %s: %s", programPath, first)
	}
	return err
}

func build(ctx context.Context, dir string) (string, error) {
	target := filepath.Join(dir, executable(programName))
	// -buildvcs=false: the build must not fail because of the state of the Git folder.
	out, err := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", target, programPath).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", programPath, err, out)
	}
	return target, nil
}

// cleanEnv is the environment without the variables of the provider. They are meant for
// the user's own provider, and would change what is measured.
func cleanEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "ELEMENTAL_") })
}
