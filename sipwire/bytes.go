package sipwire

// Span is a half-open range of offsets into a message's bytes.
type Span struct{ Off, End int32 }

// Len is the number of bytes of the span.
func (s Span) Len() int { return int(s.End - s.Off) }

// Empty tells whether the span holds no byte.
func (s Span) Empty() bool { return s.End <= s.Off }

const (
	classToken = 1 << iota // RFC 3261 §25.1 token
	classHost              // hostname, with the underscore that real names carry
	classBlank             // SP HTAB CR LF: what linear white space is made of
	classDigit
)

var classes = func() (t [256]uint8) {
	for c := range 256 {
		alnum := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if alnum {
			t[c] |= classToken | classHost
		}
		if c >= '0' && c <= '9' {
			t[c] |= classDigit
		}
	}
	for _, c := range "-.!%*_+`'~" {
		t[c] |= classToken
	}
	for _, c := range "-._" {
		t[c] |= classHost
	}
	for _, c := range " \t\r\n" {
		t[c] |= classBlank
	}
	return t
}()

func isBlank(c byte) bool { return classes[c]&classBlank != 0 }
func isDigit(c byte) bool { return classes[c]&classDigit != 0 }

func allOf(b []byte, class uint8) bool {
	for _, c := range b {
		if classes[c]&class == 0 {
			return false
		}
	}
	return len(b) > 0
}

// trim takes linear white space off both ends of b[off:end].
func trim(b []byte, off, end int32) Span {
	for off < end && isBlank(b[off]) {
		off++
	}
	for end > off && isBlank(b[end-1]) {
		end--
	}
	return Span{off, end}
}

// number reads an unsigned decimal that fits 31 bits. Leading zeros are allowed.
func number(b []byte) (n int, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		if !isDigit(c) || n > (1<<31-1)/10 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, n <= 1<<31-1
}

// equalFold compares b with an ASCII text, letter case apart.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		c, d := b[i], s[i]
		if c == d {
			continue
		}
		if c |= 0x20; c != d|0x20 || c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// EqualFold compares two texts, ASCII letter case apart.
func EqualFold(b []byte, s string) bool { return equalFold(b, s) }

// quoteEnd is the offset behind the quoted string that begins at off, or -1 when it does not end before end.
func quoteEnd(b []byte, off, end int32) int32 {
	for i := off + 1; i < end; i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// item finds the first value of a comma-separated list in b[off:end]: commas inside quotes and angle brackets do not
// count (RFC 3261 §7.3.1). next is the offset behind its comma, or -1 when it was the last. ok is false for a quoted
// string or a bracket that does not end.
func item(b []byte, off, end int32) (it Span, next int32, ok bool) {
	bracket := false
	for i := off; i < end; i++ {
		switch b[i] {
		case '"':
			if bracket {
				continue
			}
			q := quoteEnd(b, i, end)
			if q < 0 {
				return trim(b, off, end), -1, false
			}
			i = q - 1
		case '<':
			bracket = true
		case '>':
			bracket = false
		case ',':
			if !bracket {
				return trim(b, off, i), i + 1, true
			}
		}
	}
	return trim(b, off, end), -1, !bracket
}

// param is one ;name=value. Value is empty for a name alone; whole runs from the semicolon to the value's end.
type param struct {
	name, value, whole Span
	hasValue           bool
}

// nextParam reads the parameter whose semicolon is the first one in b[off:end]; blanks around ";" and "=" are allowed
// (RFC 3261 §25.1, SEMI and EQUAL). next is where to go on, -1 when there is none left.
func nextParam(b []byte, off, end int32) (p param, next int32) {
	for off < end && b[off] != ';' {
		off++
	}
	if off >= end {
		return param{}, -1
	}
	p.whole.Off = off
	i := off + 1
	start := i
	for i < end && b[i] != ';' && b[i] != '=' {
		i++
	}
	p.name = trim(b, start, i)
	p.whole.End = p.name.End
	if i < end && b[i] == '=' {
		i++
		for i < end && isBlank(b[i]) {
			i++
		}
		start = i
		if i < end && b[i] == '"' {
			if q := quoteEnd(b, i, end); q >= 0 {
				i = q
			} else {
				i = end
			}
		}
		for i < end && b[i] != ';' {
			i++
		}
		p.value, p.hasValue = trim(b, start, i), true
		p.whole.End = p.value.End
	}
	return p, i
}

// findParam finds a parameter by its name in any case.
func findParam(b []byte, off, end int32, name string) (p param, ok bool) {
	for off >= 0 && off < end {
		if p, off = nextParam(b, off, end); off >= 0 && equalFold(b[p.name.Off:p.name.End], name) {
			return p, true
		}
	}
	return param{}, false
}
