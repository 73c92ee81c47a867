package inspector_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"elemental/inspector/chromiumtest"
)

// However many actors there are, no figure of the kinds is cut off or wrapped. In a
// narrow window the diagram of a request is there too, and scrolls in its own box.
func TestPageCutsNothingOff(t *testing.T) {
	s := withLab(t)
	alice, _ := s.channel()
	ctx := browser(t)
	for _, width := range []int64{1280, 1160, 1001, 761, 400} {
		v := s.visit(ctx, "tree", looks{width: width, height: 800})
		v.Await(`document.querySelectorAll(".kind-button .figure")[3].textContent !== ""`)
		v.Run(`document.querySelectorAll(".kind-button .figure").forEach((f) => f.append("00,000"))`)
		cut := chromiumtest.Evaluate[[]string](v, `[...document.querySelectorAll(".kind-button, .kind-button span:not(.dot)")].filter((e) => e.scrollWidth > e.clientWidth + (e.clientWidth && 1)
			|| e.getBoundingClientRect().height > 30 || e.getBoundingClientRect().right > e.closest(".panel").getBoundingClientRect().right).map((e) => e.textContent)`)
		if len(cut) > 0 {
			t.Errorf("at %d, cut off or wrapped: %q", width, cut)
		}
		v.narrow(width)
		v.Run(`location.hash = "#follow?call=message"`)
		v.Await(`document.querySelector("main").dataset.view === "follow" && ` + live)
		v.follow(func() { alice.Yes(post, "follow me") })
		v.Await(`document.querySelector(".sequence .station")?.checkVisibility() && document.querySelector(".waterfall").checkVisibility()`)
		inside := chromiumtest.Evaluate[bool](v, `(() => { const f = document.querySelector(".sequence-frame"); f.scrollLeft = 1e6;
			const lanes = [...f.querySelectorAll(".lane-where")]; return lanes.at(-1).getBoundingClientRect().right <= f.getBoundingClientRect().right; })()`)
		if !inside {
			t.Errorf("at %d the last lane cannot be reached", width)
		}
		if size := chromiumtest.Evaluate[float64](v, `document.querySelector(".sequence").getBoundingClientRect().width / document.querySelector(".sequence").viewBox.baseVal.width`); size < 0.6 {
			t.Errorf("at %d the diagram is drawn at %.2f of its size", width, size)
		}
		v.Run(`document.querySelectorAll(".waterfall .wait-cell, .waterfall .work-cell, .waterfall small").forEach((f) => f.append("00,000"))`)
		v.narrow(width)
		v.Fine()
		v.Close()
	}
}

// Beside another window each view can still be reached, and the fault lab says why.
func TestPageInHalfAScreen(t *testing.T) {
	s := withLab(t)
	v := s.visit(browser(t), "feed", looks{width: 1000, height: 1400})
	v.Run(fake + `location.hash = "#fault";`)
	v.Await(`document.querySelector(".state").dataset.state === "connecting" && window.feed !== undefined`)
	v.Run(`feed("feed", { at: Date.now(), what: "busy", actor: "provider/servers/a-server-of-mine/1", kind: "channel", detail: "storage_unavailable: message" });
		feed("feed", { at: Date.now(), what: "busy", actor: "", kind: "", detail: "99 more storage_unavailable", n: 99 });`)
	v.Await(`document.querySelectorAll(".feed-row:not([hidden])").length === 2`)
	v.Run(`document.querySelector(".whereabouts").append(" of a long name".repeat(9))`)
	const cut = `[...document.querySelectorAll(%q)].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent).join()`
	for _, what := range []string{".tabs", ".feed-row .what, .feed-row .detail"} {
		if text := chromiumtest.Evaluate[string](v, fmt.Sprintf(cut, what)); text != "" {
			t.Errorf("%s is cut off: %s", what, text)
		}
	}
	if n := chromiumtest.Evaluate[string](v, `document.querySelector(".badge").textContent`); n != "99+" {
		t.Errorf("the feed is said to have %s", n)
	}
	v.Run(`location.hash = "#feed"`)
	v.Await(`document.querySelector(".toggle[data-what=busy] .figure")?.textContent === "100"`)
	v.Fine()
}

// In a narrow window the feed says why as well, in a line of its own.
func TestPageSaysWhyInANarrowWindow(t *testing.T) {
	s := withLab(t)
	alice, _ := s.channel()
	v := s.visit(browser(t), "fault", looks{width: 400, height: 2400})
	v.Run(fmt.Sprintf(`const form = document.querySelector("[data-fault=crash]"); form.elements.id.value = %q; form.requestSubmit();`, s.channelID()))
	v.Await(`document.querySelector("[data-fault=crash] .fault-state").textContent.startsWith("It ")`)
	alice.Write(fmt.Sprintf(post, "boom"))
	alice.Next()
	const rows = `[...document.querySelectorAll(".feed-row:not([hidden])")].sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)`
	const apart = `(() => { const [a, b] = ` + rows + `.map((row) => row.getBoundingClientRect().top); return Math.round(b - a); })()`
	for _, view := range []string{"fault", "feed"} {
		v.Run(fmt.Sprintf(`location.hash = "#%s"`, view))
		v.Await(fmt.Sprintf(`document.querySelector("main").dataset.view === %q && `, view) + rows + `.length > 1`)
		v.Await(rows + `.every((row) => [...row.children].every((cell) => {
			const inside = cell.getBoundingClientRect(), all = row.getBoundingClientRect();
			return cell.textContent === "" || (cell.checkVisibility() && inside.width > 50 && inside.right <= all.right && inside.bottom <= all.bottom);
		}))`)
		v.Await(apart + ` === 52`)
		v.narrow(400)
	}
	v.Do(chromedp.EmulateViewport(1200, 800))
	v.Await(apart + ` === 32`)
	v.Fine()
}

var everyView = []string{"tree", "actor?id=provider/router", "follow", "flow", "feed", "fault"}

// Every view is shown whole, in light and dark, in wide and narrow windows.
func TestPageInEveryWindow(t *testing.T) {
	s := withLab(t)
	alice, _ := s.channel()
	busy := s.talk(alice)
	defer busy()
	ctx := browser(t)
	for _, how := range []looks{{width: 1400, height: 900}, {width: 400, height: 800}, {dark: true, width: 1400, height: 900}, {dark: true, width: 400, height: 800}} {
		v := s.visit(ctx, "tree", how)
		for _, view := range everyView {
			v.Run(fmt.Sprintf(`location.hash = %q`, "#"+view))
			name, _, _ := strings.Cut(view, "?")
			v.Await(fmt.Sprintf(`document.querySelector("main").dataset.view === %q && %s`, name, live))
			v.Await(`document.querySelector("main").lastElementChild.getBoundingClientRect().height > 100`)
			v.narrow(how.width)
		}
		if how == (looks{width: 1400, height: 900}) {
			v.Await(`document.querySelector("footer").textContent.includes("of a processor")`)
		}
		want := map[bool]string{false: "rgb(244, 246, 248)", true: "rgb(14, 18, 22)"}[how.dark]
		if ground := chromiumtest.Evaluate[string](v, `getComputedStyle(document.body).backgroundColor`); ground != want {
			t.Errorf("its ground is %s", ground)
		}
		v.Press("t", "t") // light, and then dark, whatever the system prefers
		if ground := chromiumtest.Evaluate[string](v, `getComputedStyle(document.body).backgroundColor`); ground != "rgb(14, 18, 22)" {
			t.Errorf("its ground is %s after the choice of dark", ground)
		}
		v.Press("t")
		v.Fine()
	}
}
