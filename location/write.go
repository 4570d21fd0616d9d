package location

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/actorsip/actorsip/etcd"
)

const (
	mostTries = 50                    // of an update that other nodes come before
	gather    = 3 * time.Millisecond  // what comes meanwhile goes together
	breath    = 50 * time.Millisecond // after a transaction that failed
)

var errFaster = errors.New("other nodes were faster, again and again")

// write is a writer: it brings what waits to etcd, many updates in one transaction. One writer gathers at a time, the others are on
// their way meanwhile. When the store is closed it ends with what waited.
func (s *Shared) write(stop <-chan struct{}) {
	for {
		select {
		case s.turn <- struct{}{}:
		case <-stop:
			if s.isDone() {
				return
			}
			<-time.After(breath)
			continue
		}
		select {
		case <-s.wake:
			<-time.After(gather)
		case <-stop:
		}
		batch, refused := s.take()
		<-s.turn
		s.tell(refused)
		s.fly(batch)
		if len(batch) == 0 && isOver(stop) {
			if s.isDone() {
				return
			}
			<-time.After(breath) // for what waits for a flight
		}
	}
}

func isOver(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// isDone tells whether nothing waits any more, when the store is closed. What has landed has waited long enough: the follower may hear
// nothing any more.
func (s *Shared) isDone() bool {
	s.mu.Lock()
	told := s.settle(time.Now())
	done := len(s.pending) == 0
	s.mu.Unlock()
	s.tell(told)
	return done
}

// take is the next transaction.
func (s *Shared) take() (batch []*intent, refused []tale) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := 0
	for len(s.queue) > 0 && len(batch) < etcd.MostWrites && size < etcd.MostBytes-2*mostEntry {
		aor := s.queue[0]
		s.queue = s.queue[1:]
		it := s.pending[aor]
		if it == nil || s.flying[aor] != nil {
			continue
		}
		delete(s.pending, aor)
		if present := s.table.named(aor); it.seen != present.revision() {
			refused = append(refused, s.redo(it, present.bindings(), present.revision())...)
		}
		if len(it.steps) == 0 {
			continue
		}
		s.flying[aor] = it
		batch = append(batch, it)
		for i := range it.record.bindings() {
			size += it.record.bindings()[i].size()
		}
	}
	if len(s.queue) > 0 {
		s.rouse()
	}
	return batch, refused
}

// fly brings a batch to etcd. An answer that does not come says nothing, so the same is tried again: what is found then to be there
// already has been made.
func (s *Shared) fly(batch []*intent) {
	deadline := time.Now().Add(s.cfg.Etcd.Patience())
	for tries := 0; len(batch) > 0; tries++ {
		if away := s.cfg.Etcd.Away(); away != nil {
			s.giveUp(batch, awayOf(away))
			return
		}
		writes, outcomes, revision, err := s.commit(batch)
		switch {
		case err == nil && tries < mostTries:
			batch = s.land(batch, writes, outcomes, revision)
			continue
		case err == nil:
			s.giveUp(s.land(batch, writes, outcomes, revision), fmt.Errorf("%w: %w", ErrNotKept, errFaster))
			return
		case errors.Is(err, etcd.ErrRefused):
			s.giveUp(batch, fmt.Errorf("%w: %w", ErrNotKept, err))
			return
		case errors.Is(err, etcd.ErrLease):
			s.leases.forget()
		default:
			for _, it := range batch {
				it.doubt = true
			}
			s.cfg.Etcd.Look()
		}
		if time.Now().After(deadline) {
			s.giveUp(batch, awayOf(err))
			return
		}
		<-time.After(breath)
	}
}

func (s *Shared) commit(batch []*intent) (writes []etcd.Write, outcomes []etcd.Outcome, revision int64, err error) {
	ctx := context.Background() // a question ends by itself
	writes = make([]etcd.Write, len(batch))
	for i, it := range batch {
		bindings := it.record.bindings()
		writes[i] = etcd.Write{Name: bindingPrefix + it.aor, Seen: it.seen, NoChange: len(bindings) == 0 && it.seen == 0}
		if len(bindings) == 0 {
			continue
		}
		writes[i].Value = sealValue(bindings)
		if writes[i].Lease, err = s.leases.covering(ctx, latest(bindings)); err != nil {
			return nil, nil, 0, err
		}
	}
	outcomes, revision, err = s.cfg.Etcd.Commit(ctx, writes)
	return writes, outcomes, revision, err
}

// land sees what has become of a transaction, and gives those back that have to be tried again.
func (s *Shared) land(batch []*intent, writes []etcd.Write, outcomes []etcd.Outcome, revision int64) (again []*intent) {
	var told []tale
	down := landing{revision: revision}
	s.mu.Lock()
	for i, it := range batch {
		w, o := writes[i], outcomes[i]
		isThere := it.doubt && o.Now.Revision != 0 && slices.Equal(o.Now.Value, w.Value)
		isGone := !o.Done && it.doubt && o.Now.Revision == 0 && w.Value == nil
		switch {
		case o.Done && w.NoChange, isGone:
			s.paid(it, revision)
			if s.table.named(it.aor).revision() <= revision { // else it has come again, and was heard of
				s.bringOne(news{aor: it.aor})
			}
			told = append(told, s.finish(it, nil)...)
		case o.Done:
			if w.Value != nil {
				it.there = revision
			}
			s.paid(it, revision)
			down.intents = append(down.intents, it)
		case isThere:
			it.there = o.Now.Revision
			s.paid(it, it.there)
			told = append(told, s.arrive(landing{revision: it.there, intents: []*intent{it}})...)
		default:
			s.stats.conflicts.Add(1)
			bindings, _ := openValue(o.Now.Value)
			told = append(told, s.redo(it, bindings, o.Now.Revision)...)
			if it.doubt = false; len(it.steps) == 0 {
				told = append(told, s.finish(it, nil)...)
				continue
			}
			again = append(again, it)
		}
	}
	told = append(told, s.arrive(down)...)
	s.mu.Unlock()
	s.tell(told)
	return again
}

// giveUp tells a batch that it is not in etcd; or accepts it for the time being, when etcd is away and that is wanted.
func (s *Shared) giveUp(batch []*intent, err error) {
	var told []tale
	s.mu.Lock()
	s.remindOf(err)
	for _, it := range batch {
		if s.cfg.AcceptWhenAway && errors.Is(err, ErrAway) {
			told = append(told, s.accept(it, err)...)
		} else {
			told = append(told, s.finish(it, err)...)
		}
	}
	s.mu.Unlock()
	s.tell(told)
}
