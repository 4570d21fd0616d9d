package stream

import (
	"bytes"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// frameHeader collects the header of a WebSocket frame (RFC 6455 §5.2), which is 2 to 14 bytes long.
type frameHeader struct {
	n       int
	bytes   [ws.MaxHeaderSize]byte
	reader  bytes.Reader
	scratch [ws.MaxHeaderSize]byte
}

// size is how many bytes the header has, as far as they tell: the first two tell all.
func (h *frameHeader) size() int {
	size := ws.MinHeaderSize
	if h.n < size {
		return size
	}
	switch h.bytes[1] & 0x7f {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if h.bytes[1]&0x80 != 0 {
		size += 4
	}
	return size
}

func (h *frameHeader) complete() bool { return h.n == h.size() }

// take reads on in a header, and hands back what is behind it.
func (h *frameHeader) take(in []byte) (rest []byte) {
	for len(in) > 0 && !h.complete() {
		n := copy(h.bytes[h.n:h.size()], in)
		h.n += n
		in = in[n:]
	}
	return in
}

// read is the complete header. A length in more bytes than it needs is an error (RFC 6455 §5.2).
func (h *frameHeader) read() (ws.Header, error) {
	h.reader.Reset(h.bytes[:h.n])
	header, err := ws.ReadHeaderBuffer(&h.reader, h.scratch[:])
	if err == nil && ws.HeaderSize(header) != h.n {
		err = ws.ErrHeaderLengthUnexpected
	}
	return header, err
}

// appendFrame appends one SIP message as one WebSocket message: text when it is UTF-8, else binary (RFC 7118 §5.3). server is our
// side: a client masks what it sends (RFC 6455 §5.3).
func appendFrame(dst, message []byte, server bool) []byte {
	op := ws.OpBinary
	if utf8.Valid(message) {
		op = ws.OpText
	}
	return appendOp(dst, op, message, server)
}

func appendControl(dst []byte, op ws.OpCode, payload []byte, side ws.State) []byte {
	return appendOp(dst, op, payload, side.ServerSide())
}

func appendOp(dst []byte, op ws.OpCode, payload []byte, server bool) []byte {
	h := ws.Header{Fin: true, OpCode: op, Length: int64(len(payload)), Masked: !server}
	if h.Masked {
		h.Mask = ws.NewMask()
	}
	dst = slices.Grow(dst, ws.MaxHeaderSize+len(payload))
	// The header is written to the buffer that it is given, in which it is to stay.
	if err := ws.WriteHeaderBuffer(io.Discard, h, dst[len(dst):cap(dst)]); err != nil {
		panic("stream: " + err.Error()) // the length of a slice is none that cannot be written
	}
	dst = append(dst[:len(dst)+ws.HeaderSize(h)], payload...)
	if h.Masked {
		ws.Cipher(dst[len(dst)-len(payload):], h.Mask, 0)
	}
	return dst
}
