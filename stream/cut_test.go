package stream

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/sipwire"
)

// heard is what a decoder has made of the bytes of a connection.
type heard struct {
	messages []string // each with its fault in front, if it has one
	reply    string
	end      End
	ok       bool
	begun    bool
}

// hear shows a decoder the pieces, each as one read. What it read from is overwritten at once: it must have copied what it needs.
func hear(d decoder, pieces ...[]byte) heard {
	h := heard{ok: true}
	for _, piece := range pieces {
		for len(piece) > 0 && h.ok {
			b := newBatch()
			n := copy(b.buffer(), piece)
			piece = piece[n:]
			var reply []byte
			reply, h.end, h.ok = d.decode(b.buffer()[:n], b)
			h.reply += string(reply)
			for m, more := b.Next(); more; m, more = b.Next() {
				h.messages = append(h.messages, told(m.Fault, string(m.Bytes)))
			}
			clear(b.buffer()[:n])
			b.Release()
		}
	}
	if h.ok {
		h.begun = d.begun()
	}
	return h
}

func told(f sipwire.Fault, bytes string) string {
	if f == sipwire.None {
		return bytes
	}
	return fmt.Sprintf("(%s) %s", f, bytes)
}

func (h heard) String() string {
	return fmt.Sprintf("messages %q, reply %q, end %q, ok %v, begun %v", h.messages, h.reply, h.end, h.ok, h.begun)
}

func (h heard) equal(o heard) bool {
	return slices.Equal(h.messages, o.messages) && h.reply == o.reply && h.end == o.end && h.ok == o.ok && h.begun == o.begun
}

// hearAllCuts shows raw to new decoders as one read, byte by byte, and cut in two at every boundary, and wants the same of each.
func hearAllCuts(t *testing.T, open func() decoder, raw []byte) heard {
	t.Helper()
	want := hear(open(), raw)
	if got := hear(open(), byteByByte(raw)...); !got.equal(want) {
		t.Fatalf("byte by byte:\n%v\nin one read:\n%v", got, want)
	}
	for i := 1; i < len(raw); i++ {
		if got := hear(open(), raw[:i], raw[i:]); !got.equal(want) {
			t.Fatalf("cut at byte %d:\n%v\nin one read:\n%v", i, got, want)
		}
	}
	return want
}

func byteByByte(raw []byte) (pieces [][]byte) {
	return slices.Collect(slices.Chunk(raw, 1))
}

// pieces cuts raw into pieces of the lengths in cuts, in turn. 0 stands for 256.
func pieces(raw, cuts []byte) (all [][]byte) {
	for i := 0; len(raw) > 0; i++ {
		n := len(raw)
		if len(cuts) > 0 {
			n = min(n, (int(cuts[i%len(cuts)])+255)%256+1)
		}
		all = append(all, raw[:n])
		raw = raw[n:]
	}
	return all
}

// crlf ends lines as SIP does.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
