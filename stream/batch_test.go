package stream

import (
	"strings"
	"testing"
)

func TestABatchIsReleasedOnce(t *testing.T) {
	b := newBatch()
	b.Release()
	defer func() {
		if recover() == nil {
			t.Error("it was released twice")
		}
	}()
	b.Release()
}

func TestABatchHandsOverEachMessageOnce(t *testing.T) {
	b := newBatch()
	defer b.Release()
	if _, ok := b.Next(); ok || !b.empty() {
		t.Error("a new batch has a message")
	}
	newFramer(testMax).decode(b.buffer()[:copy(b.buffer(), strings.Repeat(good, 3))], b)
	for i := range 3 {
		if b.count() != 3-i || b.empty() {
			t.Errorf("%d messages are left behind %d", b.count(), i)
		}
		if m, ok := b.Next(); !ok || string(m.Bytes) != good {
			t.Errorf("%q", m.Bytes)
		}
	}
	if _, ok := b.Next(); ok || !b.empty() {
		t.Error("there is a fourth")
	}
}

// A long message must not leave a long buffer behind for a peer that sends one byte a second.
func TestLongPartsAreNotKept(t *testing.T) {
	for range 100 {
		p := newPart(make([]byte, 10*partKept))
		p.release()
		if p = newPart([]byte("x")); cap(p.bytes) > partKept {
			t.Fatalf("%d bytes for one", cap(p.bytes))
		}
		p.release()
	}
}
