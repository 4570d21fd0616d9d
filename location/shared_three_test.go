package location

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/server"
)

// Of an etcd of three one dies, or stands still, after the other: registrations go on, and nothing is lost.
func TestWithOneOfThreeEtcdsGoneRegistrationsGoOn(t *testing.T) {
	t.Parallel()
	all := server.StartEtcds(t, 3)
	var endpoints []string
	for _, e := range all {
		endpoints = append(endpoints, e.Endpoint)
	}
	a, _ := join(t, strings.Join(endpoints, " "), nil, SharedConfig{})
	b, _ := join(t, strings.Join(endpoints, " "), nil, SharedConfig{})
	const users = 100
	var acked [users]atomic.Uint32
	var told, failed, longest, last, pause atomic.Int64 // pause: the longest time in which nobody was told anything good
	last.Store(time.Now().UnixNano())
	over := make(chan struct{})
	var running sync.WaitGroup
	running.Add(1)
	go func() {
		defer running.Done()
		var waiting sync.WaitGroup
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-over:
				waiting.Wait()
				return
			case <-tick.C:
			}
			who, cseq, began := n%users, uint32(n/users+1), time.Now()
			x := with(phone("x"), func(b *Binding) { b.CSeq, b.Expires = cseq, time.Now().Add(time.Hour) })
			waiting.Add(1)
			done := func(err error) {
				defer waiting.Done()
				if err != nil {
					failed.Add(1)
					return
				}
				told.Add(1)
				now := time.Now().UnixNano()
				pause.Store(max(pause.Load(), now-last.Swap(now)))
				longest.Store(max(longest.Load(), int64(time.Since(began))))
				for was := acked[who].Load(); cseq > was && !acked[who].CompareAndSwap(was, cseq); was = acked[who].Load() {
				}
			}
			if a.Update(user(who), time.Now(), to(x), done) != nil {
				failed.Add(1)
				waiting.Done()
			}
		}
	}()
	for i, e := range all {
		<-time.After(time.Second)
		if e.Kill(); i == 1 {
			<-time.After(3 * time.Second)
		}
		<-time.After(2 * time.Second)
		e.Start()
	}
	<-time.After(time.Second)
	all[0].Pause()
	<-time.After(8 * time.Second)
	all[0].Resume()
	<-time.After(time.Second)
	close(over)
	running.Wait()
	for _, s := range []*Shared{a, b} {
		for who := range users {
			eventually(t, func() string {
				if got := s.Lookup([]byte(user(who)), time.Now(), nil); len(got) != 1 || got[0].CSeq < acked[who].Load() {
					return fmt.Sprintf("CSeq %d of user %d was acknowledged, there is %+v", acked[who].Load(), who, got)
				}
				return ""
			})
		}
	}
	t.Logf("%d acknowledged, the longest after %v; %d failed; nobody was acknowledged for %v at most",
		told.Load(), time.Duration(longest.Load()).Round(time.Millisecond), failed.Load(), time.Duration(pause.Load()).Round(time.Millisecond))
	if pause.Load() > int64(10*time.Second) { // the others elect a leader within two or three seconds
		t.Error("registrations did not go on")
	}
}
