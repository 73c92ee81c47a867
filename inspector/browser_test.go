package inspector_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

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

// follow begins to follow, as the page's form says, and waits for the first request.
func (v *tab) follow(ask func()) {
	v.t.Helper()
	v.Run(`document.querySelector(".follow-form .primary").click()`)
	v.Await(`document.querySelector(".follow-status").textContent !== "" || document.querySelector(".request-item") !== null`)
	if ask != nil {
		ask()
	}
	v.Await(`document.querySelector(".request-item") !== null`)
}

// Everything can be reached with only the keyboard.
func TestPageByKeyboard(t *testing.T) {
	s := withLab(t)
	s.channel()
	v := s.visit(browser(t), "flow", looks{})
	v.Shortcut("/")
	v.Await(`document.activeElement?.matches(".tree-view .search")`)
	v.Press("g", "e", "n", "e", "r", "a", "l")
	v.Await(`document.querySelector(".count")?.textContent === "1 found"`)
	v.Press(kb.Escape)
	v.Await(`document.querySelector(".search").value === "" && document.querySelector(".count").textContent.endsWith("alive")`)
	v.Press("4") // which elsewhere leads to another view
	v.Await(`document.querySelector(".search")?.value === "4"`)
	v.Press(kb.Escape, "g", "e", "n", "e", "r", "a", "l")
	v.Await(`document.querySelector(".count")?.textContent === "1 found"`)
	v.Press(kb.ArrowDown)
	v.Await(`document.activeElement?.getAttribute("role") === "treegrid"`)
	v.Press(kb.Enter)
	v.Await(`document.querySelector("h1")?.textContent === "general"`)

	v.Press("1")
	v.Await(`document.querySelector("main").dataset.view === "tree" && document.querySelector(".row[aria-selected=true]") !== null`)
	v.Run(`document.querySelector("[role=treegrid]").focus()`)
	at := `(document.querySelector(".rows .row[aria-selected=true] .name")?.textContent ?? "")`
	v.Press(kb.Home)
	v.Await(at + ` === "provider"`)
	v.Await(`[...document.querySelectorAll(".rows .row:not([hidden]) .name")].every((name) => name.textContent !== "…")`) // everything that is open has come
	v.Press(kb.ArrowDown)
	first := chromiumtest.Evaluate[string](v, at)
	v.Press(kb.ArrowLeft)
	v.Await(at + ` === "provider"`)
	v.Press(kb.ArrowLeft)
	v.Await(`document.querySelector(".row[aria-selected=true]").getAttribute("aria-expanded") === "false"`)
	v.Press(kb.ArrowRight)
	v.Await(`document.querySelector(".row[aria-selected=true]").getAttribute("aria-expanded") === "true"`)
	v.Press(kb.ArrowRight)
	v.Await(at + fmt.Sprintf(` === %q`, first))

	v.Press("?")
	v.Await(`document.querySelector("dialog[open]") !== null`)
	v.Press(kb.Escape)
	v.Await(`document.querySelector("dialog") === null`)
	for i, view := range []string{"tree", "actor", "follow", "flow", "feed", "fault"} {
		v.Press(fmt.Sprint(i + 1))
		v.Await(fmt.Sprintf(`document.querySelector("[role=tab][aria-selected=true]").dataset.view === %q`, view))
	}
	v.Fine()
}

// Names of users, servers and channels are shown exactly as they were written, and never
// have any other effect.
func TestPageShowsNamesAsText(t *testing.T) {
	const name = `<img/src=x/onerror=gotcha=1>"'&amp;`
	s := withLab(t)
	s.Dial().Yes(`{"call":"register","usernm":%q,"passwd":"pw"}`, name)
	l := s.Login(name)
	l.Yes(`{"call":"createserver","servername":%q,"serverpasswd":"pw"}`, name)
	l.Yes(`{"call":"createchannel","servername":%q,"name":%q}`, name, name)
	l.Yes(`{"call":"message","servername":%q,"channel":%q,"msg":"hello"}`, name, name)
	ctx := browser(t)
	v := s.visit(ctx, "tree?q=gotcha", looks{})
	v.Await(fmt.Sprintf(`[...document.querySelectorAll(".row .name")].filter((n) => n.textContent === %q).length >= 3`, name))
	ids := chromiumtest.Evaluate[[]string](v, `[...document.querySelectorAll(".row")].map((r) => r.dataset.id).filter(Boolean)`)
	if len(ids) < 4 {
		t.Errorf("only %q have the name", ids)
	}
	for _, id := range ids {
		v.Run(fmt.Sprintf(`location.hash = "#actor?" + new URLSearchParams({id: %q})`, id))
		v.Await(fmt.Sprintf(`document.querySelector(".id code")?.textContent === %q && document.querySelector(".state-json .json") !== null`, id))
		v.Await(fmt.Sprintf(`document.querySelector("h1").textContent === %q`, name))
	}
	for _, view := range []string{"follow", "fault"} {
		v.Run(fmt.Sprintf(`location.hash = "#%s"`, view))
		v.Await(fmt.Sprintf(`document.querySelector("main").dataset.view === %q`, view))
		v.Run(`document.querySelector(".picker input").click()`)
		v.Await(`[...document.querySelectorAll(".picker [role=option]")].some((o) => o.textContent.includes("gotcha"))`)
	}
	if chromiumtest.Evaluate[bool](v, `"gotcha" in window || document.querySelector("main img") !== null`) {
		t.Error("a name became more than text")
	}
	v.Fine()
}

// A person who follows a link on another site comes in: with the token in the link, and
// later, once the browser has shown the token, also to a view that somebody else looks
// at.
func TestLinksOfOtherSitesLeadIn(t *testing.T) {
	s := withToken(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<link rel="icon" href="data:,"><a id="door" href="%s/?token=%s">in</a><a id="view" href="%s/#flow">look</a>`, s.url, token, s.url)
	}))
	t.Cleanup(elsewhere.Close)
	wiki := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1) // is another site for a browser
	v := chromiumtest.Open(t, browser(t), func(url string) bool {
		return strings.HasPrefix(url, s.url+"/") || strings.HasPrefix(url, wiki) || strings.HasPrefix(url, "data:")
	})
	for _, link := range []struct{ id, leadsTo string }{{"door", "tree"}, {"view", "flow"}} {
		v.Do(chromedp.Navigate(wiki))
		v.Leave(fmt.Sprintf(`document.getElementById(%q).click()`, link.id))
		v.Await(fmt.Sprintf(`%s && document.querySelector("main").dataset.view === %q`, live, link.leadsTo))
	}
	v.Fine()
}
