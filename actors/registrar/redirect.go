package registrar

import (
	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/message"
)

// redirect is RFC 3261 §8.3: the caller is told of all contacts, the best one first. When the CANCEL comes, its INVITE has had its
// answer (§9.2).
func redirect(p *message.Packet, bindings []location.Binding) message.Outcome {
	if p.Is("CANCEL") {
		return message.Refuse(message.Redirected, 481, "Call/Transaction Does Not Exist")
	}
	extra := p.Extra()
	for i := range bindings {
		extra = append(appendContact(extra, &bindings[i]), "\r\n"...)
	}
	p.SetExtra(extra)
	return message.Answer(message.Redirected)
}
