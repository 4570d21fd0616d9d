package stream

import (
	"bytes"
	"strconv"

	"github.com/actorsip/actorsip/sipwire"
)

// head is how far the start line and the headers of a message have been read. Offsets count from the first byte of the start line,
// and no byte in front of seen is looked at again to find the end of a line: a message costs the same in however many pieces it comes.
type head struct {
	seen  int // there is no line end between line and seen
	line  int // first byte behind the last line that is complete
	ended bool
	size  int // of the message, once the headers have ended

	value, valueEnd int // the header value that is being read, if it is Content-Length's: 0 if not
	lengths         int // how many of them were read
	length          int // the first
	bad             bool
}

// missing is how many bytes of in the message needs, as far as is known: up to the end of a line, or of the message. It has had
// bytes already, which are fewer than limit.
func (h *head) missing(in []byte, had, limit int) int {
	if h.ended {
		return min(len(in), h.size-had)
	}
	if i := bytes.IndexByte(in, '\n'); i >= 0 {
		in = in[:i+1]
	}
	return min(len(in), limit-had)
}

// read goes on reading m, the message as far as it has come. size is that of the message when it is complete, else 0.
func (h *head) read(m []byte, limit int) (size int, fault sipwire.Fault) {
	if c := m[0]; c <= ' ' || c > '~' { // a TLS record, say: no method begins so (RFC 3261 §25.1)
		h.line = 1
		return 0, sipwire.NotSIP
	}
	for within := m[:min(len(m), limit)]; !h.ended; {
		i := bytes.IndexByte(within[h.seen:], '\n')
		if i < 0 {
			h.seen = len(within)
			return 0, h.full(limit)
		}
		start := h.line
		h.seen += i + 1
		h.line = h.seen
		if fault = h.readLine(m, start, h.line, limit); fault != sipwire.None {
			return 0, fault
		}
	}
	if len(m) < h.size {
		return 0, sipwire.None
	}
	return h.size, sipwire.None
}

// full is the fault of headers that have not ended where the limit is.
func (h *head) full(limit int) sipwire.Fault {
	switch {
	case h.seen < limit:
		return sipwire.None
	case h.line == 0:
		h.line = limit
		return sipwire.NotSIP
	}
	return sipwire.TooLong
}

func (h *head) readLine(m []byte, start, end, limit int) sipwire.Fault {
	line := m[start:end]
	switch {
	case start == 0:
		if !isStartLine(line) {
			return sipwire.NotSIP
		}
	case line[0] == ' ' || line[0] == '\t': // RFC 3261 §7.3.1: the value goes on
		if h.value > 0 {
			h.valueEnd = end
		}
	default:
		h.closeValue(m)
		if line[0] == '\n' || string(line) == "\r\n" {
			return h.close(end, limit)
		}
		if n := lengthValue(line); n > 0 {
			h.value, h.valueEnd = start+n, end
		}
	}
	return sipwire.None
}

// closeValue reads the Content-Length whose last line has come.
func (h *head) closeValue(m []byte) {
	if h.value == 0 {
		return
	}
	digits := bytes.Trim(m[h.value:h.valueEnd], " \t\r\n")
	n, err := strconv.ParseUint(string(digits), 10, 31) // digits alone, as base 10 takes no sign
	switch {
	case err != nil:
		h.bad = true
	case h.lengths == 0:
		h.length = int(n)
	case h.length != int(n):
		h.bad = true
	}
	h.value = 0
	h.lengths++
}

// close is what the headers say, with the empty line that ends them read. Two equal lengths agree on where the message ends: that
// there must not be two is for sipwire to say.
func (h *head) close(end, limit int) sipwire.Fault {
	h.ended = true
	switch {
	case h.bad || h.lengths == 0: // RFC 3261 §20.14: over a stream it must be there
		return sipwire.BadLength
	case h.length > limit-end:
		return sipwire.TooLong
	}
	h.size = end + h.length
	return sipwire.None
}

// lengthValue is where in a header line the value of Content-Length begins, 0 in any other line: its name in any case, or the
// compact form, and blanks before the colon (RFC 3261 §7.3.1, §7.3.3).
func lengthValue(line []byte) int {
	n := len("content-length")
	switch {
	case line[0]|0x20 == 'l':
		n = 1
	case line[0]|0x20 != 'c' || len(line) <= n || !sipwire.EqualFold(line[:n], "content-length"):
		return 0
	}
	for line[n] == ' ' || line[n] == '\t' { // a line ends with LF
		n++
	}
	if line[n] != ':' {
		return 0
	}
	return n + 1
}

// isStartLine tells whether the line names SIP where a start line does: in front, or as the last word (RFC 3261 §7.1, §7.2). It
// accepts more than sipwire, which has the last word on what is handed over, and refuses HTTP.
func isStartLine(line []byte) bool {
	line = bytes.TrimRight(line, " \t\r\n")
	return namesSIP(line) || namesSIP(line[bytes.LastIndexByte(line, ' ')+1:])
}

func namesSIP(b []byte) bool { return len(b) >= 4 && sipwire.EqualFold(b[:4], "SIP/") }
