package sipwire

// address finds the URI of a name-addr or addr-spec in raw[it], as From, To, Contact, Route and Record-Route carry it,
// and where its header parameters begin (RFC 3261 §20.10). In an addr-spec without brackets every parameter belongs
// to the header.
func address(raw []byte, it Span) (uri Span, params int32, ok bool) {
	for i := it.Off; i < it.End; i++ {
		switch raw[i] {
		case '"':
			q := quoteEnd(raw, i, it.End)
			if q < 0 {
				return uri, it.End, false
			}
			i = q - 1
		case '<':
			uri.Off = i + 1
			for i < it.End && raw[i] != '>' {
				i++
			}
			uri.End = i
			after := skipBlanks(raw, i+1, it.End)
			ok = i < it.End && !uri.Empty() && (after >= it.End || raw[after] == ';')
			return trim(raw, uri.Off, uri.End), after, ok
		case '>':
			return uri, it.End, false
		case ';':
			uri = trim(raw, it.Off, i)
			return uri, i, !uri.Empty() && !blankInside(raw, uri)
		}
	}
	uri = trim(raw, it.Off, it.End)
	return uri, it.End, !uri.Empty() && !blankInside(raw, uri)
}

func blankInside(raw []byte, s Span) bool {
	for i := s.Off; i < s.End; i++ {
		if isBlank(raw[i]) || raw[i] == '"' {
			return true
		}
	}
	return false
}

// AddressURI is the URI of a name-addr or addr-spec.
func AddressURI(b []byte) (uri []byte, ok bool) {
	s, _, ok := address(b, trim(b, 0, int32(len(b))))
	return b[s.Off:s.End], ok
}
