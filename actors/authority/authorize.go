package authority

import (
	"time"

	"github.com/actorsip/actorsip/digest"
	"github.com/actorsip/actorsip/message"
)

// authorize lets a request on whose sender knows a password and may send it. What is looked at, in this order: the credentials, the
// bans of users, the filters. So nobody learns of a ban or a filter who does not know the password.
func (a *authority) authorize(p *message.Packet) message.Outcome {
	by := a.proxy
	if a.Answers(p) {
		by = a.server
	}
	now := a.now()
	by.checker.From(p.Source.Addr())
	r := by.checker.Verify(&p.Message, now)
	switch {
	case r.Verdict == digest.OK:
		if a.isBanned(p, r.User, by.verifier.Realm()) || !a.may(p, r.User, by.verifier.Realm()) {
			return message.Answer(message.Forbidden)
		}
		p.User = string(r.User)
		p.TakeCredentials(r.Field) // they were for us
		return p.Onward(a.next.Route)
	case r.Verdict.Challenges():
		if r.Verdict == digest.BadCredentials && a.Failed != nil {
			a.Failed.StrikeSource(time.Duration(p.Clock()), p.Source.Addr())
		}
		p.SetExtra(by.checker.AppendChallenge(p.Extra(), r.Verdict, now))
		return message.Answer(by.reason)
	case r.Verdict == digest.Waiting:
		return a.ask(p, by, r)
	case r.Verdict == digest.Unavailable:
		return message.Answer(message.UsersUnavailable)
	}
	return message.Answer(message.WrongCredentials)
}

// ask has the packet wait for somebody who knows the user, and be told here again.
func (a *authority) ask(p *message.Packet, by *role, r digest.Result) message.Outcome {
	if a.Waiting > 0 && p.Waiting(message.AtAuthorize) >= a.Waiting {
		return message.Answer(message.UsersUnavailable)
	}
	again := message.Pass(a.next.Self, message.Authorize{Packet: p})
	if err := by.verifier.Resolve(r, func() { p.Return(message.AtAuthorize, again) }); err != nil {
		return message.Answer(message.UsersUnavailable)
	}
	return message.Await()
}

// isBanned tells whether a user is, who is named there as "alice@example.com", after the realm.
//
// Nobody is banned by his name for a wrong password: others could then lock him out.
func (a *authority) isBanned(p *message.Packet, user []byte, realm string) bool {
	if a.Bans == nil {
		return false
	}
	a.name = append(append(append(a.name[:0], user...), '@'), realm...)
	return a.Bans.HasUser(time.Duration(p.Clock()), a.name)
}
