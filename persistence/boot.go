package persistence

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"elemental/persistence/vfs"
)

const (
	formatFile    = "elemental.json"
	formatName    = "elemental"
	formatVersion = 1
)

// format is the content of formatFile.
type format struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Created time.Time `json:"created"`
}

// boot reads the folder, and writes only once nothing can be refused any more.
// Its cost is the journal tail's, whatever else the folder holds.
func boot(cfg Config) (*core, error) {
	known, err := checkFormat(cfg)
	if err != nil {
		return nil, err
	}
	found, err := scanJournal(cfg.FS)
	if err != nil {
		return nil, openError(cfg.Dir, err)
	}
	c := newCore(cfg)
	h := c.firstHeader(found)
	dropped, err := c.load(found, h)
	if err != nil {
		return nil, openError(cfg.Dir, err)
	}
	if !known && len(c.table)+len(dropped) > 0 {
		return nil, &DamageError{formatFile, 0, "it is missing, but there is a journal"}
	}
	if known && !found.begun {
		return nil, &DamageError{journalFolder, 0, "there is no journal"}
	}
	if err := c.beginRun(found, h, known); err != nil {
		err = errors.Join(err, c.writer.close())
		c.undo()
		return nil, &NotWritableError{cfg.Dir, err}
	}
	c.surplus = found.surplus
	c.removeSurplus()
	c.removeDropped(dropped)
	return c, nil
}

// openError leaves our refusals as they are; anything else is the disk's.
func openError(dir string, err error) error {
	if errors.As(err, new(*DamageError)) || errors.As(err, new(*VersionError)) {
		return err
	}
	return &NotWritableError{dir, err}
}

// checkFormat tells whether the folder is one of ours already.
func checkFormat(cfg Config) (bool, error) {
	data, err := vfs.ReadFile(cfg.FS, formatFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, checkLegacy(cfg)
	}
	if err != nil {
		return false, &NotWritableError{cfg.Dir, err}
	}
	var f format
	if err := json.Unmarshal(data, &f); err != nil || f.Format != formatName || f.Version < 1 {
		return false, &DamageError{formatFile, 0, "not the format file of a data folder"}
	}
	if f.Version > formatVersion {
		return false, &VersionError{formatFile, f.Version, formatVersion}
	}
	return true, nil
}

// checkLegacy refuses the folder of the original provider. One with a journal is
// ours, whatever else it lost.
func checkLegacy(cfg Config) error {
	segments, err := listSegments(cfg.FS)
	legacy := false
	if err == nil && len(segments) == 0 {
		legacy, err = isLegacy(cfg.FS)
	}
	switch {
	case err != nil:
		return &NotWritableError{cfg.Dir, err}
	case legacy:
		return &LegacyError{cfg.Dir}
	}
	return nil
}

func isLegacy(files vfs.FS) (bool, error) {
	config, err := vfs.Exists(files, "config.json")
	if err != nil {
		return false, err
	}
	users, err := files.List("users")
	if err == nil && (config || len(users) > 0) {
		return true, nil
	}
	if err = ignoreMissing(err); err != nil {
		return false, err
	}
	servers, err := files.List("servers")
	if err = ignoreMissing(err); err != nil {
		return false, err
	}
	for _, name := range servers {
		if info, err := vfs.Exists(files, "servers/"+name+"/info"); err != nil || info {
			return info, err
		}
	}
	return false, nil
}

func newCore(cfg Config) *core {
	counts := newCounts(&cfg)
	files := &disk{FS: cfg.FS, indent: cfg.Indent, made: make(map[string]struct{}), counts: counts}
	files.pages.most = cfg.OpenPages
	c := &core{
		cfg: cfg, log: cfg.Log, files: files,
		inbox:   &inbox{},
		table:   make(map[Stream]*stream),
		olds:    make(map[Stream]uint32),
		unsaved: make(map[*stream]bool),
		asked:   make(map[*stream]time.Time),
		writer:  &writer{files: cfg.FS, counts: counts},
		counts:  counts,
		marked:  true,
	}
	c.reads, c.writes = c.newPool(readers), c.newPool(writers)
	return c
}

// firstHeader is that of the first segment of this run: nothing is ever added to a recovered one.
func (c *core) firstHeader(s *scan) *header {
	c.number = s.highest + 1
	h := &header{
		Format: journalFormat, Version: journalVersion, Created: time.Now().UTC(),
		Segment: c.number, Oldest: c.number, Previous: s.previous,
	}
	if len(s.segments) > 0 {
		h.Oldest = s.segments[0].header.Segment
	}
	return h
}

