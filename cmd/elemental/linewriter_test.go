package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
)

// TestLineWriterLosesNothing that there is room for, up to its end.
func TestLineWriterLosesNothing(t *testing.T) {
	var out bytes.Buffer
	w := newLineWriter(&out, nil)
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
		w := newLineWriter(stuck, func(out io.Writer, lines int) { _, _ = fmt.Fprintf(out, "left %d\n", lines) })
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

// TestLineWriterEndsInTime though its output takes nothing.
func TestLineWriterEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, stuck := io.Pipe()
		w := newLineWriter(stuck, nil)
		_, _ = io.WriteString(w, "hello\n")
		w.close()
		_ = reader.Close()
	})
}
