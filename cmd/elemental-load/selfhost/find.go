package selfhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	programName = "elemental"
	programPath = "elemental/cmd/elemental" // its package
)

// find gives the path of the provider's program: the one that was named; else
// the one beside this program; else one that is built in dir from the source, if
// the working directory is in it; else one in PATH.
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

// executable is the name of a program's file.
func executable(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

// isProgram is an error for a path that cannot be run.
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

// hasSource is an error where the working directory is not in the provider's
// module, or there is no Go to build it with.
func hasSource(ctx context.Context) error {
	_, err := exec.CommandContext(ctx, "go", "list", "-find", programPath).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		first, _, _ := strings.Cut(strings.TrimSpace(string(exit.Stderr)), "\n")
		return fmt.Errorf("go list %s: %s", programPath, first)
	}
	return err
}

func build(ctx context.Context, dir string) (string, error) {
	target := filepath.Join(dir, executable(programName))
	// What Git thinks of the folder is no reason not to build.
	out, err := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", target, programPath).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", programPath, err, out)
	}
	return target, nil
}

// cleanEnv is the environment without the provider's own variables: they are
// for the provider that the user runs, and would change what is measured.
func cleanEnv() []string {
	var env []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "ELEMENTAL_") {
			env = append(env, variable)
		}
	}
	return env
}
