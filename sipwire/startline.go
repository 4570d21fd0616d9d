package sipwire

import "bytes"

// startLine reads the request line or status line (RFC 3261 §7.1, §7.2), which begins at m.start. A line that only looks
// like a request line is a fault that can be answered; a line that does not even look like one is not SIP.
func (m *Message) startLine(line []byte) {
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) >= 4 && EqualFold(line[:4], "SIP/") {
		m.statusLine(line)
		return
	}
	words := bytes.TrimRight(line, " \t")
	first, last := bytes.IndexByte(words, ' '), bytes.LastIndexByte(words, ' ')
	if first < 0 || !allOf(words[:first], classToken) {
		m.fail(NotSIP)
		return
	}
	version := words[last+1:]
	if !EqualFold(version, "SIP/2.0") {
		if !looksLikeVersion(version) {
			m.fail(NotSIP)
			return
		}
		m.fail(BadVersion)
	}
	m.request = true
	m.method = Span{m.start, m.start + int32(first)}
	if first == last || len(words) < len(line) {
		m.fail(BadRequestLine)
		return
	}
	m.uri = Span{m.method.End + 1, m.start + int32(last)}
}

func (m *Message) statusLine(line []byte) {
	if len(line) < 11 || !EqualFold(line[:8], "SIP/2.0 ") || len(line) > 11 && line[11] != ' ' {
		m.fail(BadStatusLine)
		return
	}
	n, ok := number(line[8:11])
	if !ok || n < 100 || n > 699 {
		m.fail(BadStatusLine)
		return
	}
	m.status = n
}

// looksLikeVersion knows SIP/1*DIGIT.1*DIGIT.
func looksLikeVersion(b []byte) bool {
	if len(b) < 5 || !EqualFold(b[:4], "SIP/") {
		return false
	}
	major, minor, ok := bytes.Cut(b[4:], []byte("."))
	return ok && allOf(major, classDigit) && allOf(minor, classDigit)
}

// Method is the method of a request as written; method names are case-sensitive (RFC 3261 §7.1).
func (m *Message) Method() []byte { return m.Bytes(m.method) }

// Is tells whether the request has that method.
func (m *Message) Is(method string) bool { return string(m.Method()) == method }

// Status is the status code of a response, 0 for a request.
func (m *Message) Status() int { return m.status }
