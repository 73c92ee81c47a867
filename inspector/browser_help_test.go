package inspector_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browserPatience is for a browser on a busy machine; nothing waits for it to pass.
const browserPatience = 2 * time.Minute

// browser starts Chromium for a test. Without one the test is skipped, but not
// where it has to run.
func browser(t *testing.T) context.Context {
	t.Helper()
	return browserFor(t, browserPatience)
}

func browserFor(t *testing.T, most time.Duration) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no Chromium here, and CI=true says that there must be one")
		}
		t.Skip("there is no Chromium here to open the page in")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-US"))
	ctx, cancel := context.WithTimeout(context.Background(), most) // not the test's, which ends before its cleanups
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	return ctx
}

// tab is the inspector's page in a tab of the browser.
type tab struct {
	t     *testing.T
	ctx   context.Context
	close func() // the test's end does it too; a browser opens six connections to a site, and each tab keeps one
	site  *site

	mu         sync.Mutex
	complaints []string // of the browser's console
	outside    []string // requests for anything that is not the site's
}

// looks are how a tab looks at a page; the zero value is light, 1200 by 800.
type looks struct {
	dark          bool
	width, height int64
}

// visit opens a view of the page in a tab of its own, and waits until it is drawn
// from a stream.
func (s *site) visit(ctx context.Context, view string, how looks) *tab {
	s.t.Helper()
	if how.width == 0 {
		how.width, how.height = 1200, 800
	}
	ctx, cancel := chromedp.NewContext(ctx)
	s.t.Cleanup(cancel)
	v := &tab{t: s.t, ctx: ctx, close: cancel, site: s}
	if err := chromedp.Do(ctx); err != nil {
		s.t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, v.hear); err != nil {
		s.t.Fatal(err)
	}
	v.do(chromedp.EmulateViewport(how.width, how.height))
	v.scheme(how.dark)
	v.do(chromedp.Navigate(s.url + "/#" + view))
	v.await(live)
	return v
}

const live = `document.querySelector(".state")?.dataset.state === "live"`

func (v *tab) hear(event any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		v.complaints = append(v.complaints, fmt.Sprintf("console %v", e.Type))
	case *runtime.EventExceptionThrown:
		v.complaints = append(v.complaints, fmt.Sprintf("exception %v %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		v.complaints = append(v.complaints, e.Entry.Text+" "+e.Entry.URL)
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, v.site.url+"/") {
			v.outside = append(v.outside, e.Request.URL)
		}
	}
}

// fine fails the test if the browser had anything to complain of.
func (v *tab) fine() {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.complaints)+len(v.outside) > 0 {
		v.t.Errorf("the browser complains of %q and asks elsewhere for %q", v.complaints, v.outside)
	}
}

func (v *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	if err := chromedp.Do(v.ctx, steps...); err != nil {
		v.t.Fatal(err)
	}
}

// scheme makes the page believe in a light or a dark system.
func (v *tab) scheme(dark bool) {
	v.t.Helper()
	value := "light"
	if dark {
		value = "dark"
	}
	_, err := chromedp.Call(v.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}})
	if err != nil {
		v.t.Fatal(err)
	}
}

// evaluate runs a script in the page.
func evaluate[T any](v *tab, script string) T {
	v.t.Helper()
	result, err := chromedp.Run(v.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		v.t.Fatalf("%s: %v", script, err)
	}
	return result
}

// run runs a script that gives nothing.
func (v *tab) run(script string) {
	v.t.Helper()
	evaluate[chromedp.Void](v, "void (() => {"+script+"})()")
}

// await waits until a script gives something that is true.
func (v *tab) await(script string) {
	v.t.Helper()
	if err := chromedp.Do(v.ctx, chromedp.Poll[chromedp.Void](script, chromedp.WithPollingTimeout(browserPatience/2))); err != nil {
		v.t.Fatalf("%s does not come: %v\nthe page: %s", script, err, v.text())
	}
}

func (v *tab) text() string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v.ctx), 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText.slice(0, 2000)`))
	if err != nil {
		return err.Error()
	}
	return text
}

// press sends keys as a keyboard does.
func (v *tab) press(keys ...string) {
	v.t.Helper()
	for _, key := range keys {
		v.do(chromedp.KeyEvent(key))
	}
}

// shortcut presses a key that the page keeps from being typed. A browser asks the page
// before it types, the protocol that press uses does not.
func (v *tab) shortcut(key string) {
	v.t.Helper()
	for _, what := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeRawKeyDown, input.DispatchKeyEventTypeKeyUp} {
		if _, err := chromedp.Call(v.ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: what, Key: key}); err != nil {
			v.t.Fatal(err)
		}
	}
}

// narrow fails the test if the page is wider than its window.
func (v *tab) narrow(width int64) {
	v.t.Helper()
	if wide := evaluate[int64](v, `document.documentElement.scrollWidth`); wide > width {
		v.t.Errorf("%s is %d wide in a window of %d and scrolls sideways", evaluate[string](v, `location.hash`), wide, width)
	}
}
