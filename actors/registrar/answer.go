package registrar

import (
	"strconv"
	"time"

	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/message"
)

// answer is what the 200 says beside the usual: all bindings that are there now, with what is left of their time (RFC 3261 §10.3
// step 8). Any goroutine that has the packet may call it.
func (r *registrar) answer(p *message.Packet, bindings []location.Binding, w wanted, now time.Time) {
	extra := p.Extra()
	for i := range bindings {
		b := &bindings[i]
		extra = appendContact(extra, b)
		extra = appendExpires(append(extra, ";expires="...), b.Expires.Sub(now))
		if b.Instance != "" {
			extra = append(append(append(extra, `;+sip.instance="`...), b.Instance...), '"')
		}
		if b.RegID != 0 {
			extra = strconv.AppendUint(append(extra, ";reg-id="...), uint64(b.RegID), 10)
		}
		extra = append(extra, "\r\n"...)
	}
	if w.echo && len(w.contacts) > 0 { // RFC 3327 §5.3
		for _, uri := range w.path {
			extra = append(append(append(extra, "Path: <"...), uri...), ">\r\n"...)
		}
	}
	if w.outbound { // RFC 5626 §6
		extra = append(extra, "Require: outbound\r\n"...)
	}
	if s := r.rules(p).Service; s != "" {
		extra = append(append(append(extra, "Service-Route: <"...), s...), ">\r\n"...)
	}
	p.SetExtra(now.UTC().AppendFormat(extra, "Date: Mon, 02 Jan 2006 15:04:05 GMT\r\n"))
}

func appendContact(dst []byte, b *location.Binding) []byte {
	dst = append(append(append(dst, "Contact: <"...), b.Contact...), '>')
	return appendQ(dst, b.Q)
}

// appendExpires appends a time in seconds: a part of one is one, so what lives has never 0.
func appendExpires(dst []byte, d time.Duration) []byte {
	return strconv.AppendInt(dst, int64((d+time.Second-1)/time.Second), 10)
}

func appendSeconds(dst []byte, d time.Duration) []byte {
	return append(appendExpires(dst, d), "\r\n"...)
}
