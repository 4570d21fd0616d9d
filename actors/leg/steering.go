package leg

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/actorsip/actorsip/message"
)

// Steering decides which lanes the kernel gives datagrams to. A lane that has little to do pays for each datagram with a
// wake-up and cold caches; so one lane carries all until it once finds a full batch waiting, and then the kernel spreads
// peers over all lanes until the load is low again.
//
//	gathered ──a full batch──▶ spread ──few datagrams for a while──▶ gathered
//
// It is a matter of cost only: every lane can forward any packet.
type Steering struct {
	lanes  []*Lane
	counts []*message.Counts // by lane
	log    *slog.Logger
	isWide atomic.Bool

	// The rest is the first lane's.
	turns   int
	since   time.Time
	written uint64 // by all lanes, at since
}

const (
	lowLoad  = 20000 // datagrams a second, of all lanes: one lane carries several times as many
	tickWhen = 1024  // turns of the first lane between two looks at the clock
	calmFor  = 5 * time.Second
)

// Steer puts lanes under one steering.
func Steer(lanes []*Lane, counts []*message.Counts, log *slog.Logger) {
	if len(lanes) < 2 {
		return
	}
	s := &Steering{lanes: lanes, counts: counts, log: log, since: time.Now()}
	for _, l := range lanes {
		l.steering = s
	}
	s.steer(lanes[0], false)
}

// spread is called by a lane that found a full batch.
func (s *Steering) spread(l *Lane) {
	if s == nil || s.isWide.Load() || !s.isWide.CompareAndSwap(false, true) {
		return
	}
	s.steer(l, true)
}

// tick is called by each lane at each turn; the first one looks now and then whether the load is low again.
func (s *Steering) tick(l *Lane) {
	if s == nil || l != s.lanes[0] {
		return
	}
	if s.turns++; s.turns < tickWhen {
		return
	}
	s.turns = 0
	now := time.Now()
	elapsed := now.Sub(s.since)
	if elapsed < calmFor {
		return
	}
	written := uint64(0)
	for _, c := range s.counts {
		written += c.Written.Load()
	}
	rate := float64(written-s.written) / elapsed.Seconds()
	s.since, s.written = now, written
	if rate < lowLoad && s.isWide.CompareAndSwap(true, false) {
		s.steer(l, false)
	}
}

// steer asks by the sockets of the lane that calls: any of those that share a port will do.
func (s *Steering) steer(l *Lane, wide bool) {
	for _, sock := range l.Sockets {
		if sock == nil {
			continue
		}
		if err := sock.steer(wide); err != nil {
			s.isWide.Store(!wide) // to be tried again
			s.log.Debug("the kernel does not steer datagrams", "leg", sock.Name, "error", err)
			return
		}
	}
	s.log.Debug("lanes", "spread", wide)
}
