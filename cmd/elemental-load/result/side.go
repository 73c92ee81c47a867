package result

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Side is one side of a comparison: a run, or several runs of the same kind.
type Side struct {
	Label string
	Runs  []*Result // at least one
}

// ReadSide reads the run in a folder. If the folder has no result.json, it reads the runs
// in the folders in it, in the order of their names.
func ReadSide(dir string) (Side, error) {
	side := Side{Label: filepath.Clean(dir)}
	folders := []string{dir}
	if !isRun(dir) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return Side{}, fmt.Errorf("reading runs: %w", err)
		}
		folders = nil
		for _, e := range entries {
			if inner := filepath.Join(dir, e.Name()); e.IsDir() && isRun(inner) {
				folders = append(folders, inner)
			}
		}
		if len(folders) == 0 {
			return Side{}, fmt.Errorf("%s is not the folder of a run, nor of several: there is no %s in it or in a folder in it", dir, dataFile)
		}
	}
	for _, f := range folders {
		r, err := Read(f)
		if err != nil {
			return Side{}, err
		}
		side.Runs = append(side.Runs, r)
	}
	return side, nil
}

func isRun(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, dataFile))
	return !errors.Is(err, fs.ErrNotExist)
}

// first is the run whose plan, target and machine are told for the whole side.
func (s *Side) first() *Result { return s.Runs[0] }
