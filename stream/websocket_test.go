package stream

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

func openServer() decoder { return newWebSocket(true, testMax) }
func openClient() decoder { return newWebSocket(false, testMax) }

// frame is what a client sends, masked.
func frame(op ws.OpCode, fin bool, payload string) string {
	f := ws.NewFrame(op, fin, []byte(payload))
	return string(ws.MustCompileFrame(ws.MaskFrameWith(f, [4]byte{0x11, 0x22, 0x33, 0x44})))
}

// plain is what a server sends.
func plain(op ws.OpCode, fin bool, payload string) string {
	return string(ws.MustCompileFrame(ws.NewFrame(op, fin, []byte(payload))))
}

func text(payload string) string { return frame(ws.OpText, true, payload) }

func closing(code ws.StatusCode, reason string) string {
	return string(ws.NewCloseFrameBody(code, reason))
}

const umlauts = "MESSAGE sip:b SIP/2.0\r\n\r\nZürich"

func TestWhereWebSocketMessagesEnd(t *testing.T) {
	long := strings.Repeat("x", testMax)
	for _, c := range []struct {
		name, in string
		want     []string
		begun    bool
	}{
		{"text", text(good), []string{good}, false},
		{"binary", frame(ws.OpBinary, true, good), []string{good}, false},
		{"binary that is no UTF-8", frame(ws.OpBinary, true, "a\xff\x00"), []string{"a\xff\x00"}, false},
		{"several", text(good) + text("b") + text(good), []string{good, "b", good}, false},
		{"without Content-Length", text("OPTIONS sip:b SIP/2.0\r\n\r\n"), []string{"OPTIONS sip:b SIP/2.0\r\n\r\n"}, false},
		{"two in one: for sipwire to judge", text(good + good), []string{good + good}, false},
		{"in fragments", frame(ws.OpText, false, good[:9]) + frame(ws.OpContinuation, false, good[9:70]) + frame(ws.OpContinuation, true, good[70:]), []string{good}, false},
		{"in fragments, some empty", frame(ws.OpText, false, "") + frame(ws.OpContinuation, false, "") + frame(ws.OpContinuation, true, good), []string{good}, false},
		{"in fragments, the last empty", frame(ws.OpText, false, good) + frame(ws.OpContinuation, true, ""), []string{good}, false},
		{"cut within a letter", frame(ws.OpText, false, umlauts[:27]) + frame(ws.OpContinuation, true, umlauts[27:]), []string{umlauts}, false},
		{"pongs in between", frame(ws.OpText, false, good[:9]) + frame(ws.OpPong, true, "?") + frame(ws.OpContinuation, true, good[9:]), []string{good}, false},
		{"a binary one, fragmented, then text", frame(ws.OpBinary, false, "\xff") + frame(ws.OpContinuation, true, "\xff") + text("b"), []string{"\xff\xff", "b"}, false},
		{"125 bytes", text(long[:125]), []string{long[:125]}, false},
		{"126 bytes", text(long[:126]), []string{long[:126]}, false},
		{"as long as may be", text(long), []string{long}, false},
		{"as long as may be, in fragments", frame(ws.OpText, false, long[1:]) + frame(ws.OpContinuation, true, "x"), []string{long}, false},
		{"empty", text("") + text(good), []string{good}, false},
		{"a pong of empty lines", text("\r\n") + text(good), []string{good}, false},
		{"fragments that go on", frame(ws.OpText, false, good), nil, true},
		{"a payload that goes on", text(good)[:20], nil, true},
		{"a header that goes on", text(good)[:1], nil, true},
		{"a ping that goes on", frame(ws.OpPing, true, "abc")[:7], nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := heard{messages: c.want, ok: true, begun: c.begun}
			if got := hearAllCuts(t, openServer, []byte(c.in)); !got.equal(want) {
				t.Errorf("%v\nwant\n%v", got, want)
			}
		})
	}
}

