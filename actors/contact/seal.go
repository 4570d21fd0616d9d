package contact

import (
	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

// seal is asked for a packet that has Contacts. Those that point behind us become tokens for the leg by which the
// packet leaves; tokens of ours that come back to where their contact lives become that contact again.
func (c *contact) seal(p *message.Packet) message.Outcome {
	purpose := keyring.Dialog
	if _, method := p.CSeq(); string(method) == "REGISTER" { // of its responses too
		purpose = keyring.Register
	}
	for v, ok := p.FirstContact(); ok; v, ok = p.NextContact(v) {
		if v.Star {
			continue
		}
		u, ok := sipwire.ParseURI(p.Bytes(v.URI))
		if !ok {
			return message.Answer(message.Reason(sipwire.BadContact))
		}
		if u.Scheme == sipwire.OtherScheme {
			continue // tel: and the like hide nothing
		}
		if !c.sealOne(p, v, u, purpose) {
			return message.Answer(message.Reason(sipwire.BadContact))
		}
	}
	if p.HasMedia() {
		p.Then = c.next.Send[p.Egress.Index]
		return message.Hand(c.next.Anchor, message.Anchor{Packet: p})
	}
	return message.Pass(c.next.Send[p.Egress.Index], message.Send{Packet: p})
}

// sealOne is false for a contact that is too long to be sealed: it is refused rather than shown.
func (c *contact) sealOne(p *message.Packet, v sipwire.ContactValue, u sipwire.URI, purpose keyring.Purpose) bool {
	home, flow, t := p.Ingress, p.Kept(), p.Text()
	var room [256]byte
	if origin, plain, ok := c.tokens.open(c.Legs, p.Ingress, u.User); ok {
		uri, ok := unpack(t, plain, append(u.AppendParamsWithout(room[:0], routing...), u.Headers...))
		if !ok {
			return false
		}
		if origin == p.Egress { // it comes home
			p.SetContact(v, uri)
			return true
		}
		// It goes on to a third leg, where the token of this one is worth nothing.
		if u, ok = sipwire.ParseURI(uri[len(t):]); !ok {
			return false
		}
		home, flow = origin, unpackFlow(plain)
	}
	if home == p.Egress && !c.Always {
		return true
	}
	var space [maxPlain + 64]byte
	plain, outside, ok := pack(space[:0], room[:0], home, flow, u)
	if !ok {
		return false
	}
	if u.Scheme == sipwire.SIPS {
		t = append(t, "sips:"...)
	} else {
		t = append(t, "sip:"...)
	}
	t = c.tokens.seal(t, home, p.Egress, purpose, plain)
	t = append(append(t, '@'), p.Egress.HostPort...)
	if p.Egress.Transport != sipwire.UDP && !(u.Scheme == sipwire.SIPS && p.Egress.Transport == sipwire.TLS) {
		t = append(append(t, ";transport="...), p.Egress.Transport.URIParam()...)
	}
	p.SetContact(v, append(t, outside...))
	return true
}
