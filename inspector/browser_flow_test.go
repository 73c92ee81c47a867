package inspector_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"elemental/inspector/chromiumtest"
)

// The flow of an idle provider has scales that can be read, and figures that are rates
// say so.
func TestPageOfAnIdleFlow(t *testing.T) {
	s := withLab(t)
	v := s.visit(browser(t), "tree", looks{})
	v.Run(`window.drawn = new Set();
		const draw = CanvasRenderingContext2D.prototype.fillText;
		CanvasRenderingContext2D.prototype.fillText = function(text, ...rest) { drawn.add(text); return draw.call(this, text, ...rest); };
		location.hash = "#flow"`)
	v.Await(`drawn.has("0/s") && drawn.has("1/s")`)
	if chromiumtest.Evaluate[bool](v, `drawn.has("<0.1/s")`) {
		t.Error("the scale of nothing goes from 0 to a billionth")
	}
	v.Await(`[...document.querySelectorAll(".tile")].find((tile) => tile.textContent.startsWith("Journal"))?.querySelector(".about").textContent === "1 segment, snapshots 0 B/s"`)
	v.Fine()
}

// A small share of a processor is told as a figure, and on the scale of its chart. Other known
// figures are told too.
func TestPageOfKnownFigures(t *testing.T) {
	s := withLab(t)
	flow := s.look("flow").next("flow")
	flow["cpu"] = 0.043
	text, err := json.Marshal(flow)
	if err != nil {
		t.Fatal(err)
	}
	v := s.visit(browser(t), "tree", looks{width: 1200, height: 2000})
	v.Run(fake + `window.drawn = new Set();
		const draw = CanvasRenderingContext2D.prototype.fillText;
		CanvasRenderingContext2D.prototype.fillText = function(text, ...rest) { drawn.add(text); return draw.call(this, text, ...rest); };
		location.hash = "#flow"`)
	v.Await(`document.querySelector(".state").dataset.state === "connecting" && window.feed !== undefined`)
	v.Run(`window.flow = ` + string(text) + `; feed("flow", flow)`)
	v.Await(`[...document.querySelectorAll(".tile")].some((tile) => tile.textContent.startsWith("Processors0.043"))`)
	v.Await(`drawn.has("0.02")`)
	v.knownFlow()
	v.knownRequest()
	v.Fine()
}

// knownFlow feeds a page the figures of a provider that works, and then of one that rests. Each
// has its place, and is told as people read it.
func (v *tab) knownFlow() {
	v.t.Helper()
	v.Run(`feed("flow", { ...flow, posts: 2, pushes: 5, connections: 1234, inflight: 4, unread: 1536, syncs: 250.4, recordsPerSync: 1,
		memory: { resident: 3 * 2**30, heap: 1.5 * 2**20, stacks: 0 }, goroutines: 1, gc: { pauseP99: 12.5, count: 0 },
		journalBytes: 5 * 2**40, segments: 2, snapshotBytes: 512, refused: { too_large: 0.04, busy: 3 },
		calls: { message: { ok: 2, refused: 3.04, p50: 2.5e6, p99: 150e6 }, ping: { ok: 100, refused: 0, p50: 0.01, p99: 999.6 } } })`)
	for name, told := range map[string]string{
		"Calls": "105/s|4 under way", "Posts": "2/s|durable before the answer", "Pushes": "5/s|2.5 for each post", "Syncs": "250/s|1 record in each",
		"Latency of a post": "2.5 s|p99 2 min 30 s", "Connections": "1,234|1.5 KiB not yet read by clients", "Memory": "3 GiB|heap 1.5 MiB",
		"Processors": "0.043|1 goroutine, GC pause p99 13 µs", "Journal": "5 TiB|2 segments, snapshots 512 B/s", "Refused": "3.0/s|busy 3, too_large <0.1",
	} {
		v.Await(fmt.Sprintf(`[...document.querySelectorAll(".tile")].some((tile) => [...tile.children].map((part) => part.textContent).join("|") === %q)`, name+"|"+told))
	}
	const rows = `[...document.querySelectorAll(".flow-view tr[data-key=%s]")].map((row) => [...row.cells].map((cell) => cell.textContent).join()).join()`
	v.Await(fmt.Sprintf(rows, "message") + ` === "message,2,3.0,2.5 s,2 min 30 s" && ` + fmt.Sprintf(rows, "ping") + ` === "ping,100,0,0 µs,1,000 µs"`)
	v.Await(`document.querySelector('.plot[aria-label="Connections, requests under way. Now connections 1,234, under way 4."]') !== null`)
	v.Run(`const choice = document.querySelector("select[aria-label='Latency of which call']"); choice.value = "ping"; choice.dispatchEvent(new Event("change"));`)
	v.Await(`[...document.querySelectorAll(".chart figcaption")].some((title) => title.textContent === "Latency of ping") && location.hash === "#flow?call=ping"`)
	const idle = `document.querySelector(".flow-view > .empty").checkVisibility()`
	v.Await(`!` + idle)
	v.Run(`feed("flow", { ...flow, connections: 0, calls: {} })`)
	v.Await(idle)
}

// If all requests are turned away, there is no time to show, and none is shown.
func TestPageOfWhatIsTurnedAway(t *testing.T) {
	s := withLab(t)
	alice := s.Founder()
	alice.Yes(`{"call":"createchannel","servername":"s","name":"news"}`)
	s.fault(`{"what":"budget","bytes":0,"seconds":60}`)
	quit, ended := make(chan struct{}), make(chan struct{})
	pace := time.NewTicker(5 * time.Millisecond)
	defer func() {
		close(quit)
		<-ended
		pace.Stop()
	}()
	go func() {
		defer close(ended)
		for {
			select {
			case <-quit:
				return
			case <-pace.C:
				alice.Ask(`{"call":"message","servername":"s","channel":"news","msg":"x"}`)
			}
		}
	}()
	v := s.visit(browser(t), "flow", looks{})
	v.Await(`[...document.querySelectorAll(".tile")].find((tile) => tile.textContent.startsWith("Refused")).dataset.tone === "doubt" &&
		[...document.querySelectorAll(".chart")].filter((chart) => /^(Latency|Time)/.test(chart.querySelector("figcaption").textContent)).
			map((chart) => [...chart.querySelectorAll(".u-series:not(:first-child) .u-value")].map((figure) => figure.textContent).join()).join() === "–,–,–,–"`)
	v.Fine()
}
