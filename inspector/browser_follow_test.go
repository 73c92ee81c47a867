package inspector_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"elemental/actors"
	"elemental/inspector/chromiumtest"
	"elemental/transport/housetest"
)

// step is a station of a followed request, as the page shows it.
type step struct {
	Where              string
	Sent, Begun, Ended float64
	Place              string
}

const stations = `[...document.querySelectorAll(".waterfall tbody tr")].map((r) => ({
	Where: r.dataset.where, Sent: Number(r.dataset.sent), Begun: Number(r.dataset.begun), Ended: Number(r.dataset.ended),
	Place: r.querySelector(".place")?.textContent ?? ""}))`

// A post is followed from the socket through the actors and back to the socket, in the
// right order and with possible times.
func TestPageFollowsARequest(t *testing.T) {
	s := withLab(t)
	alice, bob := s.channel()
	v := s.visit(browser(t), "follow?call=message", looks{})
	v.Run(`document.querySelector(".follow-form .primary").click()`)
	v.Await(`document.querySelector(".follow-status")?.textContent.startsWith("Waiting for message")`)
	begun := time.Now()
	alice.Yes(post, "follow me")
	took := time.Since(begun)
	if bob.Next()["message"] != "follow me" {
		t.Error("bob was pushed something else")
	}
	v.Await(`document.querySelector(".sequence .station") !== null`)
	shown := time.Since(begun)

	way := chromiumtest.Evaluate[[]step](v, stations)
	var names []string
	for i, at := range way {
		names = append(names, at.Where)
		// A client may have its answer before the writer knows that it is written.
		if at.Sent > at.Begun || at.Begun > at.Ended || at.Begun > float64(took.Microseconds()) || at.Ended > float64(shown.Microseconds()) {
			t.Errorf("%s: sent at %v, begun at %v, ended at %v of %v, shown after %v", at.Where, at.Sent, at.Begun, at.Ended, took, shown)
		}
		if i > 0 && at.Sent < way[i-1].Sent {
			t.Errorf("%s at %v is drawn after what came later", at.Where, at.Sent)
		}
		if at.Place == "" {
			t.Errorf("%s has no place in the source", at.Where)
		}
	}
	inOrder(t, names, "reader", "session", "directory", "server", "channel", "persistence", "channel", "router", "session", "writer")
	if lanes := chromiumtest.Evaluate[int](v, `document.querySelectorAll(".lane").length`); lanes < 8 {
		t.Errorf("there are %d lanes", lanes)
	}
	v.Await(`document.querySelector(".batch-sync") !== null && document.querySelector(".push") !== null`)
	v.Run(`document.querySelector(".waterfall tr[data-where=channel]").dispatchEvent(new PointerEvent("pointerenter"))`)
	v.Await(`document.querySelector(".hop-detail").textContent.startsWith("channel handled")`)
	v.Fine()
}

// If a request has more stations than can be told, the page shows those that are told,
// and how many are not. It does so also while it waits for other requests.
func TestPageTellsOfLostStations(t *testing.T) {
	s := open(t, housetest.Settings{Actor: func(c *actors.Config) { c.AutoSubscribe = true }}, nil)
	alice := s.Founder()
	const servers = 100
	for i := range servers {
		alice.Yes(`{"call":"createserver","servername":"s%d","serverpasswd":""}`, i)
	}
	v := s.visit(browser(t), "follow?call=login&count=5", looks{})
	v.Run(`document.querySelector(".follow-form .primary").click()`)
	v.Await(`document.querySelector(".follow-status")?.textContent.startsWith("Waiting for login: 5 to come")`)
	page := s.look("")
	page.follow(s, "login", 1)
	s.Login("alice") // subscribes to all the servers
	request := page.next("request")
	hops, lost := len(hopsOf(request)), int(request["lost"].(float64))
	if hops+lost > 6*servers || hops < 256 || lost == 0 { // some 500 stations, but late ones are not waited for
		t.Errorf("%d stations are told and %d lost", hops, lost)
	}
	v.Await(fmt.Sprintf(`document.querySelectorAll(".waterfall tbody tr").length === %d`, hops))
	v.Await(fmt.Sprintf(`document.querySelector(".request .lost")?.textContent.startsWith("%d stations got lost")`, lost))
	v.Await(`document.querySelector(".follow-status").textContent.startsWith("Waiting for login: 4 to come")`)
	// There are as many columns as actors. So the diagram scrolls sideways, and does not
	// get too small to read.
	const scale = `const d = document.querySelector("svg.sequence"); d.getBoundingClientRect().width / d.viewBox.baseVal.width`
	if drawn := chromiumtest.Evaluate[float64](v, scale); drawn < 0.7 {
		t.Errorf("the diagram is drawn at %.2f of its size", drawn)
	}
	v.narrow(1200)
	v.Fine()
}

