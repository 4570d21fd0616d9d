package sipwire

// param is one ;name=value. whole runs from the semicolon to the value's end, or to the name's when it has no value. The
// name is empty for a parameter that is none: two semicolons, a quoted value that does not end, a quote or an angle bracket
// where none may stand (a list would be cut elsewhere than its parameters).
type param struct{ name, value, whole Span }

// nextParam reads the parameter whose semicolon is the first one in b[off:end]; blanks around ";" and "=" are allowed
// (RFC 3261 §25.1, SEMI and EQUAL). next is where to go on, -1 when there was none left.
func nextParam(b []byte, off, end int32) (p param, next int32) {
	for off < end && b[off] != ';' {
		off++
	}
	if off >= end {
		return param{}, -1
	}
	i, stray := off+1, false
	for i < end && b[i] != ';' && b[i] != '=' {
		stray = stray || delimits(b[i])
		i++
	}
	p.name = trim(b, off+1, i)
	p.whole = Span{off, p.name.End}
	if i == end || b[i] == ';' {
		if stray {
			p.name.Off = p.name.End
		}
		return p, i
	}
	start := skipBlanks(b, i+1, end)
	i = start
	if i < end && b[i] == '"' {
		if i = quoteEnd(b, i, end); i < 0 {
			i, stray = end, true
		}
	}
	for i < end && b[i] != ';' {
		stray = stray || delimits(b[i])
		i++
	}
	if stray {
		p.name.Off = p.name.End
	}
	p.value = trim(b, start, i)
	p.whole.End = p.value.End
	return p, i
}

func delimits(c byte) bool { return c == '"' || c == '<' || c == '>' }

// findParam finds a parameter by its name in any case; of several the first one counts.
func findParam(b []byte, off, end int32, name string) (p param, ok bool) {
	for off >= 0 && off < end {
		if p, off = nextParam(b, off, end); off >= 0 && EqualFold(b[p.name.Off:p.name.End], name) {
			return p, true
		}
	}
	return param{}, false
}
