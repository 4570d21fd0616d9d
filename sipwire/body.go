package sipwire

import (
	"bytes"
	"strconv"
)

// SDP is where the session description is in the message: its body (RFC 3261 §7.4.1), or the first part of that type of
// a multipart body (RFC 5621 §3), also of one inside it. A description that is encoded is none: it cannot be read.
func (m *Message) SDP() (Span, bool) {
	f := m.field(ContentType)
	if f == nil || m.body.Empty() || m.isEncoded() {
		return Span{}, false
	}
	return sdpIn(m.raw, f.value, m.body, 2)
}

// isEncoded tells a body that was compressed (RFC 3261 §20.12).
func (m *Message) isEncoded() bool {
	for i := range m.fields {
		f := &m.fields[i]
		if f.id != Other || m.raw[f.start]|0x20 != 'c' && m.raw[f.start]|0x20 != 'e' {
			continue
		}
		name := nameOf(m.raw, *f)
		if (EqualFold(name, "content-encoding") || EqualFold(name, "e")) && !identical(m.Bytes(f.value)) {
			return true
		}
	}
	return false
}

// nameOf is the name of a header field.
func nameOf(raw []byte, f field) []byte {
	p := f.start
	for p < f.end && classes[raw[p]]&classToken != 0 {
		p++
	}
	return raw[f.start:p]
}

// identical tells an encoding that leaves every byte as it is (RFC 2045 §6.2).
func identical(encoding []byte) bool {
	return len(encoding) == 0 || EqualFold(encoding, "identity") ||
		EqualFold(encoding, "7bit") || EqualFold(encoding, "8bit") || EqualFold(encoding, "binary")
}

// sdpIn finds the description in content of a type. depth is how many types deep it is looked for.
func sdpIn(raw []byte, kind, content Span, depth int) (Span, bool) {
	whole, rest := kind, raw[kind.Off:kind.End]
	if i := bytes.IndexByte(rest, ';'); i >= 0 {
		whole.End = kind.Off + int32(i)
	}
	slash := bytes.IndexByte(raw[whole.Off:whole.End], '/')
	if slash < 0 || content.Empty() {
		return Span{}, false
	}
	major := trim(raw, whole.Off, whole.Off+int32(slash))
	minor := trim(raw, whole.Off+int32(slash)+1, whole.End)
	switch {
	case EqualFold(raw[major.Off:major.End], "application"):
		return content, EqualFold(raw[minor.Off:minor.End], "sdp")
	case depth > 0 && EqualFold(raw[major.Off:major.End], "multipart"):
		if boundary := boundaryIn(raw, kind); len(boundary) > 0 {
			return sdpInParts(raw, boundary, content, depth-1)
		}
	}
	return Span{}, false
}

// boundaryIn is the boundary parameter, without its quotes (RFC 2046 §5.1.1).
func boundaryIn(raw []byte, kind Span) []byte {
	p, ok := findParam(raw, kind.Off, kind.End, "boundary")
	if !ok {
		return nil
	}
	b := raw[p.value.Off:p.value.End]
	if n := len(b); n >= 2 && b[0] == '"' && b[n-1] == '"' {
		b = b[1 : n-1]
	}
	if bytes.IndexByte(b, '\\') >= 0 { // none of the characters of a boundary has to be escaped
		return nil
	}
	return b
}

// sdpInParts looks through the parts between delimiter lines; what stands before the first and behind the last is none.
// A last part that no delimiter ends reaches to the end of the content.
func sdpInParts(raw, boundary []byte, content Span, depth int) (Span, bool) {
	part := int32(-1)
	for p := content.Off; p < content.End; {
		line := Span{p, content.End}
		if i := bytes.IndexByte(raw[p:content.End], '\n'); i >= 0 {
			line.End = p + int32(i) + 1
		}
		p = line.End
		delimits, last := delimiter(raw[line.Off:line.End], boundary)
		if !delimits {
			continue
		}
		if part >= 0 {
			if at, ok := sdpInPart(raw, Span{part, lineBreak(raw, part, line.Off)}, depth); ok {
				return at, true
			}
		}
		if part = p; last {
			return Span{}, false
		}
	}
	if part < 0 {
		return Span{}, false
	}
	return sdpInPart(raw, Span{part, content.End}, depth)
}

// delimiter reads a line "--boundary", or "--boundary--" behind the last part; blanks may follow.
func delimiter(line, boundary []byte) (delimits, last bool) {
	if len(line) < 2+len(boundary) || line[0] != '-' || line[1] != '-' || !bytes.HasPrefix(line[2:], boundary) {
		return false, false
	}
	rest := line[2+len(boundary):]
	if bytes.HasPrefix(rest, []byte("--")) {
		rest, last = rest[2:], true
	}
	for _, c := range rest {
		if !isBlank(c) {
			return false, false
		}
	}
	return true, last
}

// lineBreak is where the line break before off begins: it belongs to the delimiter line at off.
func lineBreak(raw []byte, from, off int32) int32 {
	if off > from && raw[off-1] == '\n' {
		off--
		if off > from && raw[off-1] == '\r' {
			off--
		}
	}
	return off
}

// sdpInPart reads the headers of a part. Without a Content-Type it is text (RFC 2046 §5.1).
func sdpInPart(raw []byte, part Span, depth int) (Span, bool) {
	kind, plain := Span{}, true
	for p := part.Off; p < part.End; {
		if raw[p] == '\n' || raw[p] == '\r' && p+1 < part.End && raw[p+1] == '\n' {
			if p++; raw[p-1] == '\r' {
				p++
			}
			if kind.Empty() || !plain {
				return Span{}, false
			}
			return sdpIn(raw, kind, Span{p, part.End}, depth)
		}
		f := partField(raw, p, part.End)
		p = f.end
		name := nameOf(raw, f)
		switch {
		case identify(name) == ContentType && kind.Empty():
			kind = f.value
		case EqualFold(name, "content-transfer-encoding") || EqualFold(name, "content-encoding"):
			plain = plain && identical(raw[f.value.Off:f.value.End])
		}
	}
	return Span{}, false
}

// partField reads the header field at p with its folded lines. A line that is no header field has no value.
func partField(raw []byte, p, end int32) field {
	f := field{start: p, end: p}
	for {
		i := bytes.IndexByte(raw[f.end:end], '\n')
		if i < 0 {
			f.end = end
			break
		}
		if f.end += int32(i) + 1; f.end == end || raw[f.end] != ' ' && raw[f.end] != '\t' {
			break
		}
	}
	if colon := bytes.IndexByte(raw[p:f.end], ':'); colon >= 0 {
		f.value = trim(raw, p+int32(colon)+1, f.end)
	}
	return f
}

// ReplaceBody puts with in the place of the received bytes at s, a part of the body that is not empty, and writes the new
// length into Content-Length. A message without that header gets none: its body reaches to the end of the datagram. A
// message takes this edit once. with is kept by reference: it stays its owner's, who must not write to it before the last
// AppendTo.
func (m *Message) ReplaceBody(s Span, with []byte) {
	m.addEdit(edit{cover: s, kept: with})
	if f := m.field(ContentLength); f != nil {
		m.Replace(f.value, strconv.AppendInt(m.text, int64(m.body.Len()-s.Len()+len(with)), 10))
	}
}
