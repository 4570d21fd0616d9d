package sipwire

import "bytes"

// address finds the URI of a name-addr or addr-spec in raw[it], as From, To, Contact and Route carry it, and where its
// header parameters begin (RFC 3261 §20.10). bare tells an addr-spec, which stands without angle brackets: every
// parameter belongs to the header then. ok is false when quotes or brackets do not pair, when a comma stands where it
// would part two values, and when there is no URI.
func address(raw []byte, it Span) (uri Span, params int32, bare, ok bool) {
	for i := it.Off; i < it.End; i++ {
		if classes[raw[i]]&classMark == 0 {
			continue
		}
		switch raw[i] {
		case '"':
			if i = quoteEnd(raw, i, it.End) - 1; i < 0 {
				return uri, it.End, false, false
			}
		case '<':
			n := bytes.IndexByte(raw[i:it.End], '>')
			if n < 0 {
				return uri, it.End, false, false
			}
			uri = trim(raw, i+1, i+int32(n))
			params = skipBlanks(raw, i+int32(n)+1, it.End)
			return uri, params, false, !uri.Empty() && (params == it.End || raw[params] == ';')
		case ';':
			uri = trim(raw, it.Off, i)
			return uri, i, true, isBare(raw[uri.Off:uri.End])
		default: // > or a comma
			return uri, it.End, false, false
		}
	}
	return it, it.End, true, isBare(raw[it.Off:it.End])
}

// isBare tells whether b can be a URI without brackets: a display name, of which it would be a part, has a blank.
func isBare(b []byte) bool { return allOf(b, classURI) }
