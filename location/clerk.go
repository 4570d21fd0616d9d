package location

import "time"

// work is the clerk's: what is to be done from time to time.
func (s *Shared) work(stop <-chan struct{}, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			s.payIfThere()
			return
		case <-tick.C:
		}
		for s.sweepSome() {
		}
		s.payIfThere()
		s.mu.Lock()
		told := s.settle(time.Now().Add(-unheard))
		s.mu.Unlock()
		s.tell(told)
		s.writeCopy()
	}
}

// unheard is for how long what is in etcd waits for the follower to hear of it. He hears again within a few seconds.
const unheard = 20 * time.Second

func (s *Shared) payIfThere() {
	if s.isRead() && s.cfg.Etcd.Away() == nil {
		s.pay()
	}
}

func (s *Shared) isRead() bool {
	select {
	case <-s.synced:
		return true
	default:
		return false
	}
}

// parting is what has lapsed of an address of record.
type parting struct {
	aor      string
	bindings []Binding
}

func (s *Shared) part(over []parting) {
	for _, p := range over {
		s.hearing.expired(p.aor, p.bindings)
	}
}

// sweepSome removes what has lapsed from this node's memory. From etcd its lease removes it.
func (s *Shared) sweepSome() (more bool) {
	var over []parting
	s.mu.Lock()
	more = s.sweep(s.now(), func(r *record, now time.Time) bool {
		next, _ := s.record(r.name, live(r.bindings(), now)) // shorter than it was
		if next != nil {
			next.seen = r.seen
		}
		s.put(r.name, next)
		over = append(over, parting{r.name, lapsed(r.bindings(), now)})
		return true
	})
	s.mu.Unlock()
	s.part(over)
	return more
}

// superseded is what has lapsed of aor when r comes in its place: what was not refreshed. mu is held.
func (s *Shared) superseded(aor string, r *record, now time.Time) parting {
	p := parting{aor: aor}
	for _, b := range lapsed(s.table.named(aor).bindings(), now) {
		if indexOf(r.bindings(), &b) < 0 {
			p.bindings = append(p.bindings, b)
		}
	}
	return p
}
