package stream

import "sync"

// readSize is how much is read at once: some twenty messages of a busy peer.
const readSize = 16 << 10

// Batch is what one read of a connection has completed. It has one owner at a time: the reader, then the sink, which releases it.
type Batch struct {
	messages []Message
	next     int
	parts    []*part // the messages that did not lie whole in one read
	free     bool
	read     [readSize]byte
}

var batches = sync.Pool{New: func() any { return new(Batch) }}

func newBatch() *Batch {
	b := batches.Get().(*Batch)
	b.free = false
	return b
}

// buffer is what a read fills.
func (b *Batch) buffer() []byte { return b.read[:] }

// Next hands over the messages one after another, and false behind the last one. Their bytes are valid until Release.
func (b *Batch) Next() (Message, bool) {
	if b.empty() {
		return Message{}, false
	}
	m := b.messages[b.next]
	b.next++
	return m, true
}

// count is how many messages Next has still to hand over.
func (b *Batch) count() int { return len(b.messages) - b.next }

func (b *Batch) empty() bool { return b.count() == 0 }

// Release gives the batch back, and with it the bytes of its messages. To release it twice would give one buffer to two readers: a panic.
func (b *Batch) Release() {
	if b.free {
		panic("stream: a batch was released twice")
	}
	b.free = true
	for _, p := range b.parts {
		p.release()
	}
	clear(b.parts)
	clear(b.messages)
	b.messages, b.next, b.parts = b.messages[:0], 0, b.parts[:0]
	batches.Put(b)
}

func (b *Batch) add(m Message) { b.messages = append(b.messages, m) }

// keep makes the part the batch's: a message of the batch lies in it.
func (b *Batch) keep(p *part) { b.parts = append(b.parts, p) }

// part is what came of a message that did not lie whole in one read. It grows with what came, whatever length was announced.
type part struct{ bytes []byte }

// A part begins with the first size, which most messages fit. One that has grown beyond the second one is not used again: it
// would be held by a peer that sends one byte a second.
const (
	partSize = 2 << 10
	partKept = 4 << 10
)

var parts = sync.Pool{New: func() any { return &part{make([]byte, 0, partSize)} }}

func newPart(bytes []byte) *part {
	p := parts.Get().(*part)
	p.bytes = append(p.bytes[:0], bytes...)
	return p
}

func (p *part) release() {
	if cap(p.bytes) <= partKept {
		parts.Put(p)
	}
}

// len is how many bytes there are; nil is an empty part.
func (p *part) len() int {
	if p == nil {
		return 0
	}
	return len(p.bytes)
}
