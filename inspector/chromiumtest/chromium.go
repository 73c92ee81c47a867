// Package chromiumtest opens pages in a real Chromium, for tests alone.
package chromiumtest

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Patience is for a browser on a busy machine; nothing waits for it to pass.
const Patience = 2 * time.Minute

// Start starts Chromium for a test, at whose end it is stopped, or after a time. Without
// one the test is skipped, but not where CI=true: there it has to run.
func Start(t *testing.T, most time.Duration) context.Context {
	t.Helper()
	path := find(t)
	for left := starts - 1; ; left-- {
		ctx, err := start(t, path, most)
		if err == nil {
			return ctx
		}
		if left == 0 {
			t.Fatalf("starting %s: %v", path, err)
		}
		t.Logf("starting %s once more: %v", path, err)
	}
}

// starts is how often Chromium may crash while it starts, which it does now and then on
// a busy machine, before it has seen anything of ours.
const starts = 4

func start(t *testing.T, path string, most time.Duration) (context.Context, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-US"))
	ctx, cancel := context.WithTimeout(context.Background(), most) // not the test's, which ends before its cleanups
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx, chromedp.Do(ctx)
}

// find is the path of Chromium.
func find(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"} {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("there is no Chromium here, and CI=true says that there must be one")
	}
	t.Skip("there is no Chromium here to open a page in")
	return ""
}
