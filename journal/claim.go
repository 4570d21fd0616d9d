package journal

import (
	"context"
	"errors"
	"time"

	"github.com/actorsip/actorsip/etcd"
)

const (
	longestValue = etcd.MostBytes / 4
	gather       = 10 * time.Millisecond // between transactions: what comes meanwhile goes together
)

// run claims the journal when it is taken, and writes what is put, until it is told to stop; then it writes what is left.
func (s *Shared) run(stop <-chan struct{}) {
	for {
		select {
		case <-s.wake:
		case <-stop:
			for term := s.due(); term != 0 && s.write(term) == nil; term = s.due() {
			}
			return
		}
		rest := gather
		if err := s.step(); err != nil {
			rest = retry
			s.rouse()
		}
		select {
		case <-time.After(rest):
		case <-stop:
			s.rouse() // stop is closed still
		}
	}
}

// due is the term for which something waits to be written, 0 when nothing does, or cannot be.
func (s *Shared) due() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dirty)+len(s.flying) == 0 || s.cfg.Etcd.Away() != nil {
		return 0
	}
	return s.term
}

// step does what is next: a claim, or a transaction.
func (s *Shared) step() (err error) {
	s.mu.Lock()
	term, claim, seen := s.term, s.claim, s.holder.Revision
	idle := claim == "" || s.lost || term == 0 && s.asked > seen || term != 0 && len(s.dirty)+len(s.flying) == 0
	s.mu.Unlock()
	if idle {
		return nil
	}
	if err = s.cfg.Etcd.Away(); err == nil {
		if term == 0 {
			err = s.askFor(claim, seen)
		} else {
			err = s.write(term)
		}
	}
	switch {
	case errors.Is(err, etcd.ErrChanged):
		return nil // what has become of the holder's entry will be heard, and goes on from there
	case errors.Is(err, etcd.ErrAway):
		s.cfg.Etcd.Look()
	}
	if err != nil {
		s.failed.Add(1)
		s.mu.Lock()
		s.complain(err)
		s.mu.Unlock()
	}
	return err
}

// askFor writes a claim over the holder's entry that was seen. This node holds the journal when it hears of that: by then it has heard
// of all that was written before.
func (s *Shared) askFor(claim string, seen int64) error {
	holder := etcd.Entry{Name: s.prefix + holderEntry, Revision: seen}
	revision, err := s.cfg.Etcd.Overwrite(context.Background(), holder, []etcd.Change{{Entry: etcd.Entry{Name: holder.Name, Value: []byte(claim)}}})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.claim == claim {
		s.asked = revision
	}
	return nil
}

// holderEntry is who has taken the journal.
const holderEntry = "holder"

// write brings to etcd what is not there yet, in one transaction. After one of which nobody knows what has become the same keys are
// written again before others.
func (s *Shared) write(term int64) error {
	changes, keys := s.batch()
	_, err := s.cfg.Etcd.Overwrite(context.Background(), etcd.Entry{Name: s.prefix + holderEntry, Revision: term}, changes)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || s.term != term {
		return err
	}
	for _, key := range keys {
		delete(s.flying, key)
	}
	if len(s.dirty)+len(s.flying) > 0 {
		s.rouse()
	}
	if !s.said.IsZero() {
		s.said = time.Time{}
		s.cfg.Log.Info("the journal in etcd is written again", "journal", s.prefix)
	}
	return nil
}

// batch is the next transaction, and its keys.
func (s *Shared) batch() (changes []etcd.Change, keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.dirty {
		if len(s.flying) == etcd.MostWrites {
			break
		}
		delete(s.dirty, key)
		s.flying[key] = struct{}{}
	}
	size := 0
	for key := range s.flying {
		value, alive := s.own[key]
		x := etcd.Change{Entry: etcd.Entry{Name: s.entry(key), Value: value}, Removed: !alive}
		if size += len(x.Name) + len(value); size > etcd.MostBytes && len(keys) > 0 {
			break
		}
		delete(s.dirty, key) // it may be so again
		changes, keys = append(changes, x), append(keys, key)
	}
	return changes, keys
}
