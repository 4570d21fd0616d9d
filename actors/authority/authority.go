package authority

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/digest"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

type authority struct {
	Config
	next   Next
	now    func() time.Time // set once
	server *asked
	proxy  *asked
}

// asked is one way to ask.
type asked struct {
	verifier *digest.Verifier
	checker  *digest.Checker
	reason   message.Reason // of a challenge
}

// New makes the actor.
func New(cfg Config, next Next) actor.Producer {
	return func() actor.Actor {
		return &authority{
			Config: cfg, next: next, now: time.Now,
			server: &asked{cfg.Server, cfg.Server.Checker(), message.Unauthorized},
			proxy:  &asked{cfg.Proxy, cfg.Proxy.Checker(), message.ProxyUnauthorized},
		}
	}
}

// Receive is the mailbox of an authority.
func (a *authority) Receive(ctx actor.Context) {
	if v, ok := ctx.Message().(message.Authorize); ok {
		v.Settle(ctx, message.AtAuthorize, a.authorize(v.Packet))
	}
}

// authorize lets a request on whose sender knows a password.
func (a *authority) authorize(p *message.Packet) message.Outcome {
	by := a.proxy
	if a.Answers(p) {
		by = a.server
	}
	now := a.now()
	r := by.checker.Verify(&p.Message, now)
	switch {
	case r.Verdict == digest.OK:
		if !a.may(p, r.User, by.verifier.Realm()) {
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
func (a *authority) ask(p *message.Packet, by *asked, r digest.Result) message.Outcome {
	again := message.Pass(a.next.Self, message.Authorize{Packet: p})
	if err := by.verifier.Resolve(r, func() { p.Return(message.AtAuthorize, again) }); err != nil {
		return message.Answer(message.UsersUnavailable)
	}
	return message.Await()
}

// may tells whether an authorized user may send this request.
func (a *authority) may(p *message.Packet, user []byte, realm string) bool {
	from, ok := sipwire.ParseURI(p.FromURI())
	for _, f := range a.Filters {
		switch f {
		case FromIsRealm:
			ok = ok && sipwire.EqualFold(from.Host, realm)
		case FromIsUser:
			ok = ok && string(from.User) == string(user)
		case ToIsFrom:
			to, readable := sipwire.ParseURI(p.ToURI())
			ok = ok && readable && string(to.User) == string(from.User) && sipwire.EqualFold(to.Host, string(from.Host))
		}
	}
	return ok || len(a.Filters) == 0
}
