// Package chromiumtest opens pages in a real Chromium. It is only for tests.
package chromiumtest

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Patience is how long to wait for a browser on a busy machine. No test depends on it
// passing.
const Patience = 2 * time.Minute

// Start starts Chromium for a test, and stops it at the end of the test or after most.
// Without a Chromium the test is skipped; with CI=true it fails instead.
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

// starts is how often to start Chromium before giving up. On a busy machine it sometimes
// crashes at its start, before it has loaded anything of ours.
const starts = 4

func start(t *testing.T, path string, most time.Duration) (context.Context, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-US"))
	ctx, cancel := context.WithTimeout(context.Background(), most) // not the test's context, which ends before the cleanups run
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx, chromedp.Do(ctx)
}

// find is the path of Chromium's program.
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
