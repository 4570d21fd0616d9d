package loop

import "testing"

func TestStopWaitsForTheLoop(t *testing.T) {
	over := false
	h := Start("t", func(stop <-chan struct{}) { <-stop; over = true }, nil)
	h.Stop()
	if !over {
		t.Fatal("Stop returned before the loop had ended")
	}
	h.Stop() // a second Stop does nothing
}

func TestAPanicIsToldToTheOwner(t *testing.T) {
	got := make(chan Ended, 1)
	h := Start("t", func(<-chan struct{}) { panic("poison") }, func(e Ended) { got <- e })
	<-h.Done()
	e := <-got
	if e.Panic != "poison" || len(e.Stack) == 0 || e.Err() == nil {
		t.Fatalf("the owner heard %+v", e)
	}
}

func TestAReturnIsNoFailure(t *testing.T) {
	got := make(chan Ended, 1)
	Start("t", func(<-chan struct{}) {}, func(e Ended) { got <- e })
	if e := <-got; e.Err() != nil {
		t.Fatal(e.Err())
	}
}
