package limit

import "time"

// How long bans that are over may lie about: a sweep looks at every one.
const (
	sweepEvery = time.Minute
	sweepFull  = time.Second // when there is no room
)

// put makes a ban, or gives the one that is there a new end. It is false when there is no room. b.mu is held.
func (b *Bans) put(now time.Duration, made Ban) bool {
	hash, until := b.hash(made.Subject), int64(forever)
	if !made.Until.IsZero() {
		until = int64(now + time.Until(made.Until))
	}
	if rest := now - b.swept; rest > sweepEvery || rest > sweepFull && len(b.bans) >= b.max {
		b.sweep(now)
	}
	if old := b.bans[hash]; old != nil {
		old.Ban = made
		old.slot.until.Store(until)
		return true
	}
	s := b.findRoom(now, hash, made.ByHand)
	if s == nil {
		return false
	}
	if b.bans[s.hash.Load()] != nil {
		b.forget(s.hash.Load()) // it is over
	}
	b.bans[hash] = &ban{made, s}
	if b.lengths.add(made.Subject, 1) {
		b.index.lengths.Store(b.lengths.snapshot())
	}
	s.set(hash, until)
	return true
}

// findRoom is a slot for a ban, nil when there is none. b.mu is held.
func (b *Bans) findRoom(now time.Duration, hash uint64, byHand bool) *slot {
	s := b.index.free(int64(now), hash)
	switch isFull := len(b.bans) >= b.max; {
	case s != nil && !isFull:
		return s
	case s != nil && b.bans[s.hash.Load()] != nil:
		return s // of one that is over: the number stays
	case !byHand:
		return nil
	case s != nil:
		if !b.displace(func(*ban) bool { return true }) {
			return nil
		}
		return s
	}
	place := b.index.place(hash)
	if !b.displace(func(e *ban) bool { return b.index.place(e.slot.hash.Load()) == place }) {
		return nil
	}
	return b.index.free(int64(now), hash)
}

// displace ends the automatic ban that would end first, of those that may be. b.mu is held.
func (b *Bans) displace(may func(*ban) bool) bool {
	var first *ban
	for _, e := range b.bans {
		if !e.ByHand && may(e) && (first == nil || e.slot.until.Load() < first.slot.until.Load()) {
			first = e
		}
	}
	if first == nil {
		return false
	}
	b.forget(first.slot.hash.Load())
	return true
}

// sweep forgets what is over. b.mu is held.
func (b *Bans) sweep(now time.Duration) {
	b.swept = now
	for hash, e := range b.bans {
		if !e.slot.isHeld(int64(now)) {
			b.forget(hash)
		}
	}
}

// forget takes a ban away, from the store as well. b.mu is held.
func (b *Bans) forget(hash uint64) {
	e := b.bans[hash]
	delete(b.bans, hash)
	e.slot.until.Store(0)
	e.slot.hash.Store(0)
	if b.lengths.add(e.Subject, -1) {
		b.index.lengths.Store(b.lengths.snapshot())
	}
	if b.store != nil {
		b.store.Delete(e.String())
	}
}
