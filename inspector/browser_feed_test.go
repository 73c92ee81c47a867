package inspector_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"elemental/inspector/chromiumtest"
)

// The feed shows what was asked for, the newest first, and its address is a link to the same.
// It can be stopped, and emptied.
func TestPageFiltersTheFeed(t *testing.T) {
	s := withLab(t)
	v := s.visit(browser(t), "tree", looks{})
	v.Run(fake + `location.hash = "#feed";`)
	v.Await(`window.feed !== undefined && document.querySelector(".feed-view") !== null`)
	const rows = `[...document.querySelectorAll(".feed-row:not([hidden])")].sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top).map((row) => row.dataset.what).join()`
	shows := func(want string) {
		t.Helper()
		v.Await(fmt.Sprintf(rows+` === %q && document.querySelector(".feed-panel .empty").hidden === %v`, want, want != ""))
	}
	search := func(text string) {
		t.Helper()
		v.Run(fmt.Sprintf(`const search = document.querySelector(".search"); search.value = %q; search.dispatchEvent(new Event("input"));`, text))
	}
	click := func(what string) {
		t.Helper()
		v.Run(fmt.Sprintf(`document.querySelector(".feed-panel [data-what=%s]").click()`, what))
	}
	v.Run(`const alice = { actor: "provider/users/alice", kind: "user" }, at = Date.now();
		feed("feed", { at, what: "panic", ...alice, detail: "boom" });
		feed("feed", { at, what: "restart", ...alice, detail: "after 1ms: boom" });
		feed("feed", { at, what: "busy", actor: "provider/servers/s/1", kind: "channel", detail: "1200 more storage_unavailable", n: 1200 });
		feed("feed", { at, what: "more", n: 7 });`)
	shows("more,busy,restart,panic")
	v.Await(`document.querySelector(".feed-row[data-what=more] .detail").textContent === "7 more happened at once."`)
	v.Await(`document.querySelector(".toggle[data-what=busy] .figure").textContent === "1,200" && document.querySelector(".badge").hidden`)
	click("panic")
	shows("more,panic") // what was left out may be one too
	search("alice")
	shows("panic")
	v.Await(`location.hash === "#feed?what=panic&q=alice"`)
	click("panic")
	shows("restart,panic")
	search("nobody")
	v.Await(`document.querySelector(".feed-panel .empty").textContent.includes("4 entries are hidden")`)
	v.Run(`location.hash = "#feed?what=restart"`)
	shows("more,restart")
	click("restart")
	shows("more,busy,restart,panic")

	v.Press("p")
	v.Run(`feed("feed", { at: Date.now(), what: "deadletter", actor: "", kind: "", detail: "x" })`)
	v.Await(`document.querySelector(".toggle[data-what=deadletter] .figure").textContent === "1"`)
	v.Run(`requestAnimationFrame(() => requestAnimationFrame(() => { window.drawn = true; }))`)
	v.Await(`window.drawn`)
	shows("more,busy,restart,panic")
	v.Press("p")
	shows("deadletter,more,busy,restart,panic")
	v.Run(`[...document.querySelectorAll(".feed-panel button")].find((b) => b.textContent === "Clear").click()`)
	v.Await(`document.querySelector(".feed-panel .empty").textContent.startsWith("All is quiet")`)
	if text := chromiumtest.Evaluate[string](v, `document.querySelector(".toggle[data-what=busy] .figure").textContent`); text != "" {
		t.Errorf("of what was cleared %s are told", text)
	}
	v.Fine()
}

// note is a script that notes when one more element of a selector appears. It uses the
// page's clock, which is the test's.
const note = `window.observer?.disconnect(); window.noted = 0; const before = document.querySelectorAll(%[1]q).length;
window.observer = new MutationObserver(() => {
	if (!window.noted && document.querySelectorAll(%[1]q).length > before) window.noted = Date.now();
});
window.observer.observe(document.body, { childList: true, subtree: true, attributes: true, characterData: true });`

// An actor is crashed in the fault lab. Within a second this is in the feed, and in the
// actor's restarts; on a busy machine, after one crash of a few.
func TestPageShowsACrash(t *testing.T) {
	s := withLab(t)
	alice, _ := s.channel()
	id := s.channelID()
	ctx := browser(t)
	lab, actor := s.visit(ctx, "fault", looks{}), s.visit(ctx, "actor?id="+url.QueryEscape(id), looks{})
	actor.Await(`document.querySelector("h1")?.textContent === "general"`)
	const attempts, soon = 5, time.Second
	best := time.Hour
	for n := 0; n < attempts && best > soon; n++ {
		lab.Run(fmt.Sprintf(note, ".feed-row[data-what=panic]"))
		actor.Run(fmt.Sprintf(note, ".restarts li"))
		before := time.Now()
		lab.Run(fmt.Sprintf(`const form = document.querySelector("[data-fault=crash]"); form.querySelector(".fault-state").textContent = "";
			form.elements.id.value = %q; form.requestSubmit();`, id))
		lab.Await(`document.querySelector("[data-fault=crash] .fault-state").textContent.startsWith("It ")`)
		alice.Write(fmt.Sprintf(post, "boom"))
		alice.Next()
		slowest := time.Duration(0)
		for name, v := range map[string]*tab{"the feed": lab, "its restarts": actor} {
			v.Await(`window.noted > 0`)
			after := time.UnixMilli(int64(chromiumtest.Evaluate[float64](v, `window.noted`))).Sub(before)
			t.Logf("%s shows it after %v", name, after)
			slowest = max(slowest, after)
		}
		best = min(best, slowest)
	}
	if best > soon {
		t.Errorf("it is shown after %v", best)
	}
	row := chromiumtest.Evaluate[string](lab, `document.querySelector(".feed-row[data-what=panic]").textContent`)
	if !strings.Contains(row, "crash") || !strings.Contains(row, strings.TrimPrefix(id, "provider/")) {
		t.Errorf("the feed says %q", row)
	}
	lab.Fine()
	actor.Fine()
}
