package system

import (
	"testing"
	"time"

	"github.com/actorsip/actorsip/cluster"
)

// A packet waits for a media place that goes from one node to another, and for no other, and not for ever.
func TestAPlaceMovesWhileItHasNoHolderAndJustAfter(t *testing.T) {
	id := cluster.PlaceID("front")
	a := cluster.Member{Node: "a", Life: "1", Place: "front", Holds: 5, Alive: true}
	b := cluster.Member{Node: "b", Life: "2", Place: "front", Alive: true}
	silent, holding := a, b
	silent.Alive, holding.Holds = false, 6
	now := time.Now()
	long := now.Add(-time.Hour)
	for _, c := range []struct {
		name   string
		before []cluster.Member
		now    []cluster.Member
		moves  bool
		moving uint16
	}{
		{"a has it for long", []cluster.Member{a, b}, []cluster.Member{a, b}, false, 0},
		{"b has taken it from a", []cluster.Member{a, b}, []cluster.Member{a, holding}, true, 0},
		{"a is silent", []cluster.Member{a, b}, []cluster.Member{silent, b}, true, id},
		{"nobody had it before", []cluster.Member{silent, b}, []cluster.Member{silent, b}, false, 0},
		{"nobody shares it any more", []cluster.Member{a, b}, nil, false, 0},
		{"a node has come that was not known", nil, []cluster.Member{a}, true, 0},
	} {
		var s seats
		s.learn(c.before, long)
		s.learn(c.now, now)
		if moves, moving := s.moves(id), s.moving(); moves != c.moves || moving != c.moving {
			t.Errorf("%s: it moves: %v, %d", c.name, moves, moving)
		}
		if s.moves(id + 1) {
			t.Errorf("%s: a place that nobody shares moves", c.name)
		}
	}
}
