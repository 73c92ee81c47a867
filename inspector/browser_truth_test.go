package inspector_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"elemental/inspector"
	"elemental/inspector/chromiumtest"
)

// This file tests that the page says what is so, also after something has changed that it
// does not hear of.

// replaced is an inspector that has taken the place of another one.
func (s *site) replaced() *inspector.Server {
	s.t.Helper()
	again, err := inspector.Listen(inspector.Config{Addr: strings.TrimPrefix(s.url, "http://"), Name: "test", Version: "newer", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := again.Stop(context.Background()); err != nil {
			s.t.Error(err)
		}
	})
	return again
}

const hide = `Object.defineProperty(document, "hidden", {configurable: true, get: () => %v}); document.dispatchEvent(new Event("visibilitychange"));`

// later makes a page believe that so many milliseconds have passed.
const later = `const then = Date.now; Date.now = () => then() + %d;`

// While a provider starts, the page says so.
func TestPageOfAProviderThatStarts(t *testing.T) {
	s := withLab(t)
	v := s.visit(browser(t), "tree", looks{})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	again := s.replaced()
	v.Await(`document.querySelector(".state").title.startsWith("The provider answers: starting.")`)
	again.Serve(s.Provider, s.Listener, s.Store)
	v.Await(live)
}

// A page for which there is no stream says why, and does not count what it does not know.
func TestPageBesideTooMany(t *testing.T) {
	s := withLab(t)
	v := s.visit(browser(t), "tree", looks{})
	v.Run(fmt.Sprintf(hide, true))
	eventually(t, "all streams are others'", func() bool {
		st, _ := s.tryLook("")
		return st == nil && s.object("/api/about")["cost"].(object)["streams"] == 16.0
	})
	v.Leave(`location.reload()`)
	v.Await(`document.querySelector(".state")?.title.startsWith("The provider answers: too many pages look already; close one.")`)
	v.Await(`document.querySelector(".rows .row .name")?.textContent === "provider"`)
	if count := chromiumtest.Evaluate[string](v, `document.querySelector(".count").textContent`); count != "" {
		t.Errorf("the page says %q", count)
	}
}

// The first restart of an actor that is looked at is counted, as all others are.
func TestPageCountsTheFirstRestart(t *testing.T) {
	s := withLab(t)
	alice, _ := s.channel()
	id := s.channelID()
	v := s.visit(browser(t), "actor?id="+url.QueryEscape(id), looks{})
	const life = `[...document.querySelectorAll(".tile .about")].at(-1).textContent`
	v.Await(life + ` === "never restarted" && document.querySelector(".tile .about").textContent === "nothing waits"`)
	for _, want := range []string{"1 restart", "2 restarts"} {
		v.Run(`document.querySelector(".announcer").textContent = ""; [...document.querySelectorAll(".actor-head button")].find((b) => b.textContent === "Crash it").click();`)
		v.Await(`document.querySelector(".announcer").textContent.startsWith("It will panic")`)
		alice.Write(fmt.Sprintf(post, "boom"))
		alice.Next()
		v.Await(fmt.Sprintf(life+` === %q`, want))
	}
	v.Await(`(([newest, first]) => newest > first)([...document.querySelectorAll(".restarts time")].map((time) => time.dateTime))`)
	v.Run(`document.querySelector(".state-json").replaceChildren()`)
	v.Press("r")
	v.Await(`document.querySelector(".state-json .json-line") !== null`)
	v.Fine()
}

// A time in which the page did not listen is told, also if nothing had happened before.
func TestPageTellsOfItsFirstGap(t *testing.T) {
	s := withLab(t)
	v := s.visit(browser(t), "feed", looks{})
	v.Run(fmt.Sprintf(hide, true))
	v.Await(`document.querySelector(".state").textContent === "paused"`)
	v.Run(fmt.Sprintf(later, 60_000))
	v.Run(fmt.Sprintf(hide, false))
	v.Await(`document.querySelector(".feed-row[data-what=gap] .detail")?.textContent.startsWith("The page was not connected for 6")`)
	v.Fine()
}

