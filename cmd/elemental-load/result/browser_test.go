package result

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"elemental/inspector/chromiumtest"
)

func browser(t *testing.T) context.Context {
	t.Helper()
	return chromiumtest.Start(t, chromiumtest.Patience)
}

// view is a report in a tab of the browser.
type view struct {
	*chromiumtest.Tab
	t *testing.T
}

// open writes a report and opens it in a new tab.
func open(t *testing.T, ctx context.Context, r *Result, scheme string, width, height int64) *view {
	t.Helper()
	dir := t.TempDir()
	if err := Write(dir, r); err != nil {
		t.Fatal(err)
	}
	page := "file://" + filepath.ToSlash(filepath.Join(dir, pageFile))
	v := &view{chromiumtest.Open(t, ctx, func(url string) bool { return url == page }), t}
	v.Do(chromedp.EmulateViewport(width, height))
	v.Media("", scheme)
	v.Do(chromedp.Navigate(page))
	return v
}

// inked is a script that counts, for each plot, the pixels in the colour of a series.
const inked = `(() => {
	const style = getComputedStyle(document.documentElement), colours = [];
	for (let i = 1; i <= 5; i++) {
		const hex = style.getPropertyValue("--series-" + i).trim();
		colours.push([1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
	}
	const found = {};
	for (const place of document.querySelectorAll(".plot")) {
		const canvas = place.querySelector("canvas");
		let n = 0;
		if (canvas) {
			const d = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
			for (let i = 0; i < d.length; i += 4) {
				if (d[i+3] > 250 && colours.some((c) => Math.abs(c[0]-d[i]) + Math.abs(c[1]-d[i+1]) + Math.abs(c[2]-d[i+2]) < 12)) n++;
			}
		}
		found[place.id] = n;
	}
	return found;
})()`

// picture is a script that returns the picture of a plot.
func picture(plot string) string {
	return fmt.Sprintf(`document.querySelector("#plot-%s canvas").toDataURL()`, plot)
}

var everyPlot = []string{"latency", "percentiles", "throughput", "errors", "cpu", "memory", "connections"}

func TestReportInABrowser(t *testing.T) {
	ctx := browser(t)
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{400, 1400} {
			t.Run(fmt.Sprintf("%s at %d", scheme, width), func(t *testing.T) {
				v := open(t, ctx, load(t, "stalled"), scheme, width, 900)
				v.Fine()
				drawn := chromiumtest.Evaluate[map[string]int](v, inked)
				for _, plot := range everyPlot {
					const line = 100 // least number of pixels
					if drawn["plot-"+plot] < line {
						t.Errorf("the plot of %s has %d pixels of lines", plot, drawn["plot-"+plot])
					}
				}
				if wide := chromiumtest.Evaluate[int64](v, `document.documentElement.scrollWidth`); wide > width {
					t.Errorf("the page is %d wide and scrolls sideways", wide)
				}
				ground := chromiumtest.Evaluate[string](v, `getComputedStyle(document.body).backgroundColor`)
				if want := map[string]string{"light": "rgb(244, 246, 248)", "dark": "rgb(14, 18, 22)"}[scheme]; ground != want {
					t.Errorf("its ground is %s", ground)
				}
				v.screenshot(scheme, width)
			})
		}
	}
}

// screenshot keeps a picture of the whole page, for people to look at, if
// ELEMENTAL_REPORT_PICTURES names a folder.
func (v *view) screenshot(scheme string, width int64) {
	v.t.Helper()
	dir := os.Getenv("ELEMENTAL_REPORT_PICTURES")
	if dir == "" {
		return
	}
	high := chromiumtest.Evaluate[int64](v, `document.documentElement.scrollHeight`)
	v.Do(chromedp.EmulateViewport(width, high))
	v.Await(`document.documentElement.clientHeight > 0`)
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("report-%s-%d.png", scheme, width)), v.Screenshot(), 0o644); err != nil {
		v.t.Fatal(err)
	}
}

