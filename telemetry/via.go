package telemetry

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
)

// The Via that we put on a sampled request says which span it had. Its response comes back with that Via, and the next
// proxy of ours receives it: both spans become its children.
//
//	;x-otel= span 16 hex ‖ s (sampled) or f (forced) ‖ check 8 hex
//
// The check is a keyed hash of trace and span: nobody else can have us follow a call, or name a parent that nobody has
// seen. A proxy of ours with another secret finds no parent, for its traces are others. It stands beside the branch, not
// in it: a retransmission has another span, but must have the same branch.
const (
	viaParam = ";x-otel="
	markLen  = 16 + 1 + 8
)

// mark is what stands in a Via.
type mark struct {
	span   uint64
	forced bool
}

// AppendVia appends the parameter for the Via that the packet leaves with: nothing unless it is sampled.
func (t *Tracer) AppendVia(dst []byte, tr *Trace) []byte {
	if t == nil || tr.span == 0 {
		return dst
	}
	m := mark{tr.span, tr.flags&forced != 0}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], m.span)
	dst = hex.AppendEncode(append(dst, viaParam...), b[:])
	dst = append(dst, m.letter())
	binary.BigEndian.PutUint32(b[:], t.gate.check(tr.id.low, m))
	return hex.AppendEncode(dst, b[:4])
}

// readVia finds the parameter of a Via value; ok is false when there is none that was made for this trace.
func (g *Gate) readVia(via []byte, low uint64) (m mark, ok bool) {
	i := bytes.Index(via, []byte(viaParam))
	if i < 0 {
		return m, false
	}
	p := via[i+len(viaParam):]
	var b [12]byte
	if len(p) < markLen || len(p) > markLen && p[markLen] != ';' && p[markLen] != ',' && p[markLen] > ' ' {
		return m, false
	}
	if _, err := hex.Decode(b[:8], p[:16]); err != nil {
		return m, false
	}
	if _, err := hex.Decode(b[8:], p[17:markLen]); err != nil {
		return m, false
	}
	m = mark{binary.BigEndian.Uint64(b[:]), p[16] == 'f'}
	if m.span == 0 || m.letter() != p[16] || g.check(low, m) != binary.BigEndian.Uint32(b[8:]) {
		return mark{}, false
	}
	return m, true
}

func (m mark) letter() byte {
	if m.forced {
		return 'f'
	}
	return 's'
}

func (g *Gate) check(low uint64, m mark) uint32 {
	var b [17]byte
	binary.LittleEndian.PutUint64(b[:], low)
	binary.LittleEndian.PutUint64(b[8:], m.span)
	b[16] = m.letter()
	return uint32(siphash(g.secret[0], ^g.secret[1], b[:]))
}
