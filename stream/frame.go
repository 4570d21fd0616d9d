package stream

import (
	"bytes"

	"github.com/actorsip/actorsip/sipwire"
)

// decoder cuts what comes on one connection into messages. What it makes of the bytes does not depend on how reads have cut them.
type decoder interface {
	// decode takes all of in, a slice of b's buffer that it may write to, and adds to b the messages that are complete now. reply is
	// to be written back at once, and valid until the next call. When ok is false the connection ends with end once reply, and an
	// answer to a message with a fault, are written: decode must not be called again.
	decode(in []byte, b *Batch) (reply []byte, end End, ok bool)
	// begun tells that something was begun and is not finished.
	begun() bool
}

// maxPongs bounds the answers to the keep-alives of one read: who sends them by the hundred does not wait for each.
const maxPongs = 8

// framer cuts a stream of bytes, TCP or TLS, into messages: by the empty line behind the headers and by Content-Length
// (RFC 3261 §18.3). Between messages it holds no memory.
//
//	between messages ──first byte──▶ start line ──LF──▶ header lines ──empty line──▶ body ──last byte──▶ between messages
//	    │   ▲                            │                   │
//	    CRLF CRLF: pong                  no SIP: ends        no length, no number, two lengths, too long: ends
//
// It finds where a message ends as sipwire.Parse does, so that a message has the same verdict whichever way it came: a line
// ends with LF, a missing CR is for sipwire to judge.
type framer struct {
	max  int   // bytes of a message
	crlf int   // how many bytes of CR LF CR LF have come between messages
	head head  // of the message that was begun
	part *part // what came of it in earlier reads; nil while none is begun
}

// newFramer bounds a message, headers and body together, to maxMessage bytes.
func newFramer(maxMessage int) decoder { return &framer{max: maxMessage} }

func (f *framer) begun() bool { return f.part != nil }

func (f *framer) decode(in []byte, b *Batch) (reply []byte, end End, ok bool) {
	pings := 0
	for {
		if f.part == nil {
			in, pings = f.between(in, pings)
		}
		if len(in) == 0 {
			return pongsFor(pings), 0, true
		}
		used, fault := f.message(in, b)
		if fault != sipwire.None {
			return pongsFor(pings), BadFrame, false
		}
		in = in[used:]
	}
}

var pongs = bytes.Repeat([]byte("\r\n"), maxPongs)

func pongsFor(pings int) []byte {
	n := 2 * min(pings, maxPongs)
	return pongs[:n:n]
}

// between passes over the empty lines between messages (RFC 3261 §7.5). Two of them are a ping, which wants a pong of one; one
// alone is the pong to a ping (RFC 5626 §3.5.1, §4.4.1).
func (f *framer) between(in []byte, pings int) (rest []byte, n int) {
	for i, c := range in {
		switch {
		case c == "\r\n\r\n"[f.crlf]:
			f.crlf++
		case c == '\r':
			f.crlf = 1
		case c == '\n':
			f.crlf = 0
		default:
			f.crlf = 0
			return in[i:], pings
		}
		if f.crlf == 4 {
			f.crlf = 0
			pings++
		}
	}
	return nil, pings
}

// message goes on with the message that in continues or begins with, and tells how many bytes of in are its.
func (f *framer) message(in []byte, b *Batch) (used int, fault sipwire.Fault) {
	m := in
	if used = len(in); f.part != nil {
		used = f.head.missing(in, len(f.part.bytes), f.max)
		f.part.bytes = append(f.part.bytes, in[:used]...)
		m = f.part.bytes
	}
	size, fault := f.head.read(m, f.max)
	switch {
	case fault != sipwire.None:
		f.fail(m, fault, b)
		return used, fault
	case size == 0 && f.part == nil:
		f.part = newPart(m)
		return used, sipwire.None
	case size == 0:
		return used, sipwire.None
	case f.part == nil:
		used = size
	default:
		b.keep(f.part)
	}
	b.add(Message{Bytes: m[:size:size]})
	f.part, f.head = nil, head{}
	return used, sipwire.None
}

// fail hands over what can be read of a message that has no end: its header lines, and an empty line behind them even if none has
// come, so that they can be parsed and answered.
func (f *framer) fail(m []byte, fault sipwire.Fault, b *Batch) {
	p := newPart(m[:f.head.line])
	if fault == sipwire.TooLong && !f.head.ended {
		p.bytes = append(p.bytes, "\r\n"...)
	}
	b.keep(p)
	b.add(Message{Bytes: p.bytes, Fault: fault})
	f.part = nil
}