// load fills the table from the journal tail, of which the last lines will be in the new segment.
// It gives the streams that ended in it, each with the segment that says so.
func (c *core) load(s *scan, h *header) (map[Stream]uint32, error) {
	dropped := make(map[Stream]uint32)
	var bad error
	take := func(b body, at loc) {
		c.marked = false
		if err := c.loadEvent(b, at); err != nil {
			bad = err
		}
		for _, name := range b.drops {
			c.loadDrop(name)
			dropped[name] = at.segment
		}
	}
	for _, f := range s.segments {
		c.segments = append(c.segments, &segment{number: f.header.Segment, bytes: f.bytes})
		if err := eachEvent(c.files, f.header.Segment, f.bytes, take); err != nil {
			return nil, err
		}
	}
	line, err := headerLine(h, s.next)
	if err != nil {
		return nil, err
	}
	at := int64(len(line))
	c.segments = append(c.segments, &segment{number: h.Segment, bytes: at + int64(len(s.again))})
	c.nextSeq, c.marked = s.next, true
	for line := range bytes.Lines(s.again) {
		c.marked = true // unless it is an event
		c.nextSeq++
		if err := handLine(segmentFile(h.Segment), h.Segment, line, at, take); err != nil {
			return nil, err
		}
		at += int64(len(line))
	}
	return dropped, bad
}

func (c *core) loadEvent(b body, at loc) error {
	e, err := c.entry(b.stream)
	if err != nil {
		return &DamageError{segmentFile(at.segment), at.offset, "bad stream name"}
	}
	switch {
	case e.durable == 0:
		e.durable = b.event.Seq - 1
	case b.event.Seq > e.durable+1: // a snapshot may know what lies between
		c.cover(e, e.durable)
		e.durable = b.event.Seq - 1
	case b.event.Seq <= e.durable:
		e.broken = true
		return nil
	}
	c.note(e, at)
	return nil
}

func (c *core) loadDrop(name Stream) {
	if e := c.table[name]; e != nil {
		c.cover(e, e.durable)
		delete(c.table, name)
	}
}

// removeDropped does again what dropping did: it may have been cut short.
func (c *core) removeDropped(dropped map[Stream]uint32) {
	for name, in := range dropped {
		if c.table[name] == nil {
			c.segment(in).needed++
			c.removeFiles(name, removal{segment: in})
		}
	}
}

// beginRun keeps torn ends aside and begins the first segment of this run, with what may be there
// only in memory. A sync of the file that it was read from would not do: where one has failed,
// the system may hold for synced what it has never written.
func (c *core) beginRun(s *scan, h *header, known bool) error {
	if err := c.files.makeDir(journalFolder); err != nil {
		return err
	}
	for _, t := range s.torn {
		if err := c.keepTail(t); err != nil {
			return err
		}
	}
	if _, err := c.writer.begin(h, s.next, s.again); err != nil {
		return err
	}
	c.fresh = append(c.fresh, segmentFile(c.number))
	c.epochs = uint64(c.number) << 32
	c.writable.Store(true)
	if known {
		return nil
	}
	return c.writeFormat()
}

// writeFormat comes last: a folder that has it has a journal.
func (c *core) writeFormat() error {
	data, err := json.Marshal(format{formatName, formatVersion, time.Now().UTC()}, jsontext.WithIndent("  "))
	if err != nil {
		return fmt.Errorf("format file: %w", err)
	}
	c.fresh = append(c.fresh, formatFile+newSuffix, formatFile)
	if err := c.files.replace(formatFile, append(data, '\n')); err != nil {
		return err
	}
	return c.files.SyncDir(".")
}

// undo leaves the folder as it was before a run that cannot begin. It does what
// the disk still lets it do; what stays is harmless.
func (c *core) undo() {
	for _, name := range slices.Backward(c.fresh) {
		err := ignoreMissing(c.files.Remove(name))
		if err == nil && name == formatFile { // it must never be there without a journal
			err = c.files.SyncDir(".")
		}
		if err != nil {
			return
		}
	}
	_ = c.files.RemoveEmpty(journalFolder)
}

// keepTail keeps what is cut off, for whoever wants to know.
func (c *core) keepTail(t tail) error {
	for i := 0; ; i++ {
		name := fmt.Sprintf("%s/%08d%s", journalFolder, t.segment, tornSuffix)
		if i > 0 {
			name = fmt.Sprintf("%s/%08d.%d%s", journalFolder, t.segment, i, tornSuffix)
		}
		kept, err := vfs.ReadFile(c.files, name)
		if errors.Is(err, fs.ErrNotExist) {
			c.fresh = append(c.fresh, name)
			if err := vfs.WriteSynced(c.files, name, t.data); err != nil {
				return err
			}
			c.log.Warn("what was left half written in the journal is kept aside", "file", name, "bytes", len(t.data))
			return c.files.SyncDir(journalFolder)
		}
		if err != nil || bytes.Equal(kept, t.data) {
			return err
		}
	}
}
