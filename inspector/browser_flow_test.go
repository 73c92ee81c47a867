package inspector_test

import (
	"testing"

	"elemental/inspector/chromiumtest"
)

// What the flow shows of a provider that nobody asks anything has scales that can be read,
// and what is a rate says so.
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
