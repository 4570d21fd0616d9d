package sdpwire

import (
	"bytes"
	"strconv"
)

// span is a half-open range of offsets into the body.
type span struct{ off, end int }

// lines walks the lines of a body: they end with CRLF, with LF (RFC 8866 §5 asks to be tolerant), or with a lone CR, behind
// which one reader could see a line that another one does not.
type lines struct {
	body []byte
	pos  int // where the next line begins
	feed int // the first LF at or behind pos, the end of the body when there is none; below pos when not looked for yet
}

func linesOf(body []byte) lines { return lines{body: body, feed: -1} }

// next is the next line without its end, and where the line behind it begins.
func (l *lines) next() (at span, after int, ok bool) {
	n := len(l.body)
	if l.pos >= n {
		return span{}, n, false
	}
	if l.feed < l.pos {
		l.feed = n
		if i := bytes.IndexByte(l.body[l.pos:], '\n'); i >= 0 {
			l.feed = l.pos + i
		}
	}
	at, after = span{l.pos, l.feed}, min(l.feed+1, n)
	if i := bytes.IndexByte(l.body[at.off:at.end], '\r'); i >= 0 {
		at.end = at.off + i
		if at.end+1 < l.feed {
			after = at.end + 1
		}
	}
	l.pos = after
	return at, after, true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// word is the first run of bytes that are no blanks; it is empty, and at the end, when there is none.
func word(body []byte, in span) span {
	for in.off < in.end && isBlank(body[in.off]) {
		in.off++
	}
	w := span{in.off, in.off}
	for w.end < in.end && !isBlank(body[w.end]) {
		w.end++
	}
	return w
}

// trim takes the blanks off both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// number reads an unsigned decimal of at most limit. Leading zeros are allowed.
func number(b []byte, limit int) (n int, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + int(c-'0'); n > limit {
			return 0, false
		}
	}
	return n, len(b) > 0
}

func appendNumber(dst []byte, n uint16) []byte { return strconv.AppendUint(dst, uint64(n), 10) }
