package stream

// record follows TLS records (RFC 8446 §5.1) as they pass, by the length that is in bytes 3 and 4 of their header. A peer that sends
// one a byte a minute has a message begun, though nothing of it can be read yet.
type record struct {
	head int // bytes of the header that have come
	left int // bytes behind the header that have not; in the header: the length, as far as it has come
}

const recordHeader = 5

func (r *record) follow(b []byte) {
	for len(b) > 0 {
		if r.head == 0 && r.left > 0 {
			n := min(r.left, len(b))
			r.left -= n
			b = b[n:]
			continue
		}
		if r.head >= recordHeader-2 {
			r.left = r.left<<8 | int(b[0])
		}
		r.head = (r.head + 1) % recordHeader
		b = b[1:]
	}
}

func (r *record) begun() bool { return r.head > 0 || r.left > 0 }
