package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
)

func leftOut(lines int) string { return fmt.Sprintf("left %d\n", lines) }

// TestLineWriterLosesNothing that there is room for, up to its end.
func TestLineWriterLosesNothing(t *testing.T) {
	var out bytes.Buffer
	w := newLineWriter(&out, leftOut)
	want := ""
	for i := range 10_000 {
		line := fmt.Sprintf("line %d\n", i)
		_, _ = io.WriteString(w, line)
		want += line
	}
	w.close()
	_, _ = io.WriteString(w, "after the end\n")
	w.close()
	if out.String() != want {
		t.Errorf("%d bytes written, want %d", out.Len(), len(want))
	}
}

// TestLineWriterWaitsForNobody has an output that takes nothing for long: writing goes on,
// what waits is bounded, and what was left out is told.
func TestLineWriterWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, stuck := io.Pipe()
		w := newLineWriter(stuck, leftOut)
		const lines = 10_000
		long := strings.Repeat("x", 1000) + "\n"
		for range lines {
			_, _ = io.WriteString(w, long)
		}
		go func() {
			w.close()
			_ = stuck.Close()
		}()
		var got, left int
		for in := bufio.NewScanner(reader); in.Scan(); {
			if in.Text()+"\n" == long {
				got++
			} else if _, err := fmt.Sscanf(in.Text(), "left %d", &left); err != nil {
				t.Errorf("a line was torn: %s", in.Text())
			}
		}
		if got+left != lines || got > 4000 || got < 1000 {
			t.Errorf("%d lines written and %d left out, of %d", got, left, lines)
		}
	})
}

// fullDisk is a file on a disk with room for so many more bytes.
type fullDisk struct {
	file bytes.Buffer
	room int
}

func (d *fullDisk) Write(p []byte) (int, error) {
	n, err := len(p), error(nil)
	if n > d.room {
		n, err = d.room, syscall.ENOSPC
	}
	d.room -= n
	d.file.Write(p[:n])
	return n, err
}

// TestLineWriterOnAFullDisk keeps the lines that the disk refuses, as far as there is room, and
// writes them when the disk takes them again: none is torn, and those left out are counted.
func TestLineWriterOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &fullDisk{room: 10}
		w := newLineWriter(disk, leftOut)
		say := func(line string) {
			_, _ = io.WriteString(w, line+"\n")
			synctest.Wait() // until the disk has been tried
		}
		say("begins")
		say("the disk is full")
		say("still")
		disk.room = 1 << 30
		say("it is well")
		if got, want := disk.file.String(), "begins\nthe disk is full\nstill\nit is well\n"; got != want {
			t.Errorf("written %q, want %q", got, want)
		}
		disk.room, disk.file = 0, bytes.Buffer{}
		long := strings.Repeat("x", 100_000-1)
		for range 15 { // ten of them have room
			say(long)
		}
		disk.room = 1 << 30
		say("") // for which there still is room
		w.close()
		if got, want := disk.file.String(), strings.Repeat(long+"\n", 10)+"left 5\n\n"; got != want {
			t.Errorf("%d bytes written, want %d; the end is %.20q", len(got), len(want), got[max(0, len(got)-20):])
		}
	})
}

// TestLineWriterEndsInTime though its output takes nothing.
func TestLineWriterEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, stuck := io.Pipe()
		w := newLineWriter(stuck, leftOut)
		_, _ = io.WriteString(w, "hello\n")
		w.close()
		_ = reader.Close()
	})
}
