package contact

import (
	"github.com/actorsip/actorsip/message"
)

// open puts back what a token in the request-URI stands for, and with it the leg by which the request leaves. A token that
// does not verify is treated like the user name that it then is, so nobody learns which of the two it was.
func (c *contact) open(p *message.Packet) message.Outcome {
	u, ok := p.CurrentTarget()
	if ok && u.User != nil {
		if home, plain, ok := c.tokens.open(c.Legs, p.Ingress, u.User); ok {
			var room [256]byte
			outside := u.AppendParamsWithout(room[:0], routing...)
			if uri, ok := unpack(p.Text(), plain, outside); ok {
				p.SetRequestURI(uri)
				if home != p.Egress { // a Route has named a pinhole of another leg
					p.Pinhole = message.Pinhole{}
				}
				p.Egress, p.Opened = home, true
				p.EgressFlow = unpackFlow(plain)
			}
		}
	}
	return p.Onward(c.next.Route)
}
