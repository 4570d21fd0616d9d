package sdpwire

// readOrigin finds the address at the end of "username sess-id sess-version nettype addrtype address" (RFC 8866 §5.2).
// What stands before is not looked at: user names have blanks, session ids are no numbers.
func (d *Description) readOrigin(value span) {
	var w [3]span // the last words
	n := 0
	for p := word(d.body, value); p.off < p.end; p = word(d.body, span{p.end, value.end}) {
		w[0], w[1], w[2] = w[1], w[2], p
		n++
	}
	if n >= 3 && isInternet(d.body, w[0], w[1]) {
		d.add(place{what: originPlace, at: span{w[1].off, w[2].end}})
	}
}
