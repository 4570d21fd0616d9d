package router

import (
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/target"
)

// response sends a response back the way its request came: by the leg and the connection that our branch has named, or to the
// place that the Via below says (RFC 3261 §16.7 step 3, §18.2.2).
func (r *router) response(p *message.Packet) message.Outcome {
	if o, ok := r.byFlow(p); ok {
		return o
	}
	if !p.Reply.Addr.IsValid() {
		if len(p.Reply.Host) == 0 {
			return message.Drop(message.NoWayBack)
		}
		// A name is asked for its address only: the port is known (RFC 3263 §5).
		return r.resolve(p, target.Query{
			Host: string(p.Reply.Host), Port: p.Reply.Port, Transport: p.Egress.Transport,
		})
	}
	if !message.Deliverable(p.Reply.Addr) || p.Egress.Addr.Addr().Is4() != p.Reply.Addr.Addr().Is4() {
		return message.Drop(message.NoWayBack)
	}
	p.To = p.Reply.Addr
	return r.connect(p)
}
