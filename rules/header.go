package rules

import (
	"bytes"
	"hash/maphash"
	"regexp"
	"sync/atomic"

	"github.com/actorsip/actorsip/sipwire"
)

// mostRead is how many bytes of the fields of one name a regular expression reads: it takes 20 to 100 ns a byte, and who
// sends a datagram full of them shall not have milliseconds of each rule. Real values have a few hundred.
const mostRead = 2048

// header is a condition on a header.
type header struct {
	name  sipwire.Name
	match *regexp.Regexp
	not   bool
	known *findings
}

func newHeader(name string, match *regexp.Regexp, not bool) header {
	n, _ := sipwire.ParseName(name)
	return header{n, match, not, &findings{seed: maphash.MakeSeed()}}
}

// holds tells whether the condition does. long is what it is for values that are too long to be read.
func (h *header) holds(m *sipwire.Message, long bool) bool {
	left := mostRead
	for v, at := m.NextNamed(h.name, 0); at > 0; v, at = m.NextNamed(h.name, at) {
		if left -= v.Len(); left < 0 {
			return long
		}
		if h.finds(m.Bytes(v)) {
			return !h.not
		}
	}
	return h.not
}

// findings are what a regular expression has found of late: to match a User-Agent costs more than to forward the packet,
// and there are few of them. A word has the hash of a value, but for its last bit, which says what was found. The seed is
// secret: no value can be made to pass for another.
type findings struct {
	seed  maphash.Seed
	words [256]atomic.Uint64
}

func (h *header) finds(value []byte) bool {
	const found = 1
	hash := maphash.Bytes(h.known.seed, value) | found
	word := &h.known.words[hash>>56]
	if w := word.Load(); w|found == hash {
		return w == hash
	}
	if h.match.Match(unfolded(value)) {
		word.Store(hash)
		return true
	}
	word.Store(hash &^ found)
	return false
}

// unfolded is a value in one line: RFC 3261 §7.3.1, a line end and the white space around it are one space.
func unfolded(value []byte) []byte {
	if bytes.IndexByte(value, '\n') < 0 {
		return value
	}
	line := make([]byte, 0, len(value))
	for rest := value; ; {
		part, below, folded := bytes.Cut(rest, []byte("\n"))
		if line = append(line, bytes.TrimRight(part, " \t\r")...); !folded {
			return line
		}
		line = append(line, ' ')
		rest = bytes.TrimLeft(below, " \t")
	}
}
