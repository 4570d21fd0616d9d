package loop

import "sync"

// Box is where goroutines leave things for another one, which takes them out all at once when it is woken.
type Box[T any] struct {
	wake func() // set once

	mu     sync.Mutex
	things []T
	closed bool
}

// NewBox makes a box; wake is called whenever something is put into an empty one.
func NewBox[T any](wake func()) *Box[T] { return &Box[T]{wake: wake} }

// Put leaves a thing, from any goroutine. It is false when the box is closed.
func (b *Box[T]) Put(thing T) bool {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return false
	}
	b.things = append(b.things, thing)
	first := len(b.things) == 1
	b.mu.Unlock()
	if first {
		b.wake()
	}
	return true
}

// Take appends what was left to dst.
func (b *Box[T]) Take(dst []T) []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	dst = append(dst, b.things...)
	clear(b.things)
	b.things = b.things[:0]
	return dst
}

// Close has Put take nothing more, and gives what is still there.
func (b *Box[T]) Close() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	left := b.things
	b.things = nil
	return left
}
