package main

import (
	"math/bits"
	"time"
)

const (
	fine    = 5 // a bucket is at most 1/32 of its value wide
	buckets = (64 - fine) << fine
)

// histogram counts delays in buckets whose width grows with the delay, so that counting is cheap and quantiles are
// off by at most 3 %.
type histogram struct {
	count [buckets]uint64
	total uint64
}

func (h *histogram) add(d time.Duration) {
	h.count[bucket(uint64(max(d, 0)))]++
	h.total++
}

// quantile is the middle of the bucket in which the q-th part of all delays is reached; 0 when there are none.
func (h *histogram) quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := uint64(q * float64(h.total-1))
	for i, n := range h.count {
		if rank < n {
			return time.Duration((lowest(i) + lowest(i+1) - 1) / 2)
		}
		rank -= n
	}
	panic("a histogram's total is more than its buckets hold")
}

// bucket is where v is counted: values below 64 each in one of their own, above that 32 buckets for each power of two.
func bucket(v uint64) int {
	if v < 2<<fine {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - fine
	return shift<<fine + int(v>>shift)
}

// lowest is the least value of a bucket.
func lowest(bucket int) uint64 {
	if bucket < 2<<fine {
		return uint64(bucket)
	}
	shift := bucket>>fine - 1
	return uint64(bucket-shift<<fine) << shift
}
