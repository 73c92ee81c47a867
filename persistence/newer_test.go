package persistence

import (
	"bytes"
	"errors"
	"hash/crc32"
	"path"
	"slices"
	"strings"
	"testing"
)

// withHeader changes the header of the newest segment, checksum and all.
func (f files) withHeader(t *testing.T, change func(h *header)) files {
	t.Helper()
	name := segmentFile(3)
	h := headerOf(t, f[name])
	change(&h)
	line, err := headerLine(&h, h.Previous.Seq+1)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(f[name], []byte{'\n'})
	return f.with(name, slices.Concat(line, rest))
}

// TestHeadersThatAreSoundAndWrong gives the newest segment a header that has its right checksum, but
// is not of this program, or does not fit the other segments, as after a copy of single files.
func TestHeadersThatAreSoundAndWrong(t *testing.T) {
	sound, _ := small(t)
	for what, change := range map[string]func(h *header){
		"not a journal header": func(h *header) { h.Format = "other" },
		"version 2":            func(h *header) { h.Version = 2 },
		"not the expected one": func(h *header) { // one record less counts
			before := sound[segmentFile(2)][:h.Previous.Bytes-1]
			h.Previous.Bytes = int64(bytes.LastIndexByte(before, '\n')) + 1
		},
	} {
		changed := sound.withHeader(t, change)
		m := changed.put(t)
		err := readAll(t, m, nil, nil)
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
		checkRefusal(t, err, m, changed, what)
	}
}

// TestASnapshotOfANewerProgram is neither read nor passed over for the older one.
func TestASnapshotOfANewerProgram(t *testing.T) {
	f := wholeFolder(t)
	s := Stream("users/alice")
	name := path.Join(streamDir(s), stateFile)
	data := bytes.Replace(f.files[name], []byte(`"version": 1`), []byte(`"version": 2`), 1)
	at := crcAt(data)
	putHex(data[at:at+8], crc32.Checksum(data[at+8:], castagnoli))
	m := f.files.with(name, data).put(t)
	if err := readAll(t, m, []Stream{s}, func(r *Recovered) {
		if !errors.As(r.Err, new(*VersionError)) {
			t.Errorf("recovered up to %d, %v", r.Seq, r.Err)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// TestRecordsThatAreSoundAndWrong has one more record at the end of the journal, which nothing proves
// durable: of a kind that is not known here, or an event of which the stream has another already.
func TestRecordsThatAreSoundAndWrong(t *testing.T) {
	sound, counts := small(t)
	with := func(body []byte) files {
		data := trim(sound[segmentFile(3)])
		_, next, _ := soundPrefix(data, headerOf(t, data).Previous.Seq+1)
		return sound.with(segmentFile(3), appendFrame(slices.Clone(data), next, next-1, body))
	}
	newer := with([]byte(`{"new":true}`))
	m := newer.put(t)
	err := readAll(t, m, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "unknown kind of record") {
		t.Errorf("of a newer program: %v", err)
	}
	checkRefusal(t, err, m, newer, "of a newer program")

	again := with([]byte(`{"stream":"users/alice","seq":1,"type":"t","version":1,"data":{}}`))
	if err := readAll(t, again.put(t), []Stream{"users/alice", "servers/go"}, func(r *Recovered) {
		if r.Stream != "users/alice" {
			checkEvents(t, r, counts[r.Stream])
		} else if !errors.As(r.Err, new(*DamageError)) {
			t.Errorf("recovered up to %d, %v", r.Seq, r.Err)
		}
	}); err != nil {
		t.Error(err)
	}
}
