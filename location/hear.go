package location

import (
	"slices"
	"strings"
	"time"

	"github.com/actorsip/actorsip/etcd"
)

// landing is what has come to etcd by one transaction, and is not heard of yet.
type landing struct {
	revision int64
	intents  []*intent
	at       time.Time
}

// arrive is told of a landing. It is over when the follower has heard of it. mu is held.
func (s *Shared) arrive(l landing) (told []tale) {
	switch {
	case len(l.intents) == 0:
	case l.revision > s.revision:
		l.at = time.Now()
		s.landed = append(s.landed, l)
	default:
		for _, it := range l.intents {
			told = append(told, s.finish(it, nil)...)
		}
	}
	return told
}

// reach notes up to which revision the follower has heard. mu is held.
func (s *Shared) reach(revision int64) (told []tale) {
	s.revision = revision
	s.landed = slices.DeleteFunc(s.landed, func(l landing) bool {
		if l.revision > revision {
			return false
		}
		told = append(told, s.arrive(l)...)
		return true
	})
	return told
}

// mostHeard is how many entries come to the table at once: an update waits no longer than for these.
const mostHeard = 256

// hear is the follower's: changes that were made in etcd, by whomever.
func (s *Shared) hear(changes []etcd.Change, revision int64) {
	for part := range slices.Chunk(changes, mostHeard) {
		entries := make([]news, len(part))
		for i, c := range part {
			if c.Removed {
				c.Value = nil
			}
			entries[i] = s.open(c.Entry)
		}
		s.bring(entries)
	}
	s.mu.Lock()
	told := s.reach(revision)
	s.mu.Unlock()
	s.tell(told)
}

// hearAll is the follower's: all that is in etcd. Of another etcd than before what is not there was lost: it is owed.
func (s *Shared) hearAll(all []etcd.Entry, revision int64, isAnother bool) {
	if isAnother {
		s.tell(s.reclaim())
	}
	there := make(map[string]struct{}, len(all))
	for part := range slices.Chunk(all, mostHeard) {
		var entries []news
		for _, e := range part {
			aor := strings.TrimPrefix(e.Name, bindingPrefix)
			there[aor] = struct{}{}
			if isAnother || s.table.named(aor).revision() != e.Revision {
				entries = append(entries, s.open(e))
			}
		}
		s.bring(entries)
	}
	var gone []news
	for r := range s.table.each {
		if _, ok := there[r.name]; !ok {
			gone = append(gone, news{aor: r.name})
		}
	}
	for part := range slices.Chunk(gone, mostHeard) {
		s.bring(part)
	}
	s.mu.Lock()
	told := s.reach(revision)
	s.mu.Unlock()
	s.tell(told)
	select {
	case <-s.synced:
	default:
		close(s.synced)
	}
}

// news is an entry as the table will have it.
type news struct {
	aor      string
	record   *record
	revision int64
}

// open reads an entry. One that is damaged, or of a form that is not known, is none.
func (s *Shared) open(e etcd.Entry) news {
	h := news{aor: strings.TrimPrefix(e.Name, bindingPrefix), revision: e.Revision}
	if len(e.Value) == 0 {
		return h
	}
	bindings, ok := openValue(e.Value)
	if r, err := s.record(h.aor, live(bindings, s.now())); ok && err == nil && h.aor != "" && len(h.aor) <= maxAOR {
		h.record = r
		return h
	}
	if s.stats.damaged.Add(1) == 1 {
		s.cfg.Log.Error("a registration in etcd is damaged, or of a later version: it has to be made again", "aor", h.aor)
	}
	return h
}

// bring brings entries to the table, with what is owed to them.
func (s *Shared) bring(entries []news) {
	var over []parting
	s.mu.Lock()
	for _, h := range entries {
		if p := s.bringOne(h); len(p.bindings) > 0 {
			over = append(over, p)
		}
	}
	s.mu.Unlock()
	s.part(over)
}

// bringOne is bring of one of them, and says what has lapsed by it. mu is held.
func (s *Shared) bringOne(h news) parting {
	r, now := h.record, s.now()
	if d := s.owed[h.aor]; d != nil {
		r, _ = s.record(h.aor, live(d.merge(r.bindings()), now))
	}
	if r != nil {
		r.seen = h.revision
	}
	p := s.superseded(h.aor, r, now)
	s.put(h.aor, r)
	return p
}

// put is place, and counts. mu is held.
func (s *Shared) put(aor string, r *record) {
	s.total += len(r.bindings()) - len(s.table.named(aor).bindings())
	s.place(aor, r)
	s.diary.tidy(s.table)
	if s.copy != nil {
		s.copy.dirty[aor] = struct{}{}
	}
}

// reclaim has all that is known owed to an etcd that has lost it.
func (s *Shared) reclaim() (told []tale) {
	s.mu.Lock()
	defer s.mu.Unlock()
	told = s.settle(time.Now())
	now := s.now()
	for r := range s.table.each {
		s.owe(r.name, nil, live(r.bindings(), now), now)
	}
	s.revision = 0
	return told
}

// settle ends what has come to etcd before that time and was not heard of: it is brought to the table without. mu is held.
func (s *Shared) settle(before time.Time) (told []tale) {
	s.landed = slices.DeleteFunc(s.landed, func(l landing) bool {
		if l.at.After(before) {
			return false
		}
		for _, it := range l.intents {
			if it.record != nil {
				it.record.seen = it.there
			}
			s.put(it.aor, it.record)
			told = append(told, s.finish(it, nil)...)
		}
		return true
	})
	return told
}
