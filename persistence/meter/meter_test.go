package meter_test

import (
	"math"
	"sync"
	"testing"
	"time"

	"elemental/persistence/meter"
)

// Each time falls below the bound of its bucket and not below the one before.
func TestBuckets(t *testing.T) {
	for _, took := range []time.Duration{
		-1, 0, 1, 8191, 8192, 8193, 10_239, 10_240, time.Millisecond, 3 * time.Millisecond,
		time.Second, time.Minute, 1<<36 - 1, 1 << 36, math.MaxInt64,
	} {
		var h meter.Histogram
		h.Add(took)
		times := h.Times()
		bucket := -1
		for i, n := range times.Buckets {
			if n == 1 {
				bucket = i
			}
		}
		if times.Count != 1 || times.Sum != max(took, 0) {
			t.Errorf("%v: count %d, sum %v", took, times.Count, times.Sum)
		}
		below := bucket == meter.Buckets-1 || took < meter.Bound(bucket)
		if !below || bucket > 0 && took < meter.Bound(bucket-1) {
			t.Errorf("%v is in bucket %d, which ends at %v", took, bucket, meter.Bound(bucket))
		}
	}
	for i := 1; i < meter.Buckets; i++ {
		if meter.Bound(i) <= meter.Bound(i-1) {
			t.Errorf("bucket %d ends at %v, the one before at %v", i, meter.Bound(i), meter.Bound(i-1))
		}
	}
	if last := meter.Bound(meter.Buckets - 1); last != math.MaxInt64 {
		t.Errorf("the last bucket ends at %v", last)
	}
}

func TestQuantiles(t *testing.T) {
	var h meter.Histogram
	var all sync.WaitGroup
	for part := range 4 { // 1 to 1000 ms, added by several
		all.Go(func() {
			for ms := 1 + part; ms <= 1000; ms += 4 {
				h.Add(time.Duration(ms) * time.Millisecond)
			}
		})
	}
	all.Wait()
	times := h.Times()
	if times.Count != 1000 || times.Sum != 500_500*time.Millisecond {
		t.Errorf("count %d, sum %v", times.Count, times.Sum)
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		if got := times.Quantile(q); math.Abs(float64(got-want)) > 0.15*float64(want) {
			t.Errorf("quantile %g is %v, want about %v", q, got, want)
		}
	}
	h.Add(time.Hour)
	now := h.Times()
	if since := now.Since(&times); since.Count != 1 || since.Sum != time.Hour || since.Quantile(0.5) < time.Minute {
		t.Errorf("since then: %d, %v, %v", since.Count, since.Sum, since.Quantile(0.5))
	}
	if empty := (&meter.Times{}); empty.Quantile(0.5) != 0 {
		t.Error("nothing has a quantile")
	}
}

func TestSizes(t *testing.T) {
	var s meter.Sizes
	for _, size := range []int{1, 2, 3, 4, 5, 1 << 20} {
		s.Add(size)
	}
	buckets, sum := s.Sizes()
	want := [meter.SizeBuckets]uint64{0: 1, 1: 1, 2: 2, 3: 1, meter.SizeBuckets - 1: 1}
	if buckets != want || sum != 15+1<<20 {
		t.Errorf("%v, sum %d", buckets, sum)
	}
}
