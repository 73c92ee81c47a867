package check_test

import (
	"testing"
	"time"

	"elemental/cmd/elemental-load/check"
)

func TestTextSizes(t *testing.T) {
	b := check.New("load-abc", 5)
	l := b.Channel("s", "c").Lane()
	for _, size := range []int{1, check.LeastSize, 100, 4000, 1 << 20, 1 << 30} {
		s := l.Next(time.Hour, 2*time.Hour)
		text := b.AppendText(nil, s, size)
		if want := min(max(size, check.LeastSize), 1<<20); len(text) != want {
			t.Errorf("%d bytes for %d", len(text), size)
		}
		if got, ok := b.Read(text); !ok || got != s {
			t.Errorf("%d bytes: %+v %v", size, got, ok)
		}
	}
}
