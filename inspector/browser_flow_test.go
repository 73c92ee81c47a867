package inspector_test

import (
	"encoding/json"
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

// A small share of a processor is told as a figure, and on the scale of its chart.
func TestPageOfAnIdleProcessor(t *testing.T) {
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
	v.Run(`feed("flow", ` + string(text) + `)`)
	v.Await(`[...document.querySelectorAll(".tile")].some((tile) => tile.textContent.startsWith("Processors0.043"))`)
	v.Await(`drawn.has("0.02")`)
	v.Fine()
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
