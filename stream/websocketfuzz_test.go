package stream

import (
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Whatever the bytes are, the messages do not depend on how they are cut, and no more is held than one message.
func FuzzWebSocket(f *testing.F) {
	f.Add([]byte(text(good)+text(good)), []byte{1}, true)
	f.Add([]byte(frame(ws.OpText, false, good[:9])+frame(ws.OpPing, true, "p")+frame(ws.OpContinuation, true, good[9:])), []byte{3, 7}, true)
	f.Add([]byte(text("\r\n\r\n")+frame(ws.OpClose, true, closing(1000, "bye"))), []byte{5}, true)
	f.Add([]byte(plain(ws.OpBinary, true, good)+plain(ws.OpText, true, "\xff")), []byte{60, 1}, false)
	f.Fuzz(func(t *testing.T, raw, cuts []byte, server bool) {
		const limit = 600
		whole, parts := newWebSocket(server, limit).(*webSocket), newWebSocket(server, limit).(*webSocket)
		want, got := hear(whole, raw), hear(parts, pieces(raw, cuts)...)
		want.reply, got.reply = "", "" // is bounded for each read
		if !got.equal(want) {
			t.Errorf("cut:\n%v\nin one read:\n%v", got, want)
		}
		for _, m := range want.messages {
			if len(m) > limit {
				t.Errorf("a message of %d bytes", len(m))
			}
			again := hear(newWebSocket(!server, limit), appendFrame(nil, []byte(m), server))
			if !slices.Equal(again.messages, []string{m}) {
				t.Errorf("%q, UTF-8 %v, is heard as %v", m, utf8.ValidString(m), again)
			}
		}
		for _, w := range []*webSocket{whole, parts} {
			if w.part.len() > limit || w.part != nil && cap(w.part.bytes) > partKept || cap(w.reply) > 1024 {
				t.Errorf("%d bytes are held, %d of a reply", w.part.len(), cap(w.reply))
			}
		}
	})
}
