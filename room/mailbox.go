package room

import (
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// Panic is what a supervisor hears of a room that panicked.
type Panic struct {
	Value any
	Stack []byte
}

// lost is a message with something to give back when its room panicked on it, when there was no place for it, or when
// its room stopped.
type lost interface{ Lost() }

// mailbox runs to completion: a message to an idle room is handled on the sender's goroutine, at once and without
// being stored. A room that is busy, as one is whose own step led back to it, finds the message in its ring when it is
// done. The ring is bounded and takes no lock; when it is full the newest message is shed.
//
//	state: idle ──Post──▶ running ──nothing left──▶ idle
//	a panic suspends it until the supervisor has restarted the room; what is in the ring waits
//	an order to stop ends it: what is in the ring, and what still comes, is given back
type mailbox struct {
	invoker   actor.MessageInvoker
	state     atomic.Int32
	suspended atomic.Bool
	leaving   bool // who runs it guards these
	stumbled  bool // it panicked since it is leaving
	users     ring

	mu     sync.Mutex // guards system
	system []any      // start, stop, failures: rare
	queued atomic.Int32
}

const (
	idle int32 = iota
	running
)

func newMailbox(capacity int) actor.MailboxProducer {
	return func() actor.Mailbox {
		m := &mailbox{}
		m.users.init(capacity)
		return m
	}
}

// RegisterHandlers leaves the dispatcher aside: the sender's goroutine is the dispatcher.
func (m *mailbox) RegisterHandlers(i actor.MessageInvoker, _ actor.Dispatcher) { m.invoker = i }

func (m *mailbox) Start() {}

func (m *mailbox) UserMessageCount() int { return m.users.length() }

func (m *mailbox) PostUserMessage(msg any) {
	if m.state.CompareAndSwap(idle, running) {
		if m.queued.Load() == 0 && !m.suspended.Load() && m.users.length() == 0 {
			m.user(msg)
		} else {
			m.store(msg)
			m.drain()
		}
		m.release()
		return
	}
	m.store(msg)
	m.run()
}

func (m *mailbox) PostSystemMessage(msg any) {
	m.mu.Lock()
	m.system = append(m.system, msg)
	m.queued.Add(1)
	m.mu.Unlock()
	m.run()
}

func (m *mailbox) store(msg any) {
	if m.users.push(msg) {
		return
	}
	if _, poison := msg.(*actor.PoisonPill); poison {
		m.PostSystemMessage(&actor.Stop{}) // an order to leave is never shed
		return
	}
	giveBack(msg)
}

func giveBack(msg any) {
	if l, ok := msg.(lost); ok {
		l.Lost()
	}
}

// Undelivered is for the dead letters of a system: it gives back what was told to a room that is gone. The library calls
// it on the sender's goroutine, and a panic there would end the process.
func Undelivered(event any) {
	defer func() { _ = recover() }()
	if d, ok := event.(*actor.DeadLetterEvent); ok {
		giveBack(d.Message)
	}
}

// run drains the mailbox unless somebody does so already.
func (m *mailbox) run() {
	if m.state.CompareAndSwap(idle, running) {
		m.drain()
		m.release()
	}
}

// release goes idle, and looks again: what was posted between the last look and going idle would lie there. A message
// that its sender is just putting into the ring does not count: that sender runs the mailbox when it is in.
func (m *mailbox) release() {
	for {
		m.state.Store(idle)
		if m.queued.Load() == 0 && (m.suspended.Load() || !m.users.ready()) {
			return
		}
		if !m.state.CompareAndSwap(idle, running) {
			return
		}
		m.drain()
	}
}

func (m *mailbox) drain() {
	for {
		if msg := m.nextSystem(); msg != nil {
			m.handleSystem(msg)
			continue
		}
		if m.suspended.Load() {
			return
		}
		msg, ok := m.users.pop()
		if !ok {
			return
		}
		m.user(msg)
	}
}

func (m *mailbox) nextSystem() any {
	if m.queued.Load() == 0 {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	msg := m.system[0]
	m.system = m.system[1:]
	m.queued.Add(-1)
	return msg
}

func (m *mailbox) handleSystem(msg any) {
	defer m.failed(msg)
	switch msg.(type) {
	case *actor.SuspendMailbox:
		m.suspended.Store(!m.leaving) // a room that leaves takes nothing more, so nothing waits for it
	case *actor.ResumeMailbox:
		m.suspended.Store(false)
	case *actor.Stop:
		m.leave()
		m.invoker.InvokeSystemMessage(msg)
	case *actor.Restart:
		if m.leaving && !m.stumbled {
			return // it comes too late: a room that has stopped would be alive again, and in no tree
		}
		m.leaving, m.stumbled = false, false // of a room that panicked on its way out
		m.invoker.InvokeSystemMessage(msg)
	default:
		m.invoker.InvokeSystemMessage(msg)
	}
}

// leave gives back what waits. The actor library would drop it without a word.
func (m *mailbox) leave() {
	m.leaving = true
	m.suspended.Store(false)
	for msg, ok := m.users.pop(); ok; msg, ok = m.users.pop() {
		giveBack(msg)
	}
}

func (m *mailbox) user(msg any) {
	if m.leaving {
		giveBack(msg)
		return
	}
	defer m.failed(msg)
	m.invoker.InvokeUserMessage(msg)
}

// failed turns a panic into a failure that the supervisor hears of.
func (m *mailbox) failed(msg any) {
	r := recover()
	if r == nil {
		return
	}
	m.stumbled = m.leaving
	giveBack(msg)
	m.invoker.EscalateFailure(Panic{Value: r, Stack: debug.Stack()}, msg)
}
