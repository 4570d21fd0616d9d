package location

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Binding is one contact of an address of record. Times are kept in whole milliseconds.
type Binding struct {
	Contact   string         // the URI as it was registered
	CallID    string         // of the REGISTER that wrote it last (RFC 3261 §10.3 step 7)
	CSeq      uint32         // of the same
	RegID     uint32         // reg-id, 0 without (RFC 5626 §4.2)
	Instance  string         // +sip.instance, empty without (RFC 5626 §4.1)
	Q         uint16         // preference in thousandths, 0 to 1000 (RFC 3261 §10.2.1.2)
	Expires   time.Time      // when it lapses
	Updated   time.Time      // when it was written last
	Path      []string       // the Path values, topmost first (RFC 3327 §5)
	Received  netip.AddrPort // where the REGISTER came from
	Leg       string         // name of the leg by which it came
	Node      string         // name of the node that it came to, whose Flow is; empty: there is but one
	Flow      uint64         // the stream connection by which it came, 0 for none
	UserAgent string
}

// Registration is an address of record with its bindings.
type Registration struct {
	AOR      string
	Bindings []Binding
}

// maxBinding bounds what the texts of a binding cost, in bytes.
const maxBinding = 4096

// texts calls each with every text of b that there can be, Path's values last.
func (b *Binding) texts(each func(*string)) {
	for _, s := range [...]*string{&b.Contact, &b.CallID, &b.Instance, &b.Leg, &b.Node, &b.UserAgent} {
		each(s)
	}
	for i := range b.Path {
		each(&b.Path[i])
	}
}

// size is what the texts of b cost.
func (b *Binding) size() (n int) {
	b.texts(func(s *string) { n += len(*s) })
	return n + len(b.Path)*16
}

// isLapsed tells whether b has lapsed at now.
func (b *Binding) isLapsed(now time.Time) bool { return !now.Before(b.Expires) }

// live is what of bindings has not lapsed: themselves when it is all of them.
func live(bindings []Binding, now time.Time) []Binding {
	for i := range bindings {
		if bindings[i].isLapsed(now) {
			return slices.DeleteFunc(slices.Clone(bindings), func(b Binding) bool { return b.isLapsed(now) })
		}
	}
	return bindings
}

// lapsed is the rest.
func lapsed(bindings []Binding, now time.Time) (rest []Binding) {
	for i := range bindings {
		if bindings[i].isLapsed(now) {
			rest = append(rest, bindings[i])
		}
	}
	return rest
}

// earliest is when the first of bindings lapses, in milliseconds.
func earliest(bindings []Binding) int64 {
	first := bindings[0].Expires
	for _, b := range bindings[1:] {
		if b.Expires.Before(first) {
			first = b.Expires
		}
	}
	return first.UnixMilli()
}

// pack makes of bindings what is kept of them: in the order in which a request tries them, the highest q in front, those with
// the same q as they are, so that a refresh moves nothing; times in whole milliseconds; all texts, with the address of record, pieces of one.
func pack(aor string, bindings []Binding) (name string, packed []Binding, err error) {
	room := len(aor)
	packed = slices.Clone(bindings)
	for i := range packed {
		n := packed[i].size()
		if n > maxBinding {
			return "", nil, fmt.Errorf("%w: a binding of %d bytes", ErrTooLong, n)
		}
		room += n
	}
	slices.SortStableFunc(packed, func(a, b Binding) int {
		return cmp.Compare(b.Q, a.Q)
	})
	var one strings.Builder
	one.Grow(room)
	one.WriteString(aor)
	for i := range packed {
		b := &packed[i]
		b.Expires, b.Updated = time.UnixMilli(b.Expires.UnixMilli()), time.UnixMilli(b.Updated.UnixMilli())
		b.Path = slices.Clone(b.Path)
		b.texts(func(s *string) { one.WriteString(*s) })
	}
	rest := one.String()
	name, rest = rest[:len(aor)], rest[len(aor):]
	for i := range packed {
		packed[i].texts(func(s *string) { *s, rest = rest[:len(*s)], rest[len(*s):] })
	}
	return name, packed, nil
}
