package chromiumtest

import (
	"context"
	"fmt"
	"slices"
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

// Tab is a page in a tab of a browser. Its methods fail the test if they do not work.
type Tab struct {
	t      *testing.T
	ctx    context.Context
	cancel func()
	own    func(url string) bool

	mu         sync.Mutex
	complaints []string // messages of the browser's console
	outside    []string // requests for what is not the page's own
}

// Open opens an empty tab in the browser that Start has started. The tab notes the
// browser's complaints, and requests for URLs that are not own.
func Open(t *testing.T, browser context.Context, own func(url string) bool) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	v := &Tab{t: t, ctx: ctx, cancel: cancel, own: own}
	v.Do()
	if err := chromedp.Listen(ctx, v.hear); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *Tab) hear(event any) {
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
		if !v.own(e.Request.URL) {
			v.outside = append(v.outside, e.Request.URL)
		}
	}
}

// Close closes the tab. The end of the test does it too, but a browser opens at most six
// connections to a site, and each tab may keep one.
func (v *Tab) Close() { v.cancel() }

// Fine fails the test if the browser has complained, or if the page has requested
// anything from elsewhere. A complaint that contains one of the excused texts is none.
func (v *Tab) Fine(excused ...string) {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	complaints := slices.DeleteFunc(slices.Clone(v.complaints), func(one string) bool {
		return slices.ContainsFunc(excused, func(text string) bool { return strings.Contains(one, text) })
	})
	if len(complaints)+len(v.outside) > 0 {
		v.t.Errorf("the browser complains of %q and asks elsewhere for %q", complaints, v.outside)
	}
}

// Hears waits until the browser has complained with a text that contains this one. It
// does so only a moment after the page knows.
func (v *Tab) Hears(text string) {
	v.t.Helper()
	heard := func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		return slices.ContainsFunc(v.complaints, func(one string) bool { return strings.Contains(one, text) })
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(Patience / 2); !heard(); <-tick.C {
		if time.Now().After(deadline) {
			v.t.Fatalf("the browser does not complain of %q", text)
		}
	}
}

// Do performs actions of chromedp.
func (v *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	if err := chromedp.Do(v.ctx, steps...); err != nil {
		v.t.Fatal(err)
	}
}

// Leave runs a script that makes the tab leave its page, and waits until the next page is
// loaded.
func (v *Tab) Leave(script string) {
	v.t.Helper()
	if _, err := chromedp.RunResponse(v.ctx, chromedp.Evaluate[chromedp.Void]("void ("+script+")")); err != nil {
		v.t.Fatalf("%s: %v", script, err)
	}
}

// Media makes the page believe that it is shown on a medium ("" for a screen) and in a
// "light" or "dark" system.
func (v *Tab) Media(medium, scheme string) {
	v.t.Helper()
	_, err := chromedp.Call(v.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: medium, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	if err != nil {
		v.t.Fatal(err)
	}
}

// Screenshot is a picture of the page as PNG.
func (v *Tab) Screenshot() []byte {
	v.t.Helper()
	png, err := chromedp.Run(v.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		v.t.Fatal(err)
	}
	return png
}

// page is a Tab, or something that embeds one.
type page interface{ tab() *Tab }

func (v *Tab) tab() *Tab { return v }

// Evaluate runs a script in a page and returns its value.
func Evaluate[T any](in page, script string) T {
	v := in.tab()
	v.t.Helper()
	result, err := chromedp.Run(v.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		v.t.Fatalf("%s: %v", script, err)
	}
	return result
}

// Run runs a script that returns nothing.
func (v *Tab) Run(script string) {
	v.t.Helper()
	Evaluate[chromedp.Void](v, "void (() => {"+script+"})()")
}

// Await waits until a script returns something that is true. A page that is being left takes the
// script with it: then it begins again in the next one.
func (v *Tab) Await(script string) {
	v.t.Helper()
	const left = "Cannot find context"
	var err error
	for range 3 {
		err = chromedp.Do(v.ctx, chromedp.Poll[chromedp.Void](script, chromedp.WithPollingTimeout(Patience/2)))
		if err == nil || !strings.Contains(err.Error(), left) {
			break
		}
	}
	if err != nil {
		v.t.Fatalf("%s does not come: %v\nthe page: %s", script, err, v.text())
	}
}

// text is the text that can be read on the page.
func (v *Tab) text() string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v.ctx), 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText.slice(0, 2000)`))
	if err != nil {
		return err.Error()
	}
	return text
}

// Press types keys, as a keyboard does.
func (v *Tab) Press(keys ...string) {
	v.t.Helper()
	for _, key := range keys {
		v.Do(chromedp.KeyEvent(key))
	}
}

// Shortcut presses a key whose typing the page prevents. A real browser asks the page
// before it types; the protocol that Press uses does not.
func (v *Tab) Shortcut(key string) {
	v.t.Helper()
	for _, what := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeRawKeyDown, input.DispatchKeyEventTypeKeyUp} {
		if _, err := chromedp.Call(v.ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: what, Key: key}); err != nil {
			v.t.Fatal(err)
		}
	}
}
