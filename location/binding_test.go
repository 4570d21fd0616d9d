package location

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestTheLapsedAndTheLiveAreAll(t *testing.T) {
	all := []Binding{phone("a"), phone("b"), phone("c")}
	all[0].Expires, all[2].Expires = start, start.Add(time.Millisecond)
	for _, x := range []struct {
		at           time.Time
		live, lapsed []Binding
	}{
		{start.Add(-1), all, nil},
		{start, all[1:], all[:1]},
		{start.Add(time.Millisecond), all[1:2], []Binding{all[0], all[2]}},
		{start.Add(time.Hour), nil, all},
	} {
		if live, lapsed := live(all, x.at), lapsed(all, x.at); !equal(live, x.live) || !equal(lapsed, x.lapsed) {
			t.Errorf("at %v live %+v, lapsed %+v", x.at, live, lapsed)
		}
	}
	if got := earliest(all); got != start.UnixMilli() {
		t.Errorf("the first lapses at %d", got)
	}
	if live(nil, start) != nil || lapsed(nil, start) != nil {
		t.Error("there is something of nothing")
	}
}

func TestWhatIsPackedIsTheSame(t *testing.T) {
	all := odd()
	name, packed, err := pack("sip:a@example.com", all)
	if err != nil || name != "sip:a@example.com" || len(packed) != len(all) {
		t.Fatalf("%q, %d bindings, %v", name, len(packed), err)
	}
	if !equal(all, odd()) {
		t.Fatal("what was given is changed")
	}
	for _, b := range all {
		found := 0
		for _, p := range packed {
			if equal([]Binding{p}, []Binding{b}) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%+v is there %d times", b, found)
		}
	}
	one := []Binding{phone("a")}
	if n := testing.AllocsPerRun(100, func() { _, _, _ = pack("sip:a@example.com", one) }); n > 4 {
		t.Errorf("%v allocations: the texts are not pieces of one", n)
	}
}

func TestABindingOfAnySizeIsNotKept(t *testing.T) {
	for _, b := range []Binding{
		with(phone("a"), func(b *Binding) { b.UserAgent = strings.Repeat("x", maxBinding) }),
		with(phone("a"), func(b *Binding) { b.Path = make([]string, maxBinding) }),
	} {
		if _, _, err := pack("sip:a@example.com", []Binding{b}); !errors.Is(err, ErrTooLong) {
			t.Error(err)
		}
	}
}