func TestReportMoves(t *testing.T) {
	v := open(t, browser(t), load(t, "stalled"), "light", 1000, 900)

	before := chromiumtest.Evaluate[string](v, picture("percentiles"))
	choose := `{ const s = document.getElementById("operation"); s.value = "poll.messages"; s.dispatchEvent(new Event("change")); }`
	chromiumtest.Evaluate[chromedp.Void](v, choose)
	v.Await(picture("percentiles") + ` !== ` + fmt.Sprintf("%q", before))
	for _, plot := range []string{"latency", "percentiles"} {
		if label := chromiumtest.Evaluate[string](v, `document.getElementById("plot-`+plot+`").getAttribute("aria-label")`); !strings.Contains(label, "Latency of poll.messages") {
			t.Errorf("the plot of %s says of itself %q", plot, label)
		}
	}
	if said := chromiumtest.Evaluate[string](v, `document.getElementById("said").textContent`); !strings.Contains(said, "p99 700 ms and 1.2 ms") {
		t.Errorf("below the curves stands %q", said)
	}

	for _, plot := range []string{"latency", "percentiles"} {
		before := chromiumtest.Evaluate[string](v, picture(plot))
		chromiumtest.Evaluate[chromedp.Void](v, `document.getElementById("log").click()`)
		v.Await(picture(plot) + ` !== ` + fmt.Sprintf("%q", before))
	}

	before = chromiumtest.Evaluate[string](v, picture("cpu"))
	v.Media("", "dark")
	v.Await(picture("cpu") + ` !== ` + fmt.Sprintf("%q", before))

	v.Do(chromedp.EmulateViewport(500, 900))
	v.Await(`[...document.querySelectorAll(".plot")].every((p) => p.querySelector(".u-wrap").offsetWidth === p.clientWidth)`)

	v.Media("print", "dark")
	v.Await(`getComputedStyle(document.body).backgroundColor === "rgb(255, 255, 255)"`)
}

// All plots with the same time axis share one cursor, and each shows its values with
// their units.
func TestReportTellsValues(t *testing.T) {
	v := open(t, browser(t), load(t, "stalled"), "light", 1000, 900)
	chromiumtest.Evaluate[chromedp.Void](v, `document.querySelector("#plot-latency .u-over").scrollIntoView({block: "center"})`)
	at := chromiumtest.Evaluate[[]float64](v, `(() => { const r = document.querySelector("#plot-latency .u-over").getBoundingClientRect();
		return [r.left + r.width * 12 / 31, r.top + r.height / 2]; })()`)
	v.Do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0], at[1]))
	v.Await(`document.querySelector("#plot-latency .u-value").textContent === "12 s"`)
	for plot, want := range map[string]string{
		"latency": "12 s|501 ms|992 ms|1.0 s", "throughput": "12 s|360/s|250/s|300/s|600/s|60/s|0/s", "errors": "12 s|0/s|0/s",
		"cpu": "12 s|67%|28.9%", "memory": "12 s|122 MiB", "connections": "12 s|50",
	} {
		got := chromiumtest.Evaluate[string](v, `[...document.querySelectorAll("#plot-`+plot+` .u-value")].map((e) => e.textContent).join("|")`)
		if got != want {
			t.Errorf("%s: %q, and not %q", plot, got, want)
		}
	}
}

// TestReportOfAShortRun: a run of a few seconds has marks at whole seconds, and none whose label is
// rounded: 1.3 s where 1.25 s is meant.
func TestReportOfAShortRun(t *testing.T) {
	r := load(t, "steady")
	r.Seconds = r.Seconds[:4]
	v := open(t, browser(t), r, "light", 1000, 900)
	chromiumtest.Evaluate[chromedp.Void](v, `window.marks = new Set();
		const draw = CanvasRenderingContext2D.prototype.fillText;
		CanvasRenderingContext2D.prototype.fillText = function(text, ...rest) {
			if (text.endsWith(" s")) marks.add(text);
			return draw.call(this, text, ...rest);
		}`)
	v.Do(chromedp.EmulateViewport(1001, 900)) // draws the plots anew
	v.Await(`marks.size > 0 && [...document.querySelectorAll(".plot")].every((p) => p.querySelector(".u-wrap").offsetWidth === p.clientWidth)`)
	if marks := chromiumtest.Evaluate[string](v, `[...marks].sort().join(", ")`); marks != "0 s, 1 s, 2 s, 3 s" {
		t.Errorf("the time axes have the marks %s", marks)
	}
}

