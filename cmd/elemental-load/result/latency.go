package result

import (
	"fmt"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The histograms of this program: in microseconds, up to an hour, with an error of at
// most a thousandth of the value.
const (
	leastMicros = 1
	mostMicros  = 3_600_000_000
	digits      = 3
)

// NewHistogram makes an empty histogram for NewLatency: in microseconds, up to an hour,
// with three digits.
func NewHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(leastMicros, mostMicros, digits)
}

// NewLatency makes a Latency, in milliseconds, from a histogram in microseconds. For an
// empty histogram it is the zero Latency.
func NewLatency(h *hdrhistogram.Histogram) (Latency, error) {
	if h.TotalCount() == 0 {
		return Latency{}, nil
	}
	packed, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return Latency{}, fmt.Errorf("packing a histogram: %w", err)
	}
	at := func(percentile float64) float64 { return millis(h.ValueAtPercentile(percentile)) }
	return Latency{
		Count: h.TotalCount(), Mean: h.Mean() / 1000, Min: at(0), Max: at(100),
		P50: at(50), P90: at(90), P95: at(95), P99: at(99), P999: at(99.9), P9999: at(99.99),
		Histogram: string(packed),
	}, nil
}

func millis(micros int64) float64 { return float64(micros) / 1000 }

// Decode makes the histogram again that NewLatency was given. For the zero Latency it is
// empty. If NewLatency did not write it, Decode returns an error.
func (l *Latency) Decode() (*hdrhistogram.Histogram, error) {
	if l.Histogram == "" {
		if l.Count != 0 {
			return nil, fmt.Errorf("a latency of %d values has no histogram", l.Count)
		}
		return NewHistogram(), nil
	}
	h, err := hdrhistogram.Decode([]byte(l.Histogram))
	if err != nil {
		return nil, fmt.Errorf("unpacking a histogram: %w", err)
	}
	if h.LowestTrackableValue() != leastMicros || h.HighestTrackableValue() != mostMicros || h.SignificantFigures() != digits {
		return nil, fmt.Errorf("a histogram from %d to %d with %d digits is not one of microseconds up to an hour",
			h.LowestTrackableValue(), h.HighestTrackableValue(), h.SignificantFigures())
	}
	if h.TotalCount() != l.Count {
		return nil, fmt.Errorf("a latency of %d values has a histogram of %d", l.Count, h.TotalCount())
	}
	return h, nil
}

// Correct returns a copy of a histogram in microseconds, to which the values are added
// that a closed model could not measure. A client that waits for v and would otherwise
// have sent a request every interval has missed requests that would have taken
// v-interval, v-2*interval and so on, down to the interval. An interval below a
// microsecond counts as one microsecond; one of 0 or less corrects nothing. The work is
// limited by the size of the histogram, however short the interval is. The only error is
// a count beyond 63 bits.
func Correct(h *hdrhistogram.Histogram, interval time.Duration) (*hdrhistogram.Histogram, error) {
	corrected := h.Clone()
	if interval <= 0 {
		return corrected, nil
	}
	step := max(interval.Microseconds(), 1)
	bars := h.Distribution()
	for i, bar := range slices.Backward(bars) {
		if bar.Count == 0 {
			continue
		}
		if err := putMissing(corrected, bars[:i+1], step); err != nil {
			return nil, fmt.Errorf("correcting by an interval of %v: %w", interval, err)
		}
	}
	return corrected, nil
}

// putMissing adds the values that are missing because of the last bar. Values that fall
// into the same bar are added together, so that there are no more rounds than bars.
func putMissing(into *hdrhistogram.Histogram, bars []hdrhistogram.Bar, step int64) error {
	last := len(bars) - 1
	count := bars[last].Count
	missing := bars[last].To - step
	for at := last; missing >= step; {
		for bars[at].From > missing {
			at--
		}
		least := max(bars[at].From, step)
		together := (missing-least)/step + 1
		if err := into.RecordValues(missing, together*count); err != nil {
			return err
		}
		missing -= together * step
	}
	return nil
}