// After a minute the page says how many of the requests have come, not that none has.
func TestPageSaysHowManyRequestsCame(t *testing.T) {
	s := withLab(t)
	alice := s.Founder()
	v := s.visit(browser(t), "follow?call=ping&count=5", looks{})
	v.Run(`document.querySelector(".follow-form .primary").click()`)
	v.Await(`document.querySelector(".follow-status").textContent.includes("5 to come")`)
	alice.Yes(`{"call":"ping"}`)
	alice.Yes(`{"call":"ping"}`)
	v.Await(`document.querySelector(".follow-status").textContent.includes("3 to come")`)
	v.Run(fmt.Sprintf(later, 61_000))
	v.Await(`document.querySelector(".follow-status").textContent === "Only 2 of 5 requests came within a minute."`)
	v.Fine()
}

// A connection that came long after the view was opened, and that is not among the first
// hundreds, can be found by its user, picked with the keyboard, and followed. In the
// fault lab it is stalled, for longer than a reader may be slow.
func TestPagePicksAnyConnection(t *testing.T) {
	s := withLab(t)
	ctx := browser(t)
	v := s.visit(ctx, "follow?call=ping", looks{})
	for range 230 {
		s.Dial().Ask(`{"call":"getprovidername"}`)
	}
	s.Dial().Yes(`{"call":"register","usernm":"zoe","passwd":"pw"}`)
	zoe := s.Login("zoe")

	v.Run(`document.querySelector("#follow-conn").focus()`)
	v.Press(kb.ArrowDown)
	v.Await(`document.querySelector(".picker-said").textContent === "50 of 232: type to find another"`)
	v.Press("z", "o")
	v.Await(`document.querySelector(".picker-said").textContent === "1 in all"`)
	v.Press(kb.ArrowDown)
	v.Shortcut("Enter")
	v.Await(`document.querySelector("#follow-conn").value === "232 zoe" && document.querySelector(".picker-popup").hidden`)
	v.Press(kb.Enter)
	v.Await(`document.querySelector(".follow-status").textContent.includes("of connection 232")`)
	zoe.Yes(`{"call":"ping"}`)
	v.Await(`document.querySelector(".request-head")?.textContent.includes("connection 232")`)
	v.Await(`new URLSearchParams(location.hash.split("?")[1]).get("conn") === "232"`)

	lab := s.visit(ctx, "fault", looks{})
	if usual := chromiumtest.Evaluate[string](lab, `document.querySelector("[data-fault=stall]").elements.seconds.value`); usual != "60" {
		t.Errorf("a reader is stalled for %s s", usual)
	}
	lab.Run(`const form = document.querySelector("[data-fault=stall]"); form.querySelector("#fault-conn").value = "zoe"; form.requestSubmit();`)
	lab.Await(`document.querySelector("[data-fault=stall] .fault-state").textContent.startsWith("On for")`)
	if on := s.faults(); len(on) != 1 || on[0].(object)["conn"] != 232.0 {
		t.Errorf("what is on: %v", on)
	}
	lab.Run(`const form = document.querySelector("[data-fault=stall]"); form.elements.conn.value = ""; form.querySelector("#fault-conn").value = "nobody"; form.requestSubmit();`)
	lab.Await(`document.querySelector("[data-fault=stall] .fault-state").textContent === "Choose a connection from the list."`)
	lab.Await(`document.querySelector("[data-fault=stall] .fault-state").textContent.startsWith("On for")`) // again, with its button
	v.Fine()
	lab.Fine()
}

