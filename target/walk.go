package target

import (
	"errors"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/actorsip/actorsip/sipwire"
)

// errMissing says that a walk cannot go on before its missing questions are answered.
var errMissing = errors.New("records are not known yet")

// errNoSRV says that a domain has no SRV records for a service: the domain itself is the server then (RFC 3263 §4.2).
var errNoSRV = errors.New("no SRV records")

// maxTargets is how many servers of one SRV set are tried for an address.
const maxTargets = 8

// walk is one pass over RFC 3263 §4 on records that are at hand. It never waits: where a record set is missing it
// ends, and whoever needs the hop fetches the set and walks again. So the cache, the network and Explain share one
// procedure, and that is a function of query and records.
type walk struct {
	r       *Resolver
	q       Query
	now     time.Time
	heard   []*recordSet                      // answers to this walk's own questions; believed even when they have expired meanwhile
	seen    func(set *recordSet, cached bool) // hears of each set that the walk looks at; may be nil
	missing [2]question
	lacks   uint8 // how many of missing count
	passed  bool  // a hop was passed over; q.Attempt counts down how many are still to be
}

// carried is a set of transports.
type carried uint8

func (c carried) has(t sipwire.Transport) bool { return c&(1<<t) != 0 }

// preference is the order of the transports of a sip URI that names none, in a domain without NAPTR (RFC 3263 §4.1).
func preference() [3]sipwire.Transport {
	return [...]sipwire.Transport{sipwire.UDP, sipwire.TCP, sipwire.SCTP}
}

// usual is the transport where neither URI nor DNS says one; ok is false when we carry none that would do.
// Deviates: RFC 3263 §4.1 says UDP; legs that do not carry UDP can only try what they have, TLS last: it secures more than
// was asked for.
func (w *walk) usual() (t sipwire.Transport, ok bool) {
	if w.q.Secure {
		return sipwire.TLS, w.r.carries.has(sipwire.TLS)
	}
	for _, t := range preference() {
		if w.r.carries.has(t) {
			return t, true
		}
	}
	return sipwire.TLS, w.r.carries.has(sipwire.TLS)
}

// ipv4 and ipv6 say which addresses will do.
func (w *walk) ipv4() bool { return w.r.ipv4 && w.q.Family != OnlyIPv6 }
func (w *walk) ipv6() bool { return w.r.ipv6 && w.q.Family != OnlyIPv4 }

// hop is where the query leads, errMissing, or why it leads nowhere.
func (w *walk) hop() (Hop, error) {
	t, ok := w.q.fixed()
	if !ok || t != sipwire.NoTransport && !w.r.carries.has(t) {
		return Hop{}, ErrNoTransport
	}
	w.q.Transport = t
	if addr, is := literal(w.q.Host); is {
		return w.literal(addr)
	}
	w.q.Host = unrooted(w.q.Host)
	if !validName(w.q.Host) {
		return Hop{}, ErrBadName
	}
	w.now = w.r.now()
	switch {
	case w.q.Port != 0: // RFC 3263 §4.2: a port leaves only A and AAAA
		return w.itself()
	case t != sipwire.NoTransport:
		return w.byTransport(t)
	}
	return w.byNAPTR()
}

// place is the transport and port of a target that DNS says nothing about but its address.
func (w *walk) place() (t sipwire.Transport, port uint16, err error) {
	t, port = w.q.Transport, w.q.Port
	if t == sipwire.NoTransport {
		var ok bool
		if t, ok = w.usual(); !ok {
			return t, port, ErrNoTransport
		}
	}
	if port == 0 {
		port = t.DefaultPort()
	}
	return t, port, nil
}

func (w *walk) literal(addr netip.Addr) (Hop, error) {
	if !addr.IsValid() {
		return Hop{}, ErrBadName
	}
	if addr.Is4() && !w.ipv4() || addr.Is6() && !w.ipv6() {
		return Hop{}, ErrNoTransport
	}
	t, port, err := w.place()
	if err != nil {
		return Hop{}, err
	}
	if w.q.Attempt > 0 {
		return Hop{}, ErrNoMore
	}
	return Hop{t, netip.AddrPortFrom(addr, port)}, nil
}

// itself takes the domain for a host.
func (w *walk) itself() (Hop, error) {
	t, port, err := w.place()
	if err != nil {
		return Hop{}, err
	}
	return w.host(w.q.Host, t, port)
}

// byTransport serves a URI that names its transport and no port.
func (w *walk) byTransport(t sipwire.Transport) (Hop, error) {
	if s, ok := srvService(t); ok {
		hop, err := w.service(question{w.q.Host, s, dns.TypeSRV}, t)
		if err != errNoSRV {
			return hop, err
		}
	}
	w.q.Transport = t
	return w.itself()
}

