package torture

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"elemental/cmd/elemental/providertest"
)

// afflict lets system calls of a running provider fail, or take long, until end
// is called: strace gets between it and the kernel. The words are strace's, for
// instance "inject=fdatasync:error=EIO".
func afflict(t *testing.T, p *providertest.Provider, words ...string) (end func()) {
	t.Helper()
	args := []string{"-f", "-o", "/dev/null", "-p", fmt.Sprint(p.Pid())}
	cmd := exec.Command("strace", append(args, words...)...)
	out := providertest.NewLines()
	cmd.Stdout, cmd.Stderr = out, out
	ended, err := providertest.StartBound(cmd)
	if err == nil {
		_, err = out.Wait("attaching", ended, func(line string) bool { return strings.Contains(line, " attached") })
	}
	if err != nil {
		t.Skipf("system calls cannot be made to fail here (strace): %v %s", err, out.Text())
	}
	stop := func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it has ended where the provider has
		<-ended
	}
	t.Cleanup(stop)
	return stop
}

// segmentWrites restricts an affliction to writes to files of the journal, those
// of the near future too; all else that is written are sockets.
func segmentWrites(dir, fault string) []string {
	words := []string{"-e", "inject=write:" + fault}
	for n := range 200 {
		words = append(words, "-P", filepath.Join(dir, "journal", fmt.Sprintf("%08d.jsonl", n+1)))
	}
	return words
}
