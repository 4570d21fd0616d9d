package registrar

import (
	"errors"
	"strconv"
	"time"

	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

// Why a REGISTER changes nothing, beside the errors of location.
var (
	errOutOfOrder = errors.New("the REGISTER is older than one that was carried out")
	errTooBrief   = errors.New("the REGISTER asks for less than min_expires")
)

// register carries out a REGISTER (RFC 3261 §10.3). It is answered when the new bindings are durable.
func (r *registrar) register(p *message.Packet) message.Outcome {
	// step 2: Require
	if unknown := p.AppendUnknown(nil, "path", "outbound"); len(unknown) > 0 {
		p.SetExtra(append(append(append(p.Extra(), "Unsupported: "...), unknown...), "\r\n"...))
		return message.Answer(message.Unsupported)
	}
	// steps 3 and 4, authentication and authorization, were the authority's.
	// step 5: the address of record, in a domain of ours
	to, ok := sipwire.ParseURI(p.ToURI())
	rules := r.rules(p)
	switch {
	case !ok || to.Scheme == sipwire.OtherScheme || to.User == nil:
		return message.Answer(message.BadRegister)
	case !message.Covers(rules.Domains, to.Host):
		return message.Answer(message.UnknownUser)
	}
	aor := string(appendAOR(nil, to))
	now := r.now()
	w, reason := r.wanted(p, now)
	if reason == message.TooBrief {
		p.SetExtra(appendSeconds(append(p.Extra(), "Min-Expires: "...), rules.Min))
	}
	if reason != 0 {
		return message.Answer(reason)
	}
	if len(w.contacts) == 0 && !w.all { // a question: which bindings are there?
		r.bindings = r.Store.Lookup([]byte(aor), now, r.bindings[:0])
		r.answer(p, r.bindings, w, now)
		return message.Answer(message.Registered)
	}
	var after []location.Binding
	err := r.Store.Update(aor, now, func(present []location.Binding) (changed []location.Binding, err error) {
		after, err = w.change(present)
		return after, err
	}, func(err error) {
		if err == nil {
			r.answer(p, after, w, now)
			p.Return(message.AtLocate, message.Answer(message.Registered))
			return
		}
		p.Return(message.AtLocate, message.Answer(reasonOf(err)))
	})
	if err != nil {
		return message.Answer(reasonOf(err))
	}
	return message.Await()
}

// reasonOf is how a REGISTER is answered that was not carried out.
func reasonOf(err error) message.Reason {
	switch {
	case errors.Is(err, errOutOfOrder):
		return message.OutOfOrder
	case errors.Is(err, location.ErrTooMany):
		return message.TooManyBindings
	case errors.Is(err, location.ErrTooLong):
		return message.BadRegister
	}
	return message.StoreFailed
}

// wanted is what a REGISTER asks for.
type wanted struct {
	contacts []location.Binding // Expires not set: it is to be removed
	all      bool               // "*": all bindings are to be removed
	callID   string
	cseq     uint32
	outbound bool // the flow is used as RFC 5626 has it
	path     bool // Path is to be echoed
}

// wanted reads a REGISTER (RFC 3261 §10.3 steps 6 and 7). The reason is not 0 when it cannot be carried out.
func (r *registrar) wanted(p *message.Packet, now time.Time) (w wanted, reason message.Reason) {
	n, _ := p.CSeq()
	cseq, err := strconv.ParseUint(string(n), 10, 32)
	general, present, ok := p.Expires()
	if err != nil || !ok {
		return w, message.BadRegister
	}
	rules := r.rules(p)
	if !present {
		general = int(rules.Default / time.Second)
	}
	w.callID, w.cseq = string(p.CallID()), uint32(cseq)
	pathURIs, ok := p.PathValues(nil)
	if !ok {
		return w, message.BadRegister
	}
	if w.path = len(pathURIs) > 0; w.path && !p.Supports("path") && !p.Supports("outbound") {
		return w, message.BadRegister // RFC 3327 §5.3: whoever registers must know that there are proxies on the way
	}
	for c, ok := p.FirstContact(); ok; c, ok = p.NextContact(c) {
		if w.all || c.Star && len(w.contacts) > 0 {
			return w, message.BadRegister // "*" stands alone
		}
		if c.Star {
			if w.all = true; !present || general != 0 {
				return w, message.BadRegister
			}
			continue
		}
		b, reason := r.contact(p, c, general, now)
		if reason != 0 {
			return w, reason
		}
		b.CallID, b.CSeq = w.callID, w.cseq
		for _, uri := range pathURIs {
			b.Path = append(b.Path, string(uri))
		}
		w.outbound = w.outbound || b.RegID != 0
		w.contacts = append(w.contacts, b)
	}
	return w, 0
}

// contact is one Contact value as a binding.
func (r *registrar) contact(p *message.Packet, c sipwire.ContactValue, general int, now time.Time) (b location.Binding, reason message.Reason) {
	u, ok := sipwire.ParseURI(p.Bytes(c.URI))
	if !ok || u.Scheme == sipwire.OtherScheme || len(u.Headers) > 0 {
		return b, message.Reason(sipwire.BadContact)
	}
	b = location.Binding{Contact: string(p.Bytes(c.URI)), Q: 1000, Leg: p.Ingress.Name, Updated: now, UserAgent: r.agent(p)}
	if q, ok := p.ContactParam(c, "q"); ok {
		if b.Q, ok = parseQ(q); !ok {
			return b, message.Reason(sipwire.BadContact)
		}
	}
	seconds := general
	if v, ok := p.ContactParam(c, "expires"); ok {
		if n, err := strconv.ParseUint(string(v), 10, 31); err == nil { // what is no number counts as 3600 (RFC 3261 §20.10)
			seconds = int(n)
		} else {
			seconds = 3600
		}
	}
	lasts, rules := time.Duration(seconds)*time.Second, r.rules(p)
	if seconds > 0 {
		if lasts < rules.Min && lasts < time.Hour { // RFC 3261 §10.3 step 7: an hour is never too brief
			return b, message.TooBrief
		}
		b.Expires = now.Add(min(lasts, rules.Max))
	}
	if v, ok := p.ContactParam(c, "+sip.instance"); ok && p.Supports("outbound") {
		b.Instance = string(v)
		if id, ok := p.ContactParam(c, "reg-id"); ok {
			n, err := strconv.ParseUint(string(id), 10, 31)
			if err != nil || n == 0 {
				return b, message.Reason(sipwire.BadContact)
			}
			b.RegID = uint32(n)
		}
	}
	r.way(p, u, &b)
	return b, 0
}

// agent is what the phone calls itself, cut to what is worth keeping.
func (r *registrar) agent(p *message.Packet) string {
	const most = 64
	v, at := p.NextNamed(r.userAgent, 0)
	if at == 0 {
		return ""
	}
	b := p.Bytes(v)
	return string(b[:min(len(b), most)])
}

// way notes how the contact is reached: by its connection, when it opened one; where its REGISTER came from, when its Contact
// says another address than it has (a phone behind NAT).
func (r *registrar) way(p *message.Packet, u sipwire.URI, b *location.Binding) {
	if _, further := p.ViaBelow(p.Via); further {
		return // it came by a proxy, which says by Path how to get back, or need not
	}
	if p.Accepted {
		b.Flow = uint64(p.IngressFlow)
		return
	}
	addr, literal := sipwire.ParseAddr(u.Host)
	if p.IngressFlow == 0 && (!literal || addr != p.Source.Addr() || u.Port != p.Source.Port()) && p.Via.HasRPort {
		b.Received = p.Source
	}
}

// parseQ reads 0, 1 or 0.nnn (RFC 3261 §25.1: qvalue) as thousandths.
func parseQ(v []byte) (q uint16, ok bool) {
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return 0, false
	}
	return uint16(f*1000 + 0.5), true
}
