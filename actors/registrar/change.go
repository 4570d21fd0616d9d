package registrar

import (
	"slices"
	"strconv"
	"time"

	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

// change is RFC 3261 §10.3 steps 6 and 7: all of it, or nothing. A REGISTER that comes twice changes nothing the second time,
// and is answered alike. New bindings stand in front, those that are refreshed stay where they were: see locate.
func (w *wanted) change(present []location.Binding) ([]location.Binding, error) {
	after := slices.Clone(present)
	if w.all {
		if slices.ContainsFunc(present, w.isBehind) {
			return nil, errOutOfOrder
		}
		return nil, nil
	}
	for _, b := range w.contacts {
		i := slices.IndexFunc(after, func(x location.Binding) bool { return isSame(b, x) })
		switch {
		case i >= 0 && w.isBehind(after[i]):
			return nil, errOutOfOrder
		case i >= 0 && b.Expires.IsZero():
			after = slices.Delete(after, i, i+1)
		case i >= 0:
			after[i] = b
		case !b.Expires.IsZero():
			after = slices.Insert(after, 0, b)
		}
	}
	return after, nil
}

// isBehind tells whether a binding was written by a later REGISTER of the same phone.
func (w *wanted) isBehind(b location.Binding) bool { return b.CallID == w.callID && b.CSeq > w.cseq }

// isSame tells whether a takes the place of b: the same flow of the same instance (RFC 5626 §6), or the same URI.
func isSame(a, b location.Binding) bool {
	if a.Instance != "" && a.RegID != 0 {
		return a.Instance == b.Instance && a.RegID == b.RegID
	}
	return b.RegID == 0 && sipwire.SameURI([]byte(a.Contact), []byte(b.Contact))
}

// answer is what the 200 says beside the usual: all bindings that are there now (RFC 3261 §10.3 step 8).
func (r *registrar) answer(p *message.Packet, bindings []location.Binding, w wanted, now time.Time) {
	extra := p.Extra()
	for i := range bindings {
		b := &bindings[i]
		extra = append(append(append(extra, "Contact: <"...), b.Contact...), '>')
		extra = appendQ(extra, b.Q)
		extra = append(extra, ";expires="...)
		extra = strconv.AppendInt(extra, int64((b.Expires.Sub(now)+time.Second-1)/time.Second), 10)
		if b.Instance != "" {
			extra = append(append(append(extra, `;+sip.instance="`...), b.Instance...), '"')
		}
		if b.RegID != 0 {
			extra = strconv.AppendUint(append(extra, ";reg-id="...), uint64(b.RegID), 10)
		}
		extra = append(extra, "\r\n"...)
	}
	if w.path && len(w.contacts) > 0 { // RFC 3327 §5.3
		for _, uri := range w.contacts[0].Path {
			extra = append(append(append(extra, "Path: <"...), uri...), ">\r\n"...)
		}
	}
	if w.outbound { // RFC 5626 §6
		extra = append(extra, "Require: outbound\r\nSupported: path, outbound\r\n"...)
	}
	if s := r.Rules[p.Ingress.Index].Service; s != "" {
		extra = append(append(append(extra, "Service-Route: <"...), s...), ">\r\n"...)
	}
	p.SetExtra(extra)
}

func appendSeconds(dst []byte, d time.Duration) []byte {
	return append(strconv.AppendInt(dst, int64((d+time.Second-1)/time.Second), 10), "\r\n"...)
}
