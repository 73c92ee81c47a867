package result

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// The files of a run. There are also two .hgrm files for each operation.
const (
	dataFile    = "result.json"
	secondsFile = "seconds.csv"
	pageFile    = "report.html"
)

// The limits of what is read, since a result.json may come from anybody.
const (
	mostBytes      = 256 << 20
	mostOperations = 256
)

// Write writes all files of a run into a folder, which it makes if needed: result.json,
// seconds.csv, report.html, and for each operation <operation>.hgrm (corrected) and
// <operation>-uncorrected.hgrm. Each file appears whole or not at all. The files of an
// earlier run in the folder are replaced or removed.
func Write(dir string, r *Result) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("keeping the result: %w", err)
	}
	return within(dir, func(root *os.Root) error {
		before := kept(root)
		err := replace(root, dataFile, func(w io.Writer) error {
			text, err := encoded(r)
			if err != nil {
				return err
			}
			_, err = w.Write(text)
			return err
		})
		return errors.Join(err, derive(root, r), removeOthers(root, before, r.Operations))
	})
}

// kept lists the operations of the run that the folder has. It is nil if there is none
// that can be read.
func kept(root *os.Root) []Operation {
	text, err := readData(root)
	if err != nil {
		return nil
	}
	r, err := parse(text)
	if err != nil {
		return nil
	}
	return r.Operations
}

// removeOthers removes the .hgrm files of operations that the new run does not have, so
// that they are not taken for files of the new run.
func removeOthers(root *os.Root, before, now []Operation) (err error) {
	names := fileNames(now)
	for _, name := range fileNames(before) {
		if slices.Contains(names, name) {
			continue
		}
		for _, file := range []string{name + ".hgrm", name + uncorrectedSuffix + ".hgrm"} {
			if failed := root.Remove(file); failed != nil && !errors.Is(failed, fs.ErrNotExist) {
				err = errors.Join(err, failed)
			}
		}
	}
	return err
}

// encoded is the text of result.json.
func encoded(r *Result) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // people read the file too
	err := e.Encode(r)
	return text.Bytes(), err
}

// Rewrite makes all other files of a run's folder again from its result.json, and returns
// the result.
func Rewrite(dir string) (*Result, error) {
	r, err := Read(dir)
	if err != nil {
		return nil, err
	}
	return r, within(dir, func(root *os.Root) error { return derive(root, r) })
}

// within opens a folder so that no name and no link in it can lead out of it.
func within(dir string, do func(*os.Root) error) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("keeping the result: %w", err)
	}
	err = errors.Join(do(root), root.Close())
	if err != nil {
		return fmt.Errorf("keeping the result in %s: %w", dir, err)
	}
	return nil
}

// derive writes the files that are made from the result.
func derive(root *os.Root, r *Result) error {
	errs := []error{
		replace(root, secondsFile, func(w io.Writer) error { return writeSeconds(w, r) }),
		replace(root, pageFile, func(w io.Writer) error { return writePage(w, r) }),
	}
	for i, base := range fileNames(r.Operations) {
		o := &r.Operations[i]
		errs = append(errs,
			replace(root, base+".hgrm", func(w io.Writer) error { return writePercentiles(w, &o.Corrected) }),
			replace(root, base+uncorrectedSuffix+".hgrm", func(w io.Writer) error { return writePercentiles(w, &o.Uncorrected) }))
	}
	return errors.Join(errs...)
}

// writePercentiles writes a distribution in milliseconds, in the format of HdrHistogram's
// plotters.
func writePercentiles(w io.Writer, l *Latency) error {
	const ticksPerHalf, microsPerMilli = 5, 1000
	h, err := l.Decode()
	if err != nil {
		return err
	}
	_, err = h.PercentilesPrint(w, ticksPerHalf, microsPerMilli)
	return err
}

// replace writes a temporary file and then renames it, so that the file is replaced as a
// whole.
func replace(root *os.Root, name string, write func(io.Writer) error) (err error) {
	temporary := "." + name + "." + rand.Text()
	f, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", name, err), root.Remove(temporary))
		}
	}()
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	return root.Rename(temporary, name)
}

const uncorrectedSuffix = "-uncorrected"

// fileNames are the names of the operations' files, without an ending. They are the
// operations' own names where those are plain. No two are the same.
func fileNames(operations []Operation) []string {
	names := make([]string, len(operations))
	used := map[string]bool{}
	for i, o := range operations {
		base := plainName(o.Name)
		for n := 2; used[base] || used[base+uncorrectedSuffix]; n++ {
			base = fmt.Sprintf("%s-%d", plainName(o.Name), n)
		}
		used[base], used[base+uncorrectedSuffix] = true, true
		names[i] = base
	}
	return names
}

// plainName makes a name of small letters, digits, dots, dashes and underscores that
// begins with a letter, digit or underscore.
func plainName(name string) string {
	const most = 60
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune(".-_", r) {
			return r
		}
		return '_'
	}, name)
	plain = plain[:min(len(plain), most)]
	if plain == "" || plain[0] == '.' || plain[0] == '-' {
		return "_" + plain
	}
	return plain
}

// Read reads the result.json of a run's folder. The error says what is wrong: that there
// is none, that a newer program wrote it, or that it is damaged.
func Read(dir string) (*Result, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("reading a run: %w", err)
	}
	text, err := readData(root)
	err = errors.Join(err, root.Close())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not the folder of a run: it has no %s", dir, dataFile)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the run in %s: %w", dir, err)
	}
	r, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("the %s in %s %w", dataFile, dir, err)
	}
	return r, nil
}

func readData(root *os.Root) (text []byte, err error) {
	f, err := root.Open(dataFile)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err = io.ReadAll(io.LimitReader(f, mostBytes+1))
	if len(text) > mostBytes {
		return nil, fmt.Errorf("%s is larger than %s", dataFile, size(mostBytes))
	}
	return text, err
}

// parse reads a result.json and checks what the other files need of it. Its errors
// continue the words "the result.json".
func parse(text []byte) (*Result, error) {
	var head struct {
		Format *int `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("is damaged: %w", err)
	}
	if head.Format == nil || *head.Format < 1 {
		return nil, errors.New("is not a result of elemental-load: it names no format")
	}
	if *head.Format > Format {
		return nil, fmt.Errorf("has format %d, and this program reads up to %d: a newer one wrote it", *head.Format, Format)
	}
	r := new(Result)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("is damaged: %w", err)
	}
	if err := r.sound(); err != nil {
		return nil, fmt.Errorf("is damaged: %w", err)
	}
	return r, nil
}

// sound reports what is wrong with the operations.
func (r *Result) sound() error {
	if len(r.Operations) > mostOperations {
		return fmt.Errorf("%d operations are too many", len(r.Operations))
	}
	seen := map[string]bool{}
	for i := range r.Operations {
		o := &r.Operations[i]
		if o.Name == "" || seen[o.Name] {
			return fmt.Errorf("the operation name %q is empty or there twice", o.Name)
		}
		seen[o.Name] = true
		for _, l := range []*Latency{&o.Corrected, &o.Uncorrected} {
			if _, err := l.Decode(); err != nil {
				return fmt.Errorf("operation %q: %w", o.Name, err)
			}
		}
	}
	return nil
}
