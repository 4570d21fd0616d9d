package registrar

import (
	"errors"

	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
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
	switch {
	case !ok || to.Scheme == sipwire.OtherScheme:
		return message.Answer(message.BadRegister)
	case to.User == nil || !message.Covers(r.rules(p).Domains, to.Host):
		return message.Answer(message.UnknownUser)
	}
	r.aor = to.AppendAOR(r.aor[:0])
	now := r.now()
	w, refusal, ok := r.read(p, now)
	if !ok {
		return refusal
	}
	if len(w.contacts) == 0 && !w.all { // a question: which bindings are there?
		r.bindings = r.Store.Lookup(r.aor, now, r.bindings[:0])
		r.answer(p, r.bindings, w, now)
		return message.Answer(message.Registered)
	}
	if r.Waiting > 0 && p.Waiting(message.AtLocate) >= r.Waiting {
		return message.Answer(message.TooManyWaiting)
	}
	var after []location.Binding
	err := r.Store.Update(string(r.aor), now, func(present []location.Binding) (changed []location.Binding, err error) {
		after, err = w.change(present)
		return after, err
	}, func(err error) { // not on this goroutine: nobody else has the packet until it is returned
		if err != nil {
			p.Return(message.AtLocate, message.Answer(reasonOf(err)))
			return
		}
		r.answer(p, after, w, now)
		p.Return(message.AtLocate, message.Answer(message.Registered))
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
