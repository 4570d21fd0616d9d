package loop

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// Ended is told to a loop's owner, once, when its goroutine is over.
type Ended struct {
	Name  string // which loop
	Panic any    // what it panicked with; nil when it returned
	Stack []byte // where it panicked; nil when it returned
}

// Err is nil for a loop that returned, and names the panic of one that did not.
func (e Ended) Err() error {
	if e.Panic == nil {
		return nil
	}
	return fmt.Errorf("loop %s panicked: %v", e.Name, e.Panic)
}

// Handle stops a loop.
type Handle struct {
	stop  chan struct{}
	ended chan struct{}
	once  sync.Once
}

// Start runs body on a goroutine of its own. body returns soon after stop is closed. When it has returned or
// panicked, ended (unless nil) hears of it on the same goroutine, before Stop returns.
func Start(name string, body func(stop <-chan struct{}), ended func(Ended)) *Handle {
	h := &Handle{stop: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(h.ended)
		e := Ended{Name: name}
		func() {
			defer func() {
				if r := recover(); r != nil {
					e.Panic, e.Stack = r, debug.Stack()
				}
			}()
			body(h.stop)
		}()
		if ended != nil {
			ended(e)
		}
	}()
	return h
}

// Stop asks the loop to end and waits until it has. It may be called more than once, from anywhere but the loop
// itself.
func (h *Handle) Stop() {
	h.Quit()
	<-h.ended
}

// Quit asks the loop to end and does not wait: for those who may be the loop themselves.
func (h *Handle) Quit() { h.once.Do(func() { close(h.stop) }) }

// Done is closed when the loop has ended.
func (h *Handle) Done() <-chan struct{} { return h.ended }
