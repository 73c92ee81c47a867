package persistence

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"elemental/persistence/vfs"
)

const (
	snapshotFormat  = "elemental-snapshot"
	snapshotVersion = 1
)

// snapshot is a state file. Crc stays first in the file: it is CRC-32C of all
// bytes of the file behind its value.
type snapshot struct {
	CRC     string         `json:"crc32c"`
	Format  string         `json:"format"`
	Version int            `json:"version"`
	Stream  Stream         `json:"stream"`
	Seq     uint64         `json:"seq"`
	Gone    bool           `json:"gone,omitzero"`
	State   jsontext.Value `json:"state"`
}

var crcKey = []byte(`"crc32c":`)

// encodeSnapshot makes the file of a snapshot.
func encodeSnapshot(s *snapshot, indent int) ([]byte, error) {
	s.CRC, s.Format, s.Version = "00000000", snapshotFormat, snapshotVersion
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("%w: state: %w", ErrInvalid, err)
	}
	value := jsontext.Value(data)
	if indent > 0 {
		err = value.Indent(jsontext.WithIndent(strings.Repeat(" ", indent)))
	} else {
		err = value.Compact()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: state: %w", ErrInvalid, err)
	}
	data = append(value, '\n')
	at := crcAt(data)
	putHex(data[at:at+8], crc32.Checksum(data[at+8:], castagnoli))
	return data, nil
}

// crcAt finds the eight digits of the crc, or -1.
func crcAt(data []byte) int {
	rest, ok := bytes.CutPrefix(data, []byte{'{'})
	if !ok {
		return -1
	}
	rest = bytes.TrimLeft(rest, " \n")
	if rest, ok = bytes.CutPrefix(rest, crcKey); !ok {
		return -1
	}
	rest, ok = bytes.CutPrefix(bytes.TrimLeft(rest, " "), []byte{'"'})
	if !ok || len(rest) < 8 {
		return -1
	}
	return len(data) - len(rest)
}

// decodeSnapshot reads a state file of a stream, and refuses any that is not
// byte for byte as it was written.
func decodeSnapshot(name string, of Stream, data []byte) (*snapshot, error) {
	damage := func(problem string) error { return &DamageError{name, 0, problem} }
	at := crcAt(data)
	if at < 0 {
		return nil, damage("no checksum")
	}
	var sum [8]byte
	putHex(sum[:], crc32.Checksum(data[at+8:], castagnoli))
	if string(sum[:]) != string(data[at:at+8]) {
		return nil, damage("wrong checksum")
	}
	var s snapshot
	if err := json.Unmarshal(data, &s); err != nil || s.Format != snapshotFormat || s.Version < 1 {
		return nil, damage("not a snapshot")
	}
	if s.Version > snapshotVersion {
		return nil, &VersionError{name, s.Version, snapshotVersion}
	}
	if s.Stream != of {
		return nil, damage("snapshot of another stream")
	}
	if err := s.State.Compact(); err != nil {
		return nil, damage("not a snapshot")
	}
	return &s, nil
}

// readSnapshot reads one of a stream's state files; nil without one.
func (d *disk) readSnapshot(of Stream, file string) (*snapshot, error) {
	name := path.Join(streamDir(of), file)
	data, err := vfs.ReadFile(d, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeSnapshot(name, of, data)
}

// saveJob writes a stream's pages and state.
type saveJob struct {
	of     *stream
	msg    *SaveSnapshot
	rotate bool // the present state file is good and older: keep it beside
}

// saved answers a saveJob.
type saved struct {
	saveJob
	err error
}

func (j saveJob) failed(reason error) any { return saved{saveJob: j, err: reason} }

func (j saveJob) do(d *disk) any {
	dir := streamDir(j.msg.Stream)
	if err := d.writePages(j.msg.Stream, j.msg.Pages); err != nil {
		return j.failed(fmt.Errorf("pages of %s: %w", j.msg.Stream, err))
	}
	data, err := encodeSnapshot(&snapshot{Stream: j.msg.Stream, Seq: j.msg.Seq, Gone: j.msg.Gone, State: j.msg.State}, d.indent)
	if err == nil {
		err = d.inDir(dir, func() error { return d.writeState(dir, data, j.rotate) })
	}
	if err != nil {
		return j.failed(fmt.Errorf("snapshot of %s: %w", j.msg.Stream, err))
	}
	d.counts.snapshot(len(data))
	return saved{saveJob: j}
}

// writeState puts a state file in place and makes it durable.
func (d *disk) writeState(dir string, data []byte, rotate bool) error {
	state, fresh := path.Join(dir, stateFile), path.Join(dir, newStateFile)
	if err := d.fresh(fresh, data); err != nil {
		return err
	}
	err := d.verify(fresh, data) // before it replaces one that may be the only sound one
	if err == nil && rotate {
		err = ignoreMissing(d.Rename(state, path.Join(dir, oldStateFile)))
	}
	if err == nil {
		err = d.Rename(fresh, state)
	}
	if err != nil {
		d.giveBack(fresh)
		return err
	}
	return d.SyncDir(dir)
}

// secureState makes durable a state file that was only read.
func (d *disk) secureState(of Stream) error {
	dir := streamDir(of)
	f, err := d.Open(path.Join(dir, stateFile))
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := d.makeDir(dir); err != nil {
		return err
	}
	return d.SyncDir(dir)
}

// verify reads back what was written.
func (d *disk) verify(name string, want []byte) error {
	data, err := vfs.ReadFile(d, name)
	if err != nil {
		return err
	}
	if !bytes.Equal(data, want) {
		return &DamageError{name, 0, "not what was written"}
	}
	return nil
}
