package main

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// What a call has seen, one bit an event, and whether something was wrong with it.
const (
	inviteArrived uint32 = 1 << iota
	inviteAnswered
	ackArrived
	byeArrived
	byeAnswered
	failed
)

var errRepeated = errors.New("a message arrived twice")

// call is one call. The goroutines of both its phones write to it.
type call struct {
	sent  atomic.Int64 // when the INVITE left, in ns since the run began; 0 = never
	delay atomic.Int64 // from the caller's send to the callee's receive, in ns
	seen  atomic.Uint32
}

// mark notes an event, which must be the first of its kind.
func (c *call) mark(event uint32) error {
	if c.seen.Or(event)&event != 0 {
		return errRepeated
	}
	return nil
}

// faults counts what went wrong by its sentence. The path is rare, so a mutex will do.
type faults struct {
	mu    sync.Mutex
	count map[string]int
	first map[string]string // the first datagram that each was found in
}

func (f *faults) add(err error, datagram []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count == nil {
		f.count, f.first = map[string]int{}, map[string]string{}
	}
	if f.count[err.Error()]++; f.count[err.Error()] == 1 {
		f.first[err.Error()] = string(datagram)
	}
}

// take returns what was counted and starts anew.
func (f *faults) take() (count map[string]int, first map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	count, first = f.count, f.first
	f.count, f.first = nil, nil
	return count, first
}

// outcome is what became of the calls of one window.
type outcome struct {
	calls      int
	failed     int // a message was wrong
	unanswered int // nothing was wrong, but the last 200 did not come
	p50, p99   time.Duration
}

// good is the number of calls that went as they should.
func (o outcome) good() int { return o.calls - o.failed - o.unanswered }

// bad is the share of calls that did not go as they should.
func (o outcome) bad() float64 {
	if o.calls == 0 {
		return 1
	}
	return 1 - float64(o.good())/float64(o.calls)
}

func judge(calls []call) outcome {
	o := outcome{calls: len(calls)}
	delays := make([]int64, 0, len(calls))
	for i := range calls {
		switch seen := calls[i].seen.Load(); {
		case seen&failed != 0:
			o.failed++
		case seen&byeAnswered == 0 || seen&ackArrived == 0:
			o.unanswered++
		}
		if d := calls[i].delay.Load(); d > 0 {
			delays = append(delays, d)
		}
	}
	slices.Sort(delays)
	o.p50, o.p99 = quantile(delays, 0.5), quantile(delays, 0.99)
	return o
}

func quantile(sorted []int64, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return time.Duration(sorted[int(q*float64(len(sorted)-1))])
}