func TestReportForThoseWhoSeeNoPlot(t *testing.T) {
	v := open(t, browser(t), load(t, "steady"), "light", 1000, 900)
	labels := chromiumtest.Evaluate[map[string]string](v, `Object.fromEntries([...document.querySelectorAll(".plot")].map((p) => [p.id, p.getAttribute("role") + ": " + (p.getAttribute("aria-label") || "")]))`)
	for plot, want := range map[string]string{
		"plot-latency":     "img: Latency of post over time. p50: 1.1 ms to 1.3 ms; p99: 2.6 ms to",
		"plot-percentiles": "img: Latency of post by percentile. Corrected: 231 µs to 9.3 ms; uncorrected: 231 µs to 9.3 ms.",
		"plot-throughput":  "img: Throughput over time. due: 200/s to 200/s; begun: 200/s to 200/s; post: 200/s to 200/s; delivered:",
		"plot-cpu":         "img: CPU over time. provider:",
		"plot-memory":      "img: Provider memory over time. resident: 46.0 MiB to",
		"plot-connections": "img: Connections over time. open: 50 to 50.",
	} {
		if !strings.HasPrefix(labels[plot], want) {
			t.Errorf("%s says of itself %q", plot, labels[plot])
		}
	}
	if _, there := labels["plot-errors"]; there {
		t.Error("there is a plot of errors, and there were none")
	}
	if level := chromiumtest.Evaluate[string](v, `[...document.querySelectorAll("h1, h2, h3")].map((h) => h.tagName[1]).join("")`); !strings.HasPrefix(level, "12") || strings.Count(level, "1") != 1 {
		t.Errorf("the headings are of the levels %s", level)
	}
	if n := chromiumtest.Evaluate[int](v, `document.querySelectorAll("th:not([scope])").length - document.querySelectorAll(".u-legend th").length`); n != 0 {
		t.Errorf("%d table headers head nothing", n)
	}
}

// Nothing but the page's own scripts runs, whatever others wrote into texts, and nothing
// is fetched.
func TestReportRunsNothingElse(t *testing.T) {
	for name, r := range map[string]*Result{"hostile": hostile(t), "empty": {Format: Format}, "of a second": {Format: Format, Seconds: make([]Second, 1)}} {
		t.Run(name, func(t *testing.T) {
			v := open(t, browser(t), r, "light", 400, 900)
			v.Fine()
			if chromiumtest.Evaluate[bool](v, `"gotcha" in window`) {
				t.Error("a script that somebody put into a text ran")
			}
			if wide := chromiumtest.Evaluate[int64](v, `document.documentElement.scrollWidth`); wide > 400 {
				t.Errorf("the page is %d wide", wide)
			}

			// Shows that the test would notice: here the page's policy has to refuse
			// both.
			chromiumtest.Evaluate[chromedp.Void](v, `{ const i = new Image(); i.onerror = () => { window.refused = true; }; i.src = "other.png"; document.body.append(i); }`)
			chromiumtest.Evaluate[chromedp.Void](v, `{ const s = document.createElement("script"); s.textContent = "window.gotcha = 1"; document.body.append(s); console.log("heard"); }`)
			v.Await(`window.refused`)
			v.Hears("Content Security Policy")
			v.Hears("console log")
			if chromiumtest.Evaluate[bool](v, `"gotcha" in window`) {
				t.Error("the page ran a script that does not belong to it")
			}
		})
	}
}
