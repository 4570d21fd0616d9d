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
	classHex
	classURI  // what may stand in a URI: no blank, no control character, no quote, no angle bracket
	classMark // what structures an address: " < > ; ,
	classText // anything but blanks
)

var classes = func() (t [256]uint8) {
	for c := range 256 {
		digit := c >= '0' && c <= '9'
		if digit || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			t[c] |= classToken | classHost
		}
		if digit {
			t[c] |= classDigit
		}
		if digit || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f' {
			t[c] |= classHex
		}
		t[c] |= classText
		if c > ' ' && c != 0x7f && c != '"' && c != '<' && c != '>' {
			t[c] |= classURI
		}
	}
	for _, c := range "-.!%*_+`'~" {
		t[c] |= classToken
	}
	for _, c := range "-._" {
		t[c] |= classHost
	}
	for _, c := range " \t\r\n" {
		t[c] = t[c]&^classText | classBlank
	}
	for _, c := range `"<>;,` {
		t[c] |= classMark
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

func skipBlanks(b []byte, p, end int32) int32 {
	for p < end && isBlank(b[p]) {
		p++
	}
	return p
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
	for _, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		if n = n*10 + int(c-'0'); n > 1<<31-1 {
			return 0, false
		}
	}
	return n, len(b) > 0
}

// EqualFold compares two texts, ASCII letter case apart.
func EqualFold(b []byte, s string) bool {
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