func TestFramesThatEndAWebSocket(t *testing.T) {
	protocol, utf8, big := closing(ws.StatusProtocolError, ""), closing(ws.StatusInvalidFramePayloadData, ""), closing(ws.StatusMessageTooBig, "")
	masked := frame(ws.OpText, true, "0123456789")
	for _, c := range []struct {
		name, in, reply string
		end             End
	}{
		{"not masked", plain(ws.OpText, true, good), protocol, BadFrame},
		{"a ping that is not masked", plain(ws.OpPing, true, ""), protocol, BadFrame},
		{"a reserved bit", "\xc1" + masked[1:], protocol, BadFrame},
		{"a reserved bit, the last one", "\x91" + masked[1:], protocol, BadFrame},
		{"a reserved opcode", "\x83" + masked[1:], protocol, BadFrame},
		{"a reserved control opcode", "\x8b" + masked[1:], protocol, BadFrame},
		{"continuation of nothing", frame(ws.OpContinuation, true, "x"), protocol, BadFrame},
		{"a message within one", frame(ws.OpText, false, "x") + text("y"), protocol, BadFrame},
		{"a ping in fragments", frame(ws.OpPing, false, "x"), protocol, BadFrame},
		{"a ping of 126 bytes", frame(ws.OpPing, true, strings.Repeat("x", 126)), protocol, BadFrame},
		{"a length in more bytes than it needs", "\x81\xfe\x00\x7d\x00\x00\x00\x00", protocol, BadFrame},
		{"a length in many more", "\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x00\x00", protocol, BadFrame},
		{"a negative length", "\x81\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", protocol, BadFrame},
		{"text that is no UTF-8", text("a\xff"), utf8, BadFrame},
		{"text in fragments that is none", frame(ws.OpText, false, "\xc3") + frame(ws.OpContinuation, true, "x"), utf8, BadFrame},
		{"text that ends within a letter", text("\xc3"), utf8, BadFrame},
		{"too long", text(strings.Repeat("x", testMax+1)), big, BadFrame},
		{"too long by its header alone", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", big, BadFrame},
		{"too long in fragments", frame(ws.OpText, false, strings.Repeat("x", testMax)) + frame(ws.OpContinuation, true, "x"), big, BadFrame},
		{"close", frame(ws.OpClose, true, ""), "", PeerClosed},
		{"close with a code", frame(ws.OpClose, true, closing(ws.StatusGoingAway, "bye")), closing(ws.StatusGoingAway, ""), PeerClosed},
		{"close with a code of one's own", frame(ws.OpClose, true, closing(4000, "")), closing(4000, ""), PeerClosed},
		{"close for a restart", frame(ws.OpClose, true, closing(1012, "")), closing(1012, ""), PeerClosed},
		{"close within a message", frame(ws.OpText, false, "x") + frame(ws.OpClose, true, ""), "", PeerClosed},
		{"close with half a code", frame(ws.OpClose, true, "\x03"), protocol, BadFrame},
		{"close with a code that must not be sent", frame(ws.OpClose, true, closing(1005, "")), protocol, BadFrame},
		{"close with no code", frame(ws.OpClose, true, closing(999, "")), protocol, BadFrame},
		{"close with a reason that is no UTF-8", frame(ws.OpClose, true, closing(1000, "\xff")), utf8, BadFrame},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := hearAllCuts(t, openServer, []byte(text(good)+c.in+text(good)))
			want := heard{messages: []string{good}, reply: plain(ws.OpClose, true, c.reply), end: c.end}
			if !got.equal(want) {
				t.Errorf("%v\nwant\n%v", got, want)
			}
		})
	}
}

func TestAClientRefusesMaskedFrames(t *testing.T) {
	got := hear(openClient(), []byte(plain(ws.OpText, true, good)+text(good)))
	if got.ok || got.end != BadFrame || !slices.Equal(got.messages, []string{good}) {
		t.Errorf("%v", got)
	}
	if f := reread(t, got.reply); f.Header.OpCode != ws.OpClose || !f.Header.Masked {
		t.Errorf("its close: %+v", f)
	}
}

// reread is the one frame that there is, unmasked.
func reread(t *testing.T, raw string) ws.Frame {
	t.Helper()
	r := strings.NewReader(raw)
	f := readFrame(t, r)
	if r.Len() > 0 {
		t.Fatalf("%q: %d bytes are left", raw, r.Len())
	}
	return f
}

// readFrame reads a frame, unmasked; its header says whether it was masked.
func readFrame(t *testing.T, r io.Reader) (f ws.Frame) {
	t.Helper()
	var err error
	if f.Header, err = ws.ReadHeader(r); err == nil {
		f.Payload = make([]byte, f.Header.Length)
		_, err = io.ReadFull(r, f.Payload)
	}
	if err != nil {
		t.Fatal(err)
	}
	if f.Header.Masked {
		ws.Cipher(f.Payload, f.Header.Mask, 0)
	}
	return f
}

func TestPingsAreAnswered(t *testing.T) {
	for _, payload := range []string{"", "x", strings.Repeat("y", 125)} {
		got := hearAllCuts(t, openServer, []byte(frame(ws.OpText, false, good[:5])+frame(ws.OpPing, true, payload)+frame(ws.OpContinuation, true, good[5:])))
		if want := (heard{messages: []string{good}, reply: plain(ws.OpPong, true, payload), ok: true}); !got.equal(want) {
			t.Errorf("%v\nwant\n%v", got, want)
		}
	}
	got := hear(openClient(), []byte(plain(ws.OpPing, true, "abc")))
	if f := reread(t, got.reply); f.Header.OpCode != ws.OpPong || !f.Header.Masked || string(f.Payload) != "abc" {
		t.Errorf("a client's pong: %+v", f)
	}
}

