package result

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func histogram(t *testing.T, micros ...int64) *hdrhistogram.Histogram {
	t.Helper()
	h := NewHistogram()
	for _, v := range micros {
		if err := h.RecordValue(v); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func TestLatencyOfAHistogram(t *testing.T) {
	h := NewHistogram()
	for v := int64(1); v <= 1000; v++ { // values below 2048 are kept exactly
		if err := h.RecordValue(v); err != nil {
			t.Fatal(err)
		}
	}
	l, err := NewLatency(h)
	if err != nil {
		t.Fatal(err)
	}
	want := Latency{Count: 1000, Mean: 0.5005, Min: 0.001, P50: 0.5, P90: 0.9, P95: 0.95, P99: 0.99, P999: 0.999, P9999: 1, Max: 1, Histogram: l.Histogram}
	if l != want {
		t.Errorf("%+v\nand not\n%+v", l, want)
	}
	back, err := l.Decode()
	if err != nil || !back.Equals(h) {
		t.Errorf("another histogram comes back (%v)", err)
	}
}

func TestLatencyOfNothing(t *testing.T) {
	l, err := NewLatency(NewHistogram())
	if err != nil || l != (Latency{}) {
		t.Errorf("%+v, %v", l, err)
	}
	h, err := l.Decode()
	if err != nil || h.TotalCount() != 0 || h.RecordValue(mostMicros) != nil {
		t.Errorf("no empty histogram comes back (%v)", err)
	}
}

func TestForeignHistogramsAreRefused(t *testing.T) {
	sound := must(NewLatency(histogram(t, 5)))
	nanos := hdrhistogram.New(1, 1_000_000, 3)
	if err := nanos.RecordValue(5); err != nil {
		t.Fatal(err)
	}
	other := must(nanos.Encode(hdrhistogram.V2CompressedEncodingCookieBase))
	for want, l := range map[string]Latency{
		"unpacking":                       {Count: 1, Histogram: "no base64!"},
		"has no histogram":                {Count: 1},
		"is not one of microseconds":      {Count: 1, Histogram: string(other)},
		"2 values has a histogram of 1":   {Count: 2, Histogram: sound.Histogram},
		"unpacking a histogram: encoding": {Count: 1, Histogram: "AAAAAAAAAAAAAAAA"},
	} {
		if _, err := l.Decode(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is refused with %v", want, err)
		}
	}
}

func TestCorrection(t *testing.T) {
	for name, c := range map[string]struct {
		recorded []int64
		interval time.Duration
		want     []int64
	}{
		"nothing above the interval": {[]int64{10, 99, 100}, 100 * time.Microsecond, []int64{10, 99, 100}},
		"one stall":                  {[]int64{50, 450}, 100 * time.Microsecond, []int64{50, 450, 350, 250, 150}},
		"down to the interval":       {[]int64{300}, 100 * time.Microsecond, []int64{300, 200, 100}},
		"twice":                      {[]int64{200, 200}, 100 * time.Microsecond, []int64{200, 200, 100, 100}},
		"two stalls":                 {[]int64{250, 300}, 100 * time.Microsecond, []int64{250, 150, 300, 200, 100}},
		"no interval":                {[]int64{1000}, 0, []int64{1000}},
		"below a microsecond":        {[]int64{4}, time.Nanosecond, []int64{4, 3, 2, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			h := histogram(t, c.recorded...)
			got, err := Correct(h, c.interval)
			if err != nil || !got.Equals(histogram(t, c.want...)) {
				t.Errorf("%v, %v", got.Distribution(), err)
			}
			if !h.Equals(histogram(t, c.recorded...)) {
				t.Error("the histogram itself was changed")
			}
		})
	}
}

// Values that share a bar are added together. The outcome must be the same as when they
// are added one by one, as the library does when a value is recorded.
func TestCorrectionOfCoarseBars(t *testing.T) {
	for _, interval := range []int64{1, 7, 1000, 4096, 99_999} {
		h, want := NewHistogram(), NewHistogram()
		for _, v := range []int64{3, 5_000, 123_456, 123_456, 3_000_001} {
			seen := histogram(t, v).ValueAtPercentile(100) // a histogram keeps the upper end of a bar
			if err := h.RecordValue(v); err != nil {
				t.Fatal(err)
			}
			if err := want.RecordCorrectedValue(seen, interval); err != nil {
				t.Fatal(err)
			}
		}
		got, err := Correct(h, time.Duration(interval)*time.Microsecond)
		if err != nil || !got.Equals(want) {
			t.Errorf("interval %d: %d values and not %d (%v)", interval, got.TotalCount(), want.TotalCount(), err)
		}
	}
}

// Correcting hours by a microsecond would add 3.6 billion values for each: one by one,
// that would never end.
func TestCorrectionIsBounded(t *testing.T) {
	h := NewHistogram()
	var want int64
	for i := range int64(500) {
		v := mostMicros - i*2_100_000 // each value in its own bar
		if err := h.RecordValues(v, 1000); err != nil {
			t.Fatal(err)
		}
	}
	for _, bar := range h.Distribution() {
		want += bar.Count * bar.To
	}
	got, err := Correct(h, time.Microsecond)
	if err != nil || got.TotalCount() != want {
		t.Errorf("%d values, and not %d (%v)", got.TotalCount(), want, err)
	}
	if err := h.RecordValues(mostMicros, math.MaxInt64/2); err != nil {
		t.Fatal(err)
	}
	if _, err := Correct(h, time.Microsecond); err == nil {
		t.Error("more values than can be counted are no error")
	}
}

func TestPointsAreShortAndHaveHoles(t *testing.T) {
	got, err := json.Marshal([]points{{1, math.NaN(), 1234.5678, 0.00012345, math.Inf(1)}, nil, {}})
	if want := `[[1,null,1235,0.0001234,null],null,[]]`; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}
