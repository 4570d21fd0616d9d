package registrar

import (
	"strconv"
	"time"

	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

// wanted is what a REGISTER asks for. It holds nothing of the packet.
type wanted struct {
	contacts []location.Binding // Expires not set: it is to be removed
	all      bool               // "*": all bindings are to be removed
	callID   string
	cseq     uint32
	path     []string // topmost first (RFC 3327 §4)
	echo     bool     // the phone wants to see it
	outbound bool     // the flow is kept alive, and used as RFC 5626 has it
}

// malformed is how long a binding lasts whose expires is no number of seconds (RFC 3261 §20.10), in seconds.
const malformed = 3600

// read reads a REGISTER, for RFC 3261 §10.3 steps 6 and 7. ok is false for one that cannot be carried out.
func (r *registrar) read(p *message.Packet, now time.Time) (w wanted, refusal message.Outcome, ok bool) {
	n, _ := p.CSeq()
	cseq, err := strconv.ParseUint(string(n), 10, 32)
	if err != nil || !w.readPath(p) {
		return w, message.Answer(message.BadRegister), false
	}
	w.callID, w.cseq = string(p.CallID()), uint32(cseq)
	expires, said := r.expires(p)
	for c, more := p.FirstContact(); more; c, more = p.NextContact(c) {
		if c.Star {
			if w.all || !said || expires != 0 {
				return w, message.Answer(message.BadRegister), false
			}
			w.all = true
			continue
		}
		b, reason := r.contact(p, c, expires, now)
		switch reason {
		case 0:
		case message.TooBrief:
			p.SetExtra(appendSeconds(append(p.Extra(), "Min-Expires: "...), r.rules(p).Min))
			fallthrough
		default:
			return w, message.Answer(reason), false
		}
		b.CallID, b.CSeq, b.Path = w.callID, w.cseq, w.path
		w.contacts = append(w.contacts, b)
	}
	if w.all && len(w.contacts) > 0 { // "*" stands alone
		return w, message.Answer(message.BadRegister), false
	}
	if refusal, refused := w.checkFlows(p); refused {
		return w, refusal, false
	}
	return w, message.Outcome{}, true
}

// readPath reads the proxies that the REGISTER has come by. A phone that does not know of Path has them used, and is not told
// (RFC 3327 §5.3).
func (w *wanted) readPath(p *message.Packet) bool {
	uris, ok := p.PathValues(nil)
	for _, uri := range uris {
		if u, readable := sipwire.ParseURI(uri); !readable || u.Scheme == sipwire.OtherScheme || len(u.Headers) > 0 {
			return false
		}
		w.path = append(w.path, string(uri))
	}
	w.echo = p.Supports("path") || p.Supports("outbound")
	return ok
}

// expires is what the REGISTER says for all its contacts, in seconds; said is false when it is the configuration that does.
func (r *registrar) expires(p *message.Packet) (seconds int, said bool) {
	switch seconds, said, ok := p.Expires(); {
	case !said:
		return int(r.rules(p).Default / time.Second), false
	case !ok:
		return malformed, true
	default:
		return seconds, true
	}
}

// contact is one Contact value as a binding.
func (r *registrar) contact(p *message.Packet, c sipwire.ContactValue, seconds int, now time.Time) (b location.Binding, reason message.Reason) {
	u, ok := sipwire.ParseURI(p.Bytes(c.URI))
	if !ok || u.Scheme == sipwire.OtherScheme || len(u.Headers) > 0 {
		return b, message.Reason(sipwire.BadContact)
	}
	b = location.Binding{Contact: string(p.Bytes(c.URI)), Q: most, Leg: p.Ingress.Name, Node: r.Node, Updated: now, UserAgent: r.agent(p)}
	if q, ok := p.ContactParam(c, "q"); ok {
		if b.Q, ok = parseQ(q); !ok {
			return b, message.Reason(sipwire.BadContact)
		}
	}
	if v, ok := p.ContactParam(c, "expires"); ok {
		n, err := strconv.ParseUint(string(v), 10, 31)
		if seconds = int(n); err != nil {
			seconds = malformed
		}
	}
	if lasts, rules := time.Duration(seconds)*time.Second, r.rules(p); seconds > 0 {
		if lasts < rules.Min && lasts < time.Hour { // RFC 3261 §10.3 step 7: an hour is never too brief
			return b, message.TooBrief
		}
		b.Expires = now.Add(min(lasts, rules.Max))
	}
	if !readInstance(p, c, &b) {
		return b, message.Reason(sipwire.BadContact)
	}
	notePlace(p, u, &b)
	return b, 0
}

// agent is what the phone calls itself, cut to what is worth keeping.
func (r *registrar) agent(p *message.Packet) string {
	const longest = 64
	v, at := p.NextNamed(r.userAgent, 0)
	if at == 0 {
		return ""
	}
	b := p.Bytes(v)
	b = b[:min(len(b), longest)]
	for i, c := range b {
		if c < ' ' || c >= 0x7f {
			return string(b[:i])
		}
	}
	return string(b)
}
