package message

import (
	"slices"
	"testing"
)

func TestCountsOfLanesAddUp(t *testing.T) {
	a, b := &Counts{}, &Counts{}
	a.pass(AtReceive)
	b.pass(AtReceive)
	a.drop(AtReceive, KeepAlive)
	b.answer(AtRoute, NoLeg)
	b.answer(AtRoute, NoLeg)
	a.await(AtRoute)
	b.drop(AtSend, SendFailed)
	want := []Count{
		{"receive", "pass", "", 2},
		{"receive", "drop", "keep-alive", 1},
		{"route", "await", "", 1},
		{"route", "answer", "no leg reaches the next hop", 2},
		{"send", "drop", "the socket did not take it", 1},
	}
	if got := Sum([]*Counts{a, b}); !slices.Equal(got, want) {
		t.Fatalf("summed %+v, want %+v", got, want)
	}
	if got := Sum(nil); len(got) != 0 {
		t.Fatalf("no lane has counted %+v", got)
	}
}

func TestEachStageHasAName(t *testing.T) {
	seen := map[string]bool{}
	for s := range Stages {
		name := Stage(s).String()
		if name == "" || seen[name] {
			t.Errorf("stage %d is called %q", s, name)
		}
		seen[name] = true
	}
}
