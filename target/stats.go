package target

import "sync/atomic"

// Stats is what the resolver has done so far.
type Stats struct {
	Remembered, Asked uint64 // names that packets needed: from what was known, and not
	Answered, Failed  uint64 // questions to name servers
	Cached            int    // record sets that are remembered
	Waiting           int    // packets that wait for a name
}

type stats struct{ remembered, asked, answered, failed atomic.Uint64 }

func (s *stats) heard(set *recordSet) {
	if set.err != nil && !set.absent {
		s.failed.Add(1)
		return
	}
	s.answered.Add(1)
}

// Stats is what the resolver has done so far. It may be asked at any time, and takes no lock that a packet needs.
func (r *Resolver) Stats() Stats {
	r.mu.Lock()
	waiting := r.waiting
	r.mu.Unlock()
	s := Stats{
		Remembered: r.stats.remembered.Load(), Asked: r.stats.asked.Load(),
		Answered: r.stats.answered.Load(), Failed: r.stats.failed.Load(), Waiting: waiting,
	}
	for i := range r.cache.slots {
		if r.cache.slots[i].Load() != nil {
			s.Cached++
		}
	}
	return s
}
