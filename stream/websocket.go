package stream

import (
	"bytes"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// webSocket cuts what comes behind a WebSocket handshake: one WebSocket message, in however many frames, is one SIP message
// (RFC 7118 §5.3), so that no Content-Length is needed. Text and binary messages are the same to it.
//
//	frame header ──▶ payload ──last byte──▶ control frame: a ping is answered, a close ends
//	     ▲                          └─────▶ last frame of a message: handed over
//	     └──────────────────────────── more frames
//
// A frame that breaks RFC 6455 ends the connection with the status code that the RFC names.
type webSocket struct {
	state   ws.State // which side we are, and whether more frames of the message follow
	max     int      // bytes of a message
	header  frameHeader
	frame   ws.Header // whose payload is coming
	opened  bool      // it is
	left    int       // how much of it
	text    bool      // the message is text
	part    *part     // what came of the message in earlier reads and frames
	control [ws.MaxControlFramePayloadSize]byte
	pong    []byte // the frame that answers the last ping of this read
	pongs   int    // how many messages of this read were keep-alives
	reply   []byte
}

// newWebSocket bounds a message to maxMessage bytes. server is our side.
func newWebSocket(server bool, maxMessage int) decoder {
	state := ws.StateClientSide
	if server {
		state = ws.StateServerSide
	}
	return &webSocket{state: state, max: maxMessage}
}

func (w *webSocket) begun() bool { return w.header.n > 0 || w.opened || w.state.Fragmented() }

func (w *webSocket) decode(in []byte, b *Batch) (reply []byte, end End, ok bool) {
	w.reply, w.pong, w.pongs = w.reply[:0], w.pong[:0], 0
	var refused ws.StatusCode
	for len(in) > 0 {
		if !w.opened {
			if in, refused = w.open(in); refused != 0 {
				return w.close(refused), BadFrame, false
			}
			if !w.opened {
				break
			}
		}
		payload := in[:min(len(in), w.left)]
		in = in[len(payload):]
		message := w.take(payload)
		if w.left > 0 {
			break
		}
		w.opened = false
		if w.frame.OpCode == ws.OpClose {
			return w.closed()
		}
		if refused = w.finish(message, b); refused != 0 {
			return w.close(refused), BadFrame, false
		}
	}
	// RFC 6455 §5.5.3: where several pings have come before any was answered, a pong to the last one will do.
	w.reply = append(w.reply, w.pong...)
	return w.reply, 0, true
}

// open reads on in a frame's header, and says with which code a frame is refused that has no business here.
func (w *webSocket) open(in []byte) (rest []byte, refused ws.StatusCode) {
	rest = w.header.take(in)
	if !w.header.complete() {
		return rest, 0
	}
	h, err := w.header.read()
	w.header.n = 0
	if err != nil || ws.CheckHeader(h, w.state) != nil {
		return rest, ws.StatusProtocolError
	}
	if h.OpCode.IsData() || h.OpCode == ws.OpContinuation {
		if h.Length > int64(w.max-w.part.len()) {
			return rest, ws.StatusMessageTooBig
		}
		if h.OpCode != ws.OpContinuation {
			w.text = h.OpCode == ws.OpText
		}
	}
	w.frame, w.opened, w.left = h, true, int(h.Length)
	return rest, 0
}

// take puts the next bytes of a payload where the rest of it is. What is a whole message by itself stays where it lies.
func (w *webSocket) take(payload []byte) (message []byte) {
	offset := int(w.frame.Length) - w.left
	w.left -= len(payload)
	if w.frame.Masked {
		ws.Cipher(payload, w.frame.Mask, offset)
	}
	switch {
	case w.frame.OpCode.IsControl():
		copy(w.control[offset:], payload)
	case w.frame.Fin && w.part == nil && w.left == 0:
		return payload
	case len(payload) == 0: // a read has ended with the header
	case w.part == nil:
		w.part = newPart(payload)
	default:
		w.part.bytes = append(w.part.bytes, payload...)
	}
	return nil
}

// finish is the end of a frame: of a message, if it is the last one. message is nil when it lies in part.
func (w *webSocket) finish(message []byte, b *Batch) (refused ws.StatusCode) {
	switch {
	case w.frame.OpCode == ws.OpPing:
		w.pong = appendControl(w.pong[:0], ws.OpPong, w.control[:w.frame.Length], w.state)
		return 0
	case w.frame.OpCode.IsControl():
		return 0
	case !w.frame.Fin:
		w.state = w.state.Set(ws.StateFragmented)
		return 0
	}
	w.state = w.state.Clear(ws.StateFragmented)
	if p := w.part; p != nil {
		w.part = nil
		b.keep(p)
		message = p.bytes
	}
	switch {
	case w.text && !utf8.Valid(message): // RFC 6455 §8.1
		return ws.StatusInvalidFramePayloadData
	case len(bytes.Trim(message, "\r\n")) == 0:
		w.keepAlive(message)
	default:
		b.add(Message{Bytes: message[:len(message):len(message)]})
	}
	return 0
}

// keepAlive answers a message of nothing but empty lines. Browsers cannot send pings, so their clients use those of RFC 5626 §3.5.1,
// which are two empty lines and are answered with one (RFC 7118 §6).
func (w *webSocket) keepAlive(message []byte) {
	if w.pongs < maxPongs && bytes.HasPrefix(message, []byte("\r\n\r\n")) {
		w.pongs++
		w.reply = appendFrame(w.reply, []byte("\r\n"), w.state.ServerSide())
	}
}

// closed answers the peer's close with its own status code (RFC 6455 §5.5.1), unless that is none that may be sent.
func (w *webSocket) closed() (reply []byte, end End, ok bool) {
	body := w.control[:w.frame.Length]
	if len(body) == 0 {
		return appendControl(w.reply, ws.OpClose, nil, w.state), PeerClosed, false
	}
	code, reason := ws.ParseCloseFrameData(body)
	switch {
	case len(body) > 1 && !utf8.ValidString(reason):
		return w.close(ws.StatusInvalidFramePayloadData), BadFrame, false
	case ws.CheckCloseFrameData(code, reason) != nil && !code.In(registered):
		return w.close(ws.StatusProtocolError), BadFrame, false
	}
	return w.close(code), PeerClosed, false
}

// registered are the codes of a restart, of an overload and of a bad gateway, which were registered after RFC 6455.
var registered = ws.StatusCodeRange{Min: 1012, Max: 1014}

func (w *webSocket) close(code ws.StatusCode) []byte {
	return appendControl(w.reply, ws.OpClose, ws.NewCloseFrameBody(code, ""), w.state)
}
