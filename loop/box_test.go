package loop

import (
	"slices"
	"sync"
	"testing"
)

func TestABoxWakesWhoeverTakes(t *testing.T) {
	wakes := 0
	b := NewBox[int](func() { wakes++ })
	for i := range 3 {
		b.Put(i)
	}
	if wakes != 1 {
		t.Errorf("woken %d times for what is taken at once", wakes)
	}
	if got := b.Take([]int{9}); !slices.Equal(got, []int{9, 0, 1, 2}) {
		t.Errorf("%v was taken", got)
	}
	if got := b.Take(nil); len(got) != 0 {
		t.Errorf("%v was taken twice", got)
	}
	if b.Put(3); wakes != 2 {
		t.Errorf("woken %d times: what came later would lie there", wakes)
	}
}

func TestAClosedBoxTakesNothing(t *testing.T) {
	b := NewBox[int](func() {})
	b.Put(1)
	if got := b.Close(); !slices.Equal(got, []int{1}) {
		t.Errorf("%v was left", got)
	}
	if b.Put(2) || len(b.Take(nil)) != 0 || len(b.Close()) != 0 {
		t.Error("something was put into a closed box")
	}
}

// What has been taken must not be held by the box: it may be a connection that has ended.
func TestABoxForgetsWhatWasTaken(t *testing.T) {
	b := NewBox[*int](func() {})
	b.Put(new(int))
	b.Take(nil)
	if b.things[:1][0] != nil {
		t.Error("it is still there")
	}
}

// Nothing is lost nor taken twice, and nobody sleeps over what was put while he took.
func TestABoxOfManyPutters(t *testing.T) {
	const putters, each = 8, 2000
	bell := make(chan struct{}, 1)
	b := NewBox[int](func() {
		select {
		case bell <- struct{}{}:
		default:
		}
	})
	var all sync.WaitGroup
	for p := range putters {
		all.Go(func() {
			for i := range each {
				if !b.Put(p*each + i) {
					t.Error("it is closed")
				}
			}
		})
	}
	next, taken := [putters]int{}, 0
	var things []int
	for taken < putters*each {
		<-bell
		things = b.Take(things[:0])
		for _, x := range things {
			if p := x / each; x%each != next[p] {
				t.Fatalf("%d of putter %d has come for %d", x%each, p, next[p])
			} else {
				next[p]++
			}
			taken++
		}
	}
	all.Wait()
}
