package registrar

import (
	"cmp"
	"errors"
	"slices"

	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/sipwire"
)

// errOutOfOrder is why a REGISTER changes nothing.
var errOutOfOrder = errors.New("the REGISTER is older than one that was carried out")

// change is RFC 3261 §10.3 steps 6 and 7: all of it, or nothing. A REGISTER that comes twice changes nothing the second time.
//
// The bindings are in the order in which requests try them: the highest q in front. Of those with the same q new ones stand in
// front, and those that are refreshed stay where they were; see locate.
func (w *wanted) change(present []location.Binding) ([]location.Binding, error) {
	if w.all {
		if slices.ContainsFunc(present, func(b location.Binding) bool { return b.CallID == w.callID && b.CSeq >= w.cseq }) {
			return nil, errOutOfOrder
		}
		return nil, nil
	}
	for i := range w.contacts {
		if k := find(present, &w.contacts[i]); k >= 0 && w.isBehind(&present[k], &w.contacts[i]) {
			return nil, errOutOfOrder
		}
	}
	after, added := slices.Clone(present), 0
	for i := range w.contacts {
		b := &w.contacts[i]
		switch k := find(after, b); {
		case k >= 0 && b.Expires.IsZero():
			after = slices.Delete(after, k, k+1)
			if k < added {
				added--
			}
		case k >= 0 && !w.wrote(&after[k]):
			after[k] = *b
		case k < 0 && !b.Expires.IsZero():
			after = slices.Insert(after, added, *b)
			added++
		}
	}
	slices.SortStableFunc(after, func(a, b location.Binding) int { return cmp.Compare(b.Q, a.Q) })
	return after, nil
}

// isBehind tells whether a binding was written by a later REGISTER of the same phone than the one that wants b; or by one with the
// same CSeq that cannot have been the same, as b is to be removed.
func (w *wanted) isBehind(present, b *location.Binding) bool {
	return present.CallID == w.callID && (present.CSeq > w.cseq || present.CSeq == w.cseq && b.Expires.IsZero())
}

// wrote tells whether it was this REGISTER that wrote a binding: it has come again.
func (w *wanted) wrote(b *location.Binding) bool { return b.CallID == w.callID && b.CSeq == w.cseq }

// find is the place of the binding that b takes: that of the same flow of the same phone (RFC 5626 §6), or of the same URI (RFC 3261
// §10.3 step 7); -1 when there is none.
func find(bindings []location.Binding, b *location.Binding) int {
	return slices.IndexFunc(bindings, func(x location.Binding) bool {
		if b.RegID != 0 || x.RegID != 0 {
			return b.RegID == x.RegID && b.Instance == x.Instance
		}
		return sipwire.SameURI([]byte(b.Contact), []byte(x.Contact))
	})
}