// The place of a station's handler can be read and copied. If the browser does not allow
// copying, as without TLS from another machine, the place is selected and the page says
// so.
func TestPageCopiesAPlace(t *testing.T) {
	s := withLab(t)
	alice, _ := s.channel()
	v := s.visit(browser(t), "follow?call=message", looks{})
	v.follow(func() { alice.Yes(post, "follow me") })
	const of = `document.querySelector(".waterfall tr[data-where=channel] .place")`
	line := chromiumtest.Evaluate[string](v, of+`.querySelector(".place-line").textContent`)
	if text := chromiumtest.Evaluate[string](v, of+`.textContent`); !strings.HasPrefix(line, "actors/channel.go:") || len(text) < len(line)+3 {
		t.Errorf("it reads %q, with the line %q", text, line)
	}
	v.Run(`Object.defineProperty(navigator, "clipboard", {configurable: true, value: {writeText: async (text) => { window.copied = text; }}}); ` + of + `.click()`)
	v.Await(fmt.Sprintf(`window.copied === %q && document.querySelector(".announcer").textContent === %q`, line, "Copied "+line))
	v.Run(`Object.defineProperty(navigator, "clipboard", {configurable: true, value: undefined}); ` + of + `.focus()`)
	v.Press(kb.Enter)
	v.Await(fmt.Sprintf(`getSelection().toString() === %q && document.querySelector(".announcer").textContent.includes("is selected")`, line))
	v.Fine()
}

// What is followed ends with a click, with the view, and with the stream; of what has come
// each request can be looked at.
func TestPageEndsAFollow(t *testing.T) {
	s := withLab(t)
	alice, _ := s.channel()
	v := s.visit(browser(t), "follow?call=ping&count=20", looks{})
	follows := func(n float64) {
		t.Helper()
		eventually(t, fmt.Sprintf("%v are followed", n), func() bool {
			return s.object("/api/about")["cost"].(object)["follows"] == n
		})
	}
	const button, status = `document.querySelector(".follow-form .button")`, `document.querySelector(".follow-status").textContent`
	v.Press("f")
	v.Await(button + `.textContent === "Stop" && ` + status + `.startsWith("Waiting for ping")`)
	follows(1)
	v.Run(button + `.click()`)
	v.Await(button + `.textContent === "Follow the next 20" && ` + status + ` === ""`)
	follows(0)

	v.Press("f")
	v.Await(button + `.textContent === "Stop"`)
	follows(1)
	v.Run(`location.hash = "#feed"`) // for which there is no other stream
	follows(0)
	v.Run(`location.hash = "#follow?call=ping"; window.real = window.fetch;
		window.fetch = (...all) => all[1].method !== "POST" ? window.real(...all) : window.real(...all).then((answer) => new Promise((go) => { window.go = () => go(answer); }));`)
	v.Await(button + `?.textContent === "Follow the next one"`)
	v.Press("f")
	v.Await(`window.go !== undefined`) // it is left before it has heard that it is followed
	v.Run(`location.hash = "#feed"`)
	v.Await(`document.querySelector("main").dataset.view === "feed"`)
	follows(1)
	v.Run(`window.go(); window.fetch = window.real;`)
	follows(0)
	v.Run(`location.hash = "#follow?call=ping&count=5"`)
	v.Await(button + `?.textContent === "Follow the next 5"`)
	v.Press("f")
	v.Await(button + `.textContent === "Stop"`)
	v.Run(fmt.Sprintf(hide, true))
	v.Await(status + `.startsWith("The stream was interrupted") && ` + button + `.textContent === "Follow the next 5"`)
	v.Run(fmt.Sprintf(hide, false))
	v.Await(live)

	v.Run(`location.hash = "#follow?count=5"`)
	v.Await(button + `?.textContent === "Follow the next 5" && document.querySelector("#follow-call").value === ""`)
	v.Press("f")
	v.Await(button + `.textContent === "Stop"`)
	alice.Ask(`{"call":"message","servername":"nowhere","channel":"general","msg":"x"}`)
	alice.Yes(`{"call":"ping"}`)
	const head = `document.querySelector(".request-head h2").textContent`
	v.Await(`document.querySelectorAll(".request-item").length === 2 && ` + head + ` === "message refused: no_such_server connection 2"`)
	v.Run(`document.querySelector(".request-item").click()`) // the newest comes first
	v.Await(head + ` === "ping answered connection 2"`)
	v.Run(`document.querySelector(".request-list").focus()`)
	v.Press(kb.ArrowDown)
	v.Await(head + `.startsWith("message") && document.querySelector(".request-item[aria-selected=true] .refused") !== null`)
	v.Press(kb.ArrowUp)
	v.Await(head + `.startsWith("ping")`)
	v.Fine()
}

