package inspector

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"elemental/inspector/faultlab"
)

// If a fault ends while another takes its place, only the old one ends.
func TestAFaultsEndSparesTheNext(t *testing.T) {
	disk := &faultlab.Disk{}
	l := newLab(&Server{cfg: Config{Disk: disk}})
	defer l.close()
	begin := func(bytes int) {
		wish := fmt.Sprintf(`{"what":"budget","bytes":%d,"seconds":60}`, bytes)
		l.begin(httptest.NewRecorder(), httptest.NewRequest("POST", "/api/fault", strings.NewReader(wish)))
	}
	for round := range 3000 {
		begin(1)
		old := l.faults["budget"]
		var both sync.WaitGroup
		both.Go(func() { begin(2) })
		both.Go(func() { l.drop(old) })
		both.Wait()
		if left, full := disk.Left(); left != 2 || !full {
			t.Fatalf("round %d: %v is listed, but the disk is not full", round, l.faults["budget"].Bytes)
		}
	}
}