// A stream for another view that comes only after a while leaves a gap too.
func TestPageTellsOfASlowChange(t *testing.T) {
	s := withLab(t)
	v := s.visit(browser(t), "tree", looks{})
	v.Run(`const real = window.fetch; let held = true;
		window.fetch = (...all) => held && all[0].startsWith("/events") ? new Promise((go) => { window.go = () => { held = false; go(real(...all)); }; }) : real(...all);
		location.hash = "#flow";`)
	v.Await(`window.go !== undefined && document.querySelector(".state").textContent === "connecting"`)
	v.Run(fmt.Sprintf(later, 20_000))
	v.Run(`window.go()`)
	v.Await(live)
	v.Run(`location.hash = "#feed"`)
	v.Await(`document.querySelector(".feed-row[data-what=gap] .detail")?.textContent.startsWith("The page was not connected for 2")`)
	v.Fine()
}

// If the browser's clock is not the provider's, the page tells all the same how long a fault
// is on, which can be ended, and how long actors live.
func TestPageWithAnotherClock(t *testing.T) {
	s := withLab(t)
	ctx := browser(t)
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		v := s.visit(ctx, "fault", looks{})
		v.Run(fmt.Sprintf(later, ahead.Milliseconds()))
		v.Run(`const form = document.querySelector("[data-fault=delay]"); form.elements.seconds.value = 60; form.requestSubmit();`)
		v.Await(`/^On for [1-6]?[0-9] s more[.] End it$/.test(document.querySelector("[data-fault=delay] .fault-state").textContent)`)
		v.Run(`document.querySelector("[data-fault=delay] .fault-state button").click()`)
		v.Await(`document.querySelector("[data-fault=delay] .fault-state").textContent === ""`)
		v.Run(`location.hash = "#actor?id=provider/router"`)
		v.Await(`/^[0-9]+ (s|min)$/.test([...document.querySelectorAll(".tile .figure")].at(-1)?.textContent) && document.querySelector(".state-json .json-line") !== null`)
		if lives := chromiumtest.Evaluate[string](v, `[...document.querySelectorAll(".tile .figure")].at(-1).textContent`); lives == "0 s" && ahead < 0 {
			t.Error("it lives for 0 s")
		}
		v.Fine()
	}
}

// If the provider was replaced while nobody saw the page, the page tells which one it is.
func TestPageOfAProviderReplacedUnseen(t *testing.T) {
	s := withLab(t)
	v := s.visit(browser(t), "tree", looks{})
	v.Run(fmt.Sprintf(hide, true))
	v.Await(`document.querySelector(".state").textContent === "paused"`)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.replaced().Serve(s.Provider, s.Listener, s.Store)
	v.Run(fmt.Sprintf(hide, false))
	v.Await(live + ` && document.querySelector(".whereabouts").textContent.includes("newer")`)
}

// What comes late for a view that was left is not in the address of the next one.
func TestPageKeepsAddressesApart(t *testing.T) {
	s := withLab(t)
	v := s.visit(browser(t), "follow", looks{})
	v.Run(`const real = window.fetch;
		window.fetch = (...all) => !all[0].startsWith("/api/tree") ? real(...all) : new Promise((go) => {
			window.go = async () => {
				const text = await (await real(...all)).text();
				go(new Response(text));
				setTimeout(() => { window.gone = true; });
			};
		});
		location.hash = "#tree";`)
	v.Await(`window.go !== undefined`)
	v.Run(`location.hash = "#flow"`)
	v.Await(`document.querySelector("main").dataset.view === "flow"`)
	v.Run(`window.go()`)
	v.Await(`window.gone && document.querySelector(".flow-view select option") !== null`)
	v.Run(`const choice = document.querySelector(".flow-view select"); choice.append(new Option("ping")); choice.value = "ping"; choice.dispatchEvent(new Event("change"));`)
	v.Await(`location.hash.includes("call=ping")`)
	if hash := chromiumtest.Evaluate[string](v, `location.hash`); hash != "#flow?call=ping" {
		t.Errorf("the address of the flow is %s", hash)
	}
	v.Fine()
}

