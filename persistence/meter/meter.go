// Package meter is how the provider counts what takes a time or has a size: in
// histograms that many goroutines add to, that cost a few nanoseconds and no memory,
// and that can be added up over time and over machines.
package meter

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Histogram counts values in buckets whose bounds grow by about a fifth. Its zero
// value is ready, Add is for any goroutine.
type Histogram struct {
	buckets [Buckets]atomic.Uint64
	sum     atomic.Uint64
}

// Buckets is how many there are: four for each power of two, and one below and one
// above them.
const Buckets = (lastPower-firstPower)*parts + 2

const (
	parts      = 4
	partBits   = 2  // of the value below its first, that tell the part
	firstPower = 13 // values below 2^13 (8 µs, in nanoseconds) are in the first bucket
	lastPower  = 36 // those from 2^36 (69 s) on in the last
)

// Add counts a time. Negative ones count as none.
func (h *Histogram) Add(took time.Duration) {
	value := uint64(max(took, 0))
	h.buckets[bucketOf(value)].Add(1)
	h.sum.Add(value)
}

func bucketOf(value uint64) int {
	power := bits.Len64(value) - 1
	switch {
	case power < firstPower:
		return 0
	case power >= lastPower:
		return Buckets - 1
	}
	part := int(value>>(power-partBits)) & (parts - 1) //nolint:gosec // below 4
	return 1 + (power-firstPower)*parts + part
}

// Bound is the value that all in a bucket are below; of the last it is the greatest there is.
func Bound(bucket int) time.Duration {
	if bucket >= Buckets-1 {
		return 1<<63 - 1
	}
	power, part := firstPower+bucket/parts, bucket%parts
	return time.Duration(1)<<power + time.Duration(part)<<(power-partBits)
}

// Times is what a histogram held at some moment.
type Times struct {
	Buckets [Buckets]uint64
	Count   uint64
	Sum     time.Duration
}

// Times may be called at any time.
func (h *Histogram) Times() (t Times) {
	for i := range h.buckets {
		t.Buckets[i] = h.buckets[i].Load()
		t.Count += t.Buckets[i]
	}
	t.Sum = time.Duration(h.sum.Load()) //nolint:gosec // a sum of times
	return t
}

// Since is what was added after an earlier moment.
func (t *Times) Since(earlier *Times) (d Times) {
	for i := range t.Buckets {
		d.Buckets[i] = t.Buckets[i] - earlier.Buckets[i]
	}
	d.Count, d.Sum = t.Count-earlier.Count, t.Sum-earlier.Sum
	return d
}

// Quantile is about the time that the share q of all is not above: the middle of its
// bucket. It is 0 when nothing was counted.
func (t *Times) Quantile(q float64) time.Duration {
	if t.Count == 0 {
		return 0
	}
	rank := max(uint64(q*float64(t.Count)+0.5), 1)
	for i, n := range t.Buckets {
		if rank <= n {
			return middle(i)
		}
		rank -= n
	}
	return middle(Buckets - 1)
}

func middle(bucket int) time.Duration {
	switch bucket {
	case 0:
		return Bound(0) / 2
	case Buckets - 1:
		return Bound(Buckets - 2)
	}
	return (Bound(bucket-1) + Bound(bucket)) / 2
}

// Sizes counts how large things are, in powers of two: those of 1, of 2, up to 4, up to
// 8, and so on. Its zero value is ready.
type Sizes struct {
	buckets [SizeBuckets]atomic.Uint64
	sum     atomic.Uint64
}

// SizeBuckets is how many there are: the last holds what is above 32,768.
const SizeBuckets = 17

// Add counts a size.
func (s *Sizes) Add(size int) {
	size = max(size, 0)
	s.buckets[min(bits.Len64(uint64(max(size, 1)-1)), SizeBuckets-1)].Add(1)
	s.sum.Add(uint64(size))
}

// SizeBound is the largest size in a bucket but the last.
func SizeBound(bucket int) int { return 1 << bucket }

// Sizes tells how many are in each bucket, and the sum of all.
func (s *Sizes) Sizes() (buckets [SizeBuckets]uint64, sum uint64) {
	for i := range s.buckets {
		buckets[i] = s.buckets[i].Load()
	}
	return buckets, s.sum.Load()
}