// Of the pings of one read the last one is answered, and half of the next does not spoil it.
func TestAFloodOfWebSocketPingsHasOnePong(t *testing.T) {
	flood := strings.Repeat(frame(ws.OpPing, true, "a"), 1000) + frame(ws.OpPing, true, "b") + frame(ws.OpPong, true, "c") + frame(ws.OpPing, true, "de")[:7]
	got := hear(openServer(), []byte(flood))
	if want := (heard{reply: plain(ws.OpPong, true, "b"), ok: true, begun: true}); !got.equal(want) {
		t.Errorf("%v\nwant\n%v", got, want)
	}
	got = hear(openServer(), []byte(frame(ws.OpPing, true, "a")+frame(ws.OpClose, true, "")))
	if want := (heard{reply: plain(ws.OpClose, true, ""), end: PeerClosed}); !got.equal(want) {
		t.Errorf("behind a close no pong is wanted: %v", got)
	}
}

func TestEmptyLinesInAMessageAreAPing(t *testing.T) {
	for _, op := range []ws.OpCode{ws.OpText, ws.OpBinary} {
		got := hearAllCuts(t, openServer, []byte(frame(op, true, "\r\n\r\n")+text(good)+frame(op, false, "\r\n")+frame(ws.OpContinuation, true, "\r\n")))
		pong := plain(ws.OpText, true, "\r\n")
		if want := (heard{messages: []string{good}, reply: pong + pong, ok: true}); !got.equal(want) {
			t.Errorf("%v\nwant\n%v", got, want)
		}
	}
	got := hear(openServer(), bytes.Repeat([]byte(text("\r\n\r\n")), 100))
	if want := strings.Repeat(plain(ws.OpText, true, "\r\n"), maxPongs); got.reply != want {
		t.Errorf("a flood: %v", got)
	}
}

func TestWhatIsSentIsTextOrBinary(t *testing.T) {
	for _, c := range []struct {
		message string
		op      ws.OpCode
	}{
		{good, ws.OpText},
		{umlauts, ws.OpText},
		{"", ws.OpText},
		{good + "\xff", ws.OpBinary},
		{strings.Repeat("x", 125), ws.OpText},
		{strings.Repeat("x", 126), ws.OpText},
		{strings.Repeat("x", 1<<16-1), ws.OpText},
		{strings.Repeat("x", 1<<16), ws.OpText},
	} {
		for _, server := range []bool{true, false} {
			raw := string(appendFrame([]byte("before"), []byte(c.message), server))
			rest, ok := strings.CutPrefix(raw, "before")
			f := reread(t, rest)
			if !ok || f.Header.OpCode != c.op || f.Header.Masked == server || !f.Header.Fin || string(f.Payload) != c.message {
				t.Errorf("%d bytes, server %v: %+v", len(c.message), server, f.Header)
			}
			if got := hear(newWebSocket(!server, 1<<17), []byte(rest)); c.message != "" && !slices.Equal(got.messages, []string{c.message}) {
				t.Errorf("the other side hears %v", got)
			}
		}
	}
}

func TestAWebSocketHoldsNothingBetweenMessages(t *testing.T) {
	w := openServer().(*webSocket)
	raw := []byte(text(good) + frame(ws.OpText, false, good))
	hear(w, raw[:150], raw[150:], []byte(frame(ws.OpContinuation, true, "x")))
	if w.part != nil || w.begun() {
		t.Errorf("held: %+v", w)
	}
	hear(w, []byte("\x81\xfe\x0f\xff\x00\x00\x00\x00"))
	if w.part != nil || !w.begun() {
		t.Error("room was made for what is only announced")
	}
}

func TestWebSocketMessagesCostNoMemory(t *testing.T) {
	raw := []byte(text(invite()) + frame(ws.OpText, false, good) + frame(ws.OpContinuation, true, good))
	w, dst := openServer(), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(1000, func() {
		b := newBatch()
		w.decode(b.buffer()[:copy(b.buffer(), raw)], b)
		for m, ok := b.Next(); ok; m, ok = b.Next() {
			dst = appendFrame(dst[:0], m.Bytes, true)
		}
		b.Release()
	}); n >= 1 && !raced {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkWebSocket(b *testing.B) {
	raw := []byte(text(invite()))
	w := openServer()
	b.SetBytes(800)
	b.ReportAllocs()
	for range b.N {
		batch := newBatch()
		w.decode(batch.buffer()[:copy(batch.buffer(), raw)], batch)
		batch.Release()
	}
}

func BenchmarkAppendFrame(b *testing.B) {
	m, dst := []byte(invite()), []byte(nil)
	b.SetBytes(800)
	b.ReportAllocs()
	for range b.N {
		dst = appendFrame(dst[:0], m, true)
	}
}