// What a view was about to write into its address is not in the next one's either: the browser
// has that address a moment before it tells of it.
func TestPageKeepsAddressesApartInBetween(t *testing.T) {
	s := withLab(t)
	v := s.visit(browser(t), "tree", looks{})
	v.Await(`document.querySelector(".kind-button") !== null && location.hash === "#tree?open=provider"`)
	v.Run(`const real = window.setTimeout;
		window.setTimeout = (then, ms, ...more) => ms === 250 ? (window.write = then, 1) : real(then, ms, ...more);
		document.querySelector(".kind-button").click();`)
	v.Await(`window.write !== undefined`)
	v.Run(`location.hash = "#flow"; window.write();`)
	v.Await(`document.querySelector("main").dataset.view === "flow"`)
	if hash := chromiumtest.Evaluate[string](v, `location.hash`); hash != "#flow" {
		t.Errorf("the address of the flow is %s", hash)
	}
	v.Fine()
}

// The flow does not forget which calls came before another view was looked at.
func TestPageKeepsTheFlowsCalls(t *testing.T) {
	s := withLab(t)
	alice := s.Founder()
	v := s.visit(browser(t), "flow", looks{})
	const ping = `document.querySelector("tr[data-key=ping]")`
	v.Await(`document.querySelector(".tile .figure").textContent !== "–"`)
	alice.Yes(`{"call":"ping"}`)
	v.Await(ping + ` !== null`)
	v.Await(ping + `.cells[1].textContent === "0"`)
	v.Run(`location.hash = "#tree"`)
	v.Await(`document.querySelector("main").dataset.view === "tree"`)
	v.Run(`location.hash = "#flow"`)
	v.Await(`document.querySelector("main").dataset.view === "flow" && document.querySelector("tr[data-key]") !== null`)
	if !chromiumtest.Evaluate[bool](v, ping+` !== null`) {
		t.Error("the call is forgotten")
	}
	v.Fine()
}

// A provider that says nothing for long is not taken for one that lives.
func TestPageNoticesSilence(t *testing.T) {
	s := withLab(t)
	v := s.visit(browser(t), "follow", looks{})
	v.Run(`window.real = setTimeout; window.setTimeout = (work, ms) => real(work, ms === 40_000 ? 1 : ms);`) // its patience is over at once
	v.Await(`document.querySelector(".state").dataset.state === "waiting" && document.querySelector(".state").title.startsWith("The provider has become silent.")`)
	v.Run(`window.setTimeout = real`)
	v.Await(live)
	v.Fine()
}

// fake makes the page's next streams those of the test: feed says something in the newest.
const fake = `const real = fetch; window.fetch = (path, how) => !path.startsWith("/events") ? real(path, how) : Promise.resolve(new Response(new ReadableStream({
	start: (to) => { window.feed = (name, data) => to.enqueue(new TextEncoder().encode("event: " + name + "\ndata: " + JSON.stringify(data) + "\n\n")); },
})));`

// The fault lab remembers as long as the flow does, although it draws two charts.
func TestPageRemembersEachSecondOnce(t *testing.T) {
	const seconds = 200 // of the 300 that are remembered
	s := withLab(t)
	flow, err := json.Marshal(s.look("flow").next("flow"))
	if err != nil {
		t.Fatal(err)
	}
	v := s.visit(browser(t), "tree", looks{})
	v.Run(fake + `location.hash = "#fault";`)
	v.Await(`document.querySelector(".state").dataset.state === "connecting" && window.feed !== undefined`)
	v.Run(fmt.Sprintf(`const flow = %s, begun = Date.now();
		feed("hello", { stream: "fake" });
		(async () => {
			for (let i = 0; i < %d; i++) {
				Date.now = () => begun + 1000 * i;
				feed("flow", flow);
				await new Promise((done) => setTimeout(done));
			}
			window.fed = true;
		})();`, flow, seconds))
	v.Await(`window.fed && document.querySelector(".u-over") !== null`)
	// Under the cursor at its left edge, a chart tells the time of its first second.
	v.Run(`const over = document.querySelector(".u-over"), { left, top } = over.getBoundingClientRect();
		over.dispatchEvent(new MouseEvent("mousemove", { clientX: left + 1, clientY: top + 20, bubbles: true }));`)
	v.Await(`new Date(Date.now() - 1000 * ` + fmt.Sprint(seconds-1) + `).toLocaleTimeString("en-GB") === document.querySelector(".u-legend .u-value").textContent`)
	v.Fine()
}