// known is a request of which each time is known, in microseconds.
const known = `const hop = (where, actor, message, sent, begun, ended, more) => ({ where, actor, message, sent, begun, ended,
		place: { file: "actors/x.go", line: 1, function: "f" }, span: where, parent: "", ...more });
	feed("request", { id: "", call: "message", conn: 7, code: "", begun: Date.now(), took: 3000, hops: [
		hop("reader", "", "line", 0, 0, 10),
		hop("session", "conn/7", "Request", 10, 30, 50),
		hop("persistence", "provider/persistence", "Append", 50, 60, 2000, { batch: { records: 3, bytes: 2048, begun: 100, written: 400, synced: 1900 } }),
		hop("router", "provider/router", "publish", 2000, 2000, 2100, { pushes: 12 }),
		hop("writer", "", "Posted", 2100, 2200, 3000),
	] });`

// knownRequest feeds a page that request. Its times add up, and the time at the disk is neither a
// wait in the mailbox nor work.
func (v *tab) knownRequest() {
	v.t.Helper()
	v.Run(`window.feed = undefined; location.hash = "#follow";`)
	v.Await(`window.feed !== undefined && document.querySelector(".follow-view") !== null`)
	v.Run(known)
	v.Await(`[...document.querySelectorAll(".facts div")].map((fact) => fact.textContent).join() === "took3 ms,waited170 µs,handled1.0 ms,write and sync1.8 ms,pushed to12 connections"`)
	v.Run(`document.querySelector(".waterfall tr[data-where=persistence]").dispatchEvent(new PointerEvent("pointerenter"))`)
	const told = "persistence handled Append in 100 µs after it had waited 10 µs in its mailbox and 40 µs for its batch. " +
		"Committed with 3 records (2 KiB): written in 300 µs, synced to disk in 1.5 ms."
	v.Await(fmt.Sprintf(`document.querySelector(".hop-detail").textContent === %q`, told))
	const cells = `[...document.querySelectorAll(".waterfall tbody tr")].map((row) => row.cells[3].textContent + "/" + row.cells[4].textContent).join()`
	v.Await(cells + ` === "–/10 µs,20 µs/20 µs,50 µs/100 µs,–/100 µs,100 µs/800 µs"`)
}

// inOrder fails the test unless names has all of want in that order. Others may come in
// between.
func inOrder(t *testing.T, names []string, want ...string) {
	t.Helper()
	rest := names
	for _, name := range want {
		at := slices.Index(rest, name)
		if at < 0 {
			t.Fatalf("the request went %v, and %s does not come where it should in %v", names, name, want)
		}
		rest = rest[at+1:]
	}
	if len(rest) > 0 {
		t.Errorf("after the end came %v", rest)
	}
}
