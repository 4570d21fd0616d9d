package sipwire

import "bytes"

// item is the first value of a comma-separated list in b[off:end]: commas inside quotes and angle brackets do not count
// (RFC 3261 §7.3.1). next is the offset behind its comma, -1 when it was the last. A quote or bracket that does not end
// takes all that is left; whoever reads the value meets that fault.
func item(b []byte, off, end int32) (it Span, next int32) {
	if bytes.IndexByte(b[off:end], ',') < 0 {
		return trim(b, off, end), -1
	}
	bracket := false
	for i := off; i < end; i++ {
		switch b[i] {
		case '"':
			if bracket {
				continue
			}
			if i = quoteEnd(b, i, end) - 1; i < 0 {
				return trim(b, off, end), -1
			}
		case '<':
			bracket = true
		case '>':
			bracket = false
		case ',':
			if !bracket {
				return trim(b, off, i), i + 1
			}
		}
	}
	return trim(b, off, end), -1
}

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

// values walks the values of all header fields of one kind, in order. Empty list elements are none.
type values struct {
	field int   // index of the header field that off is in
	off   int32 // where the next value is looked for, -1 when the field is used up
}

func (m *Message) values(id HeaderID) values {
	if k := m.first[id]; k != 0 {
		return values{int(k) - 1, m.fields[k-1].value.Off}
	}
	return values{len(m.fields), -1}
}

// next is the next value of that kind and the field it is in.
func (w *values) next(m *Message, id HeaderID) (it Span, field int, ok bool) {
	for {
		for w.off < 0 {
			if w.field++; w.field >= len(m.fields) {
				return Span{}, 0, false
			}
			if f := &m.fields[w.field]; f.id == id {
				w.off = f.value.Off
			}
		}
		it, w.off = item(m.raw, w.off, m.fields[w.field].value.End)
		if !it.Empty() {
			return it, w.field, true
		}
	}
}
