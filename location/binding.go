package location

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Binding is one contact of an address of record. Times are kept in whole milliseconds.
type Binding struct {
	Contact   string         // the URI as it was registered
	Q         uint16         // preference in thousandths, 0 to 1000 (RFC 3261 §10.2.1.2)
	Expires   time.Time      // when it lapses
	CallID    string         // of the REGISTER that wrote it last (RFC 3261 §10.3 step 7)
	CSeq      uint32         // of the same
	Path      []string       // the Path values, topmost first (RFC 3327 §5)
	Instance  string         // +sip.instance, empty without (RFC 5626 §4.1)
	RegID     uint32         // reg-id, 0 without
	Received  netip.AddrPort // where the REGISTER came from
	Leg       string         // name of the leg by which it came
	Flow      uint64         // the stream connection by which it came, 0 for none
	UserAgent string
	Updated   time.Time // when it was written last
}

// Registration is an address of record with its bindings.
type Registration struct {
	AOR      string
	Bindings []Binding
}

// sorted puts what a request tries first in front: the highest q, then what was written last.
func sorted(bindings []Binding) []Binding {
	slices.SortStableFunc(bindings, func(a, b Binding) int {
		return cmp.Or(cmp.Compare(b.Q, a.Q), b.Updated.Compare(a.Updated))
	})
	return bindings
}