// What is at the focus of the keyboard stays there, however often the page hears news.
func TestPageKeepsTheFocus(t *testing.T) {
	s := withLab(t)
	v := s.visit(browser(t), "feed", looks{})
	v.Run(fake + `location.hash = "#actor?id=provider/users/nobody";`)
	v.Await(`document.querySelector(".state").dataset.state === "connecting" && window.feed !== undefined && document.querySelector("h1")?.textContent === "Not alive"`)
	v.Run(`document.querySelector(".state-json a").focus();
		for (let i = 0; i < 3; i++) feed("actor", { id: "provider/users/nobody", gone: true });
		feed("hello", { stream: "fake" });`)
	v.Await(live)
	if !chromiumtest.Evaluate[bool](v, `document.activeElement.matches(".state-json a")`) {
		t.Error("the link on the page of an actor that has ended has lost the focus")
	}

	v.Run(`window.feed = undefined; location.hash = "#tree"`)
	v.Await(`window.feed !== undefined`)
	const tick = `feed("tree", { count: 2, kinds: {}, lives: {}, changed: [], deepest: [["a", %d], ["b", %d]].filter(([, depth]) => depth > 0).
		map(([id, depth]) => ({ id, kind: "user", label: "", depth, parent: "", children: 0, restarts: 0, started: 0 })) });`
	const told = `[...document.querySelectorAll(".deepest li")].map((li) => li.textContent).join()`
	v.Run(fmt.Sprintf(tick, 5, 3))
	v.Await(told + ` === "a5,b3"`)
	v.Run(`document.querySelectorAll(".deepest a")[1].focus();` + fmt.Sprintf(tick, 0, 7))
	v.Await(told + ` === "a0,b7" && document.activeElement.textContent === "b"`)
	v.Run(`document.activeElement.blur();` + fmt.Sprintf(tick, 0, 7))
	v.Await(told + ` === "b7"`)
	v.Fine("status of 404")
}

// The page says that it has lost its connection, and connects again by itself. It tells which
// provider it has found: that may be a newer version, without a fault lab.
func TestPageComesBack(t *testing.T) {
	s := withLab(t)
	s.channel()
	v := s.visit(browser(t), "tree", looks{})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	v.Await(`document.querySelector(".state").dataset.state === "waiting" && document.querySelector(".state").textContent.includes("again in")`)
	s.replaced().Serve(s.Provider, s.Listener, s.Store)
	v.Await(live)
	v.Await(`document.querySelector(".count")?.textContent?.endsWith("actors alive")`)
	v.Await(`document.querySelector(".whereabouts").textContent.includes("newer") && document.querySelector("#tab-fault") === null`)
	v.Await(`document.querySelector("#tab-tree").getAttribute("aria-selected") === "true"`)
}

// A page that nobody sees uses nothing.
func TestPageRestsWhenHidden(t *testing.T) {
	s := withLab(t)
	v := s.visit(browser(t), "tree", looks{})
	streams := func(n float64) {
		t.Helper()
		eventually(t, fmt.Sprintf("%v streams are open", n), func() bool {
			return s.object("/api/about")["cost"].(object)["streams"].(float64) == n
		})
	}
	streams(1)
	v.Run(fmt.Sprintf(hide, true))
	streams(0)
	v.Await(`document.querySelector(".state").textContent === "paused"`)
	v.Run(fmt.Sprintf(hide, false))
	v.Await(live)
	streams(1)
	v.Run(`location.hash = "#flow"`)
	v.Await(live + ` && document.querySelector(".tile .figure").textContent !== "–"`)
	streams(1)
	v.Fine()
}
