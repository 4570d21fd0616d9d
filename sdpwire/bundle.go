package sdpwire

import (
	"bytes"

	"github.com/actorsip/actorsip/sipwire"
)

// bundle is which m-lines share a transport (RFC 9143 §5).
type bundle struct {
	mids [][]byte // named by groups of two and more
	all  bool     // there are more names than m-lines can have
}

func (b *bundle) reset() { b.mids, b.all = b.mids[:0], false }

// read is "BUNDLE mid …" of an a=group line (RFC 5888 §5).
func (b *bundle) read(body []byte, text span) {
	w := word(body, text)
	if !sipwire.EqualFold(body[w.off:w.end], "BUNDLE") {
		return
	}
	from := len(b.mids)
	for !b.all {
		if w = word(body, span{w.end, text.end}); w.off == w.end {
			break
		}
		b.mids = append(b.mids, body[w.off:w.end])
		b.all = len(b.mids) > MaxMedia
	}
	if len(b.mids) == from+1 {
		b.mids = b.mids[:from]
	}
}

// mark tells the m-lines whose transport carries others' sources.
func (b *bundle) mark(media []Media) {
	for i := range media {
		m := &media[i]
		m.Many = m.Many || b.all
		for k := 0; k < len(b.mids) && !m.Many && m.mid != nil; k++ {
			m.Many = bytes.Equal(b.mids[k], m.mid)
		}
	}
}
