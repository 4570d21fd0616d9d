package torture

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strconv"
)

// largest is what fits into one UDP datagram over IPv4.
const largest = 65507

// mutator makes hostile datagrams of sane messages. The same seed makes the same ones.
type mutator struct {
	rng  *rand.Rand
	sane [][]byte
}

// next is a datagram: noise, or a sane message after one to three mutations.
func (m *mutator) next() []byte {
	if m.rng.IntN(50) == 0 {
		return m.noise(m.rng.IntN(600))
	}
	raw := slices.Clone(m.sane[m.rng.IntN(len(m.sane))])
	for range 1 + m.rng.IntN(3) {
		raw = m.mutate(raw)
	}
	if len(raw) > largest {
		raw = raw[:largest]
	}
	return raw
}

func (m *mutator) mutate(raw []byte) []byte {
	if len(raw) == 0 {
		return m.noise(1)
	}
	at := m.rng.IntN(len(raw))
	switch m.rng.IntN(12) {
	case 0: // cut off
		return raw[:at]
	case 1: // the beginning is missing
		return raw[at:]
	case 2, 3: // a flipped bit
		raw[at] ^= 1 << m.rng.IntN(8)
		return raw
	case 4: // a byte that means something
		raw[at] = "\r\n :;,<>\"@=/?[]%\\\x00\xff"[m.rng.IntN(19)]
		return raw
	case 5: // a header twice
		line := m.line(raw)
		return insert(raw, line.end, raw[line.from:line.end])
	case 6: // a header gone
		line := m.line(raw)
		return slices.Delete(raw, line.from, line.end)
	case 7: // a header elsewhere
		line := m.line(raw)
		text := slices.Clone(raw[line.from:line.end])
		raw = slices.Delete(raw, line.from, line.end)
		return insert(raw, m.line(raw).from, text)
	case 8: // a run of one byte; seldom a huge one
		n := 1 + m.rng.IntN(200)
		if m.rng.IntN(100) == 0 {
			n = m.rng.IntN(largest)
		}
		return insert(raw, at, bytes.Repeat(raw[at:at+1], n))
	case 9: // many parameters, or a long list
		unit := []string{";a=b", ";x", ",<sip:a@b;lr>", "?a=b&c", `"`, "\r\n ", ";branch=z9hG4bK"}[m.rng.IntN(7)]
		n := 1 + m.rng.IntN(40)
		if m.rng.IntN(100) == 0 {
			n = m.rng.IntN(largest / len(unit))
		}
		return insert(raw, at, bytes.Repeat([]byte(unit), n))
	case 10: // a wrong length
		return m.length(raw)
	default: // another message's part
		other := m.sane[m.rng.IntN(len(m.sane))]
		if len(other) == 0 {
			return raw
		}
		from := m.rng.IntN(len(other))
		return insert(raw, at, other[from:min(len(other), from+m.rng.IntN(200))])
	}
}

// length puts another number into the first Content-Length.
func (m *mutator) length(raw []byte) []byte {
	at := bytes.Index(raw, []byte("\r\nContent-Length:"))
	if at < 0 {
		return insert(raw, m.line(raw).end, []byte("l: "+strconv.Itoa(m.rng.IntN(3000))+"\r\n"))
	}
	end := at + 2 + bytes.IndexByte(append(raw[at+2:], '\r'), '\r')
	number := []string{"-1", "0", "1", "65536", "4294967296", "99999999999999999999", "0x10", "", "1 2", "١"}[m.rng.IntN(10)]
	return append(append(slices.Clone(raw[:at]), "\r\nContent-Length: "+number...), raw[end:]...)
}

// noise is random bytes.
func (m *mutator) noise(n int) []byte {
	raw := make([]byte, n)
	for i := range raw {
		raw[i] = byte(m.rng.Uint32())
	}
	return raw
}

// span is the place of a line with its end.
type span struct{ from, end int }

// line is one line of raw at random.
func (m *mutator) line(raw []byte) span {
	if len(raw) == 0 {
		return span{}
	}
	at := m.rng.IntN(len(raw))
	from := bytes.LastIndexByte(raw[:at], '\n') + 1
	if end := bytes.IndexByte(raw[at:], '\n'); end >= 0 {
		return span{from, at + end + 1}
	}
	return span{from, len(raw)}
}

func insert(raw []byte, at int, text []byte) []byte {
	return slices.Concat(raw[:at], text, raw[at:])
}
