package system

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/actors/leg"
	"github.com/actorsip/actorsip/loop"
)

// running is the loop of a lane. A lane has one at a time: the next one begins when the last one has ended.
type running struct {
	handle *loop.Handle
	turn   int // which loop of the lane it is
}

// ended is told to a lane's branch when one of its loops is over.
type ended struct {
	loop.Ended
	turn int
}

// read starts the next loop of a lane, and has owner told how it ends.
func (s *System) read(l *leg.Lane, owner *actor.PID, body func(stop <-chan struct{})) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.loops[l]
	turn := last.turn + 1
	handle := loop.Start(owner.Id, func(stop <-chan struct{}) {
		if last.handle != nil {
			<-last.handle.Done()
		}
		l.Stay() // the last one was told to leave
		select {
		case <-stop:
		default:
			if s.nodes.await(stop) {
				body(stop)
			}
		}
	}, func(e loop.Ended) { s.actors.Root.Send(owner, ended{e, turn}) })
	s.loops[l] = running{handle, turn}
}

// isCurrent tells whether a lane has not had another loop since.
func (s *System) isCurrent(l *leg.Lane, turn int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loops[l].turn == turn
}

// quit has a lane's loop end: it reads no more, and finishes what it has in hand.
func (s *System) quit(l *leg.Lane) *loop.Handle {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.loops[l].handle
	if h != nil {
		h.Quit() // before Leave: a loop that begins at this moment looks at the one after it has taken back the other
		l.Leave()
	}
	return h
}

// leave is quit, and waits for it.
func (s *System) leave(l *leg.Lane) {
	if h := s.quit(l); h != nil {
		h.Stop()
	}
}
