package inspector_test

import (
	"fmt"
	"testing"

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
