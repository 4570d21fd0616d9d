package contact

import (
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

// Opened is what Open would make of a request-URI that arrives on away: the contact in its token and the leg behind
// which that lives. ok is false when it is no token of ours.
func (c Config) Opened(uri []byte, away *message.Leg) (contact []byte, home *message.Leg, ok bool) {
	u, ok := sipwire.ParseURI(uri)
	if !ok {
		return nil, nil, false
	}
	home, plain, ok := newTokens(c.Keys).open(c.Legs, away, u.User)
	if !ok {
		return nil, nil, false
	}
	contact, ok = unpack(nil, plain, u.AppendParamsWithout(nil, routing...))
	return contact, home, ok
}
