package sipwire

import "bytes"

// startLine reads the request line or status line in raw[p:end] (RFC 3261 §7.1, §7.2). A line that only looks like a
// request line is a fault that can be answered; a line that does not even look like one is not SIP.
func (m *Message) startLine(p, end int32) {
	raw := m.raw
	if end > p && raw[end-1] == '\r' {
		end--
	}
	line := raw[p:end]
	if len(line) >= 4 && equalFold(line[:4], "SIP/") {
		m.statusLine(line)
		return
	}
	sp := int32(bytes.IndexByte(line, ' '))
	if sp <= 0 || !allOf(line[:sp], classToken) {
		m.fail(NotSIP)
		return
	}
	trimmed := trim(raw, p, end)
	last := int32(bytes.LastIndexByte(line[:trimmed.End-p], ' '))
	if last < sp || !looksLikeVersion(line[last+1:trimmed.End-p]) {
		m.fail(NotSIP)
		return
	}
	m.request = true
	m.method = Span{p, p + sp}
	m.uri = Span{p + sp + 1, p + last}
	switch version := line[last+1 : trimmed.End-p]; {
	case trimmed.End != end:
		m.fail(BadRequestLine) // RFC 4475 §3.1.2.13: blanks behind the version
	case !equalFold(version, "SIP/2.0"):
		m.fail(BadVersion)
	case m.uri.Empty() || bytes.ContainsAny(m.Bytes(m.uri), " \t"):
		m.fail(BadRequestLine)
	}
}

func (m *Message) statusLine(line []byte) {
	if len(line) < 11 || !equalFold(line[:8], "SIP/2.0 ") || len(line) > 11 && line[11] != ' ' {
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
	if len(b) < 5 || !equalFold(b[:4], "SIP/") {
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
