package journal

import (
	"bytes"
	"maps"

	"github.com/actorsip/actorsip/etcd"
)

// hearAll hears all that is in etcd: at first, and when something was missed.
func (s *Shared) hearAll(all []etcd.Entry, _ int64, isAnother bool) {
	there, holder := make(map[string][]byte, len(all)), etcd.Entry{}
	for _, e := range all {
		if key, ok := s.key(e.Name); ok {
			there[key] = e.Value
		} else if e.Name == s.prefix+holderEntry {
			holder = e
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	isOurs := holder.Revision == s.holder.Revision || string(holder.Value) == s.claim
	byOthers := s.synced && !(isOurs && maps.EqualFunc(s.there, there, bytes.Equal))
	s.there, s.holder, s.synced = there, holder, true
	if isAnother { // it has forgotten: what this node has taken counts, and is claimed and written anew
		s.term, s.asked, byOthers = 0, 0, false
	}
	if s.own != nil {
		s.compare()
	}
	s.judge(byOthers)
}

// compare has written what etcd does not have as it should be. s.mu is held.
func (s *Shared) compare() {
	for key, value := range s.own {
		if !bytes.Equal(s.there[key], value) {
			s.touch(key)
		}
	}
	for key := range s.there {
		if _, alive := s.own[key]; !alive {
			s.touch(key)
		}
	}
}

// hear hears of changes, in their order.
func (s *Shared) hear(changes []etcd.Change, _ int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range changes {
		isOurs := false
		switch key, ok := s.key(x.Name); {
		case ok && x.Removed:
			delete(s.there, key)
		case ok:
			s.there[key] = x.Value
		case x.Name != s.prefix+holderEntry:
			continue
		case x.Removed:
			s.holder = etcd.Entry{}
		default:
			s.holder, isOurs = x.Entry, string(x.Value) == s.claim
		}
		s.judge(!isOurs)
	}
}

// judge finds out what has become of the journal after something was heard; by others: that this node has not written. s.mu is held.
func (s *Shared) judge(byOthers bool) {
	isOurs := string(s.holder.Value) == s.claim
	switch {
	case s.claim == "" || s.lost:
		return
	case s.unsure && byOthers, s.term != 0 && !isOurs && s.holder.Revision != 0:
		s.lost, s.term = true, 0
	case isOurs && s.term == s.holder.Revision:
		return
	case isOurs:
		s.term, s.asked, s.unsure = s.holder.Revision, 0, false
		if s.heard != nil {
			close(s.heard)
			s.heard = nil
		}
	default: // it is not claimed yet; or somebody has removed the holder's entry, and it is claimed again
		s.term = 0
		s.rouse()
		return
	}
	s.rouse()
	if s.cfg.Changed != nil {
		s.cfg.Changed()
	}
}
