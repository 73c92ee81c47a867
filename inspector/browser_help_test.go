package inspector_test

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"elemental/inspector/chromiumtest"
)

func browser(t *testing.T) context.Context {
	t.Helper()
	return chromiumtest.Start(t, 3*chromiumtest.Patience) // for the whole test; a single wait has less
}

// tab is the inspector's page in a tab of the browser.
type tab struct {
	*chromiumtest.Tab
	t *testing.T
}

// looks says how a tab looks at a page. The zero value is light, 1200 by 800.
type looks struct {
	dark          bool
	width, height int64
}

// visit opens a view of the page in a new tab, and waits until it is drawn from a stream.
func (s *site) visit(ctx context.Context, view string, how looks) *tab {
	s.t.Helper()
	if how.width == 0 {
		how.width, how.height = 1200, 800
	}
	v := &tab{chromiumtest.Open(s.t, ctx, func(url string) bool { return strings.HasPrefix(url, s.url+"/") }), s.t}
	v.Do(chromedp.EmulateViewport(how.width, how.height))
	scheme := "light"
	if how.dark {
		scheme = "dark"
	}
	v.Media("", scheme)
	v.Do(chromedp.Navigate(s.url + "/#" + view))
	v.Await(live)
	return v
}

const live = `document.querySelector(".state")?.dataset.state === "live"`

// narrow fails the test if the page is wider than its window.
func (v *tab) narrow(width int64) {
	v.t.Helper()
	if wide := chromiumtest.Evaluate[int64](v, `document.documentElement.scrollWidth`); wide > width {
		v.t.Errorf("%s is %d wide in a window of %d and scrolls sideways", chromiumtest.Evaluate[string](v, `location.hash`), wide, width)
	}
}