// byNAPTR serves a URI that names neither. What the domain offers and we cannot carry is passed over; where all of it
// is, nothing is guessed behind the domain's back.
func (w *walk) byNAPTR() (Hop, error) {
	if w.q.Secure && !w.r.carries.has(sipwire.TLS) {
		return Hop{}, ErrNoTransport // whatever the domain offers
	}
	set := w.records(question{w.q.Host, bare, dns.TypeNAPTR})
	switch {
	case set == nil:
		return Hop{}, errMissing
	case set.absent:
		return w.bySRV()
	case set.err != nil:
		return Hop{}, set.err
	}
	first, unavailable := sipwire.NoTransport, false
	for _, n := range set.naptr {
		if !w.r.carries.has(n.transport) || w.q.Secure && n.transport != sipwire.TLS {
			continue
		}
		if first == sipwire.NoTransport {
			first = n.transport
		}
		hop, err := w.service(question{n.replacement, bare, dns.TypeSRV}, n.transport)
		if !w.goesOn(err) {
			return hop, err
		}
		unavailable = unavailable || err == ErrNoService
	}
	switch {
	case w.passed:
		return Hop{}, ErrNoMore
	case unavailable:
		return Hop{}, ErrNoService
	case first == sipwire.NoTransport:
		return Hop{}, ErrNoTransport
	}
	w.q.Transport = first
	return w.itself() // its SRV records are missing: RFC 3263 §4.2
}

// bySRV serves a domain without NAPTR: each transport's SRV in turn, then the domain as a host.
func (w *walk) bySRV() (Hop, error) {
	if t, ok := w.usual(); ok && t == sipwire.TLS {
		return w.byTransport(t)
	}
	unavailable := false
	for _, t := range preference() {
		if !w.r.carries.has(t) {
			continue
		}
		s, _ := srvService(t)
		hop, err := w.service(question{w.q.Host, s, dns.TypeSRV}, t)
		if !w.goesOn(err) {
			return hop, err
		}
		unavailable = unavailable || err == ErrNoService
	}
	switch {
	case w.passed:
		return Hop{}, ErrNoMore
	case unavailable:
		return Hop{}, ErrNoService
	}
	return w.itself()
}

// service is the first server of an SRV set, in the order of the key, that has an address which is not to be passed
// over. Nothing has been sent yet, so passing over the others is no failover that would need memory.
func (w *walk) service(q question, t sipwire.Transport) (Hop, error) {
	set := w.records(q)
	switch {
	case set == nil:
		return Hop{}, errMissing
	case set.absent:
		return Hop{}, errNoSRV
	case set.err != nil:
		return Hop{}, set.err
	case len(set.srv) == 0:
		return Hop{}, ErrNoService
	}
	var d draw
	d.start(w.q.Key, set.srv)
	var failed error
	for range maxTargets {
		server, ok := d.next()
		if !ok {
			break
		}
		hop, err := w.host(server.target, t, server.port)
		if err == nil || err == errMissing {
			return hop, err
		}
		failed = graver(failed, err)
	}
	if w.passed {
		failed = ErrNoMore // whatever the rest lacks
	}
	return Hop{}, failed
}

// host is one address of a name. An address of one family is good enough when the other family's answer fails: many
// name servers are deaf to AAAA (RFC 4074).
func (w *walk) host(name string, t sipwire.Transport, port uint16) (Hop, error) {
	var best netip.Addr
	var top uint64
	var v4, v6 []netip.Addr
	var failed error
	for _, kind := range [...]uint16{dns.TypeA, dns.TypeAAAA} {
		if kind == dns.TypeA && !w.ipv4() || kind == dns.TypeAAAA && !w.ipv6() {
			continue
		}
		set := w.records(question{name, bare, kind})
		if set == nil {
			continue
		}
		best, top = pickAddr(w.q.Key, best, top, set.addrs)
		failed = graver(failed, set.err)
		if kind == dns.TypeA {
			v4 = set.addrs
		} else {
			v6 = set.addrs
		}
	}
	switch {
	case w.lacks > 0:
		return Hop{}, errMissing
	case !best.IsValid() && failed == nil: // no family would do
		return Hop{}, ErrNoTransport
	case !best.IsValid():
		return Hop{}, failed
	case w.q.Attempt >= len(v4)+len(v6):
		w.q.Attempt -= len(v4) + len(v6)
		w.passed = true
		return Hop{}, ErrNoMore
	case w.q.Attempt > 0:
		best = nthAddr(w.q.Key, w.q.Attempt, best, v4, v6)
	}
	return Hop{t, netip.AddrPortFrom(best, port)}, nil
}

// graver is the error that says more: what does not exist is certain, what failed may exist.
func graver(a, b error) error {
	if a == nil || b != nil && errors.Is(a, ErrNotFound) {
		return b
	}
	return a
}

// records is what is known about q. When nothing is, q is missing.
func (w *walk) records(q question) *recordSet {
	set, cached := w.told(q), false
	if set == nil {
		set, cached = w.r.cache.get(q, w.now), true
	}
	if set == nil {
		w.missing[w.lacks] = q
		w.lacks++
		return nil
	}
	if w.seen != nil {
		w.seen(set, cached)
	}
	return set
}

func (w *walk) told(q question) *recordSet {
	for _, set := range w.heard {
		if set.question.matches(q) {
			return set
		}
	}
	return nil
}
