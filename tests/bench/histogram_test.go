package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestABucketHasGaps(t *testing.T) {
	for i := range buckets - 1 {
		low, next := lowest(i), lowest(i+1)
		if bucket(low) != i || bucket(next-1) != i {
			t.Fatalf("bucket %d is from %d to %d, but these are counted in %d and %d", i, low, next-1, bucket(low), bucket(next-1))
		}
		if width := next - low; width > 1 && float64(width) > float64(low)/32 {
			t.Fatalf("bucket %d is %d wide at %d", i, width, low)
		}
	}
	if last := bucket(math.MaxInt64); last >= buckets {
		t.Errorf("the longest delay is counted in bucket %d of %d", last, buckets)
	}
}

func TestQuantilesAreOff(t *testing.T) {
	var h histogram
	if h.quantile(0.5) != 0 {
		t.Error("no delay has a median")
	}
	random := rand.New(rand.NewPCG(1, 2))
	var all []int64
	for range 10000 {
		d := int64(random.ExpFloat64() * 1e5)
		all = append(all, d)
		h.add(time.Duration(d))
	}
	h.add(-time.Second) // a clock that was set back
	all = append(all, 0)
	slices.Sort(all)
	for _, q := range []float64{0, 0.01, 0.5, 0.99, 1} {
		got, want := h.quantile(q), quantile(all, q)
		if math.Abs(float64(got-want)) > 1+float64(want)*0.03 {
			t.Errorf("quantile %v is %v, counted exactly %v", q, got, want)
		}
	}
}
