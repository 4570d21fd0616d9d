package system

import (
	"sync"
	"time"

	"github.com/actorsip/actorsip/cluster"
)

// seats are the media places of the cluster: who has them, and since when, as this node has heard.
type seats struct {
	mu  sync.Mutex // asked only about what has no node to go to
	all map[uint16]seat
}

type seat struct {
	holder string // the life of who has it; empty: none is there
	since  time.Time
}

// learn takes up who has which place.
func (s *seats) learn(members []cluster.Member, now time.Time) {
	holders := map[uint16]*cluster.Member{}
	for i := range members {
		m := &members[i]
		if m.Place == "" || !m.Alive {
			continue
		}
		id := cluster.PlaceID(m.Place)
		if holder := holders[id]; holder == nil || m.Holds > holder.Holds {
			holders[id] = m
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.all
	s.all = make(map[uint16]seat, len(holders))
	for id, m := range holders {
		now := seat{since: now}
		if m.Holds != 0 {
			now.holder = m.Life
		}
		if old, known := before[id]; known && old.holder == now.holder {
			now = old
		}
		s.all[id] = now
	}
}

// moves tells whether that is a place that is about to have another holder, or has one since a moment: who could not be asked may
// have been the one before.
func (s *seats) moves(id uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, known := s.all[id]
	return known && time.Since(at.since) < settled
}

// moving is a place that nobody has at the moment, 0 when there is none.
func (s *seats) moving() (id uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, at := range s.all {
		if at.holder == "" && time.Since(at.since) < settled && (id == 0 || i < id) {
			id = i
		}
	}
	return id
}
