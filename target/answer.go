package target

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// How long answers are kept.
const (
	maxTTL       = time.Hour
	minTTL       = time.Second // TTL 0 serves the packets that waited for it and those right behind
	absentTTL    = 30 * time.Second
	maxAbsentTTL = 5 * time.Minute // RFC 2308 §5
	failedTTL    = 2 * time.Second
)

// maxChain is how many CNAME records are followed for one question.
const maxChain = 8

// answer is what one response says about name, or about the name that its CNAME records lead to.
type answer struct {
	name   string        // where the CNAME records end, canonical
	hops   int           // how many were followed
	ttl    time.Duration // the shortest of all that was used
	rrs    []dns.RR      // the records asked for, of that name
	absent bool          // there are none, certainly
}

// readAnswer follows the CNAME records inside a response, maxChain of them at most, and collects the records of that
// kind at their end. An answer that is neither full nor absent ends with a CNAME: its name is to be asked.
func readAnswer(m *dns.Msg, name string, kind uint16) answer {
	a := answer{name: name, ttl: maxTTL}
	for a.hops <= maxChain {
		var alias *dns.CNAME
		for _, rr := range m.Answer {
			h := rr.Header()
			if h.Class != dns.ClassINET || !strings.EqualFold(unrooted(h.Name), a.name) {
				continue
			}
			if c, ok := rr.(*dns.CNAME); ok {
				alias = c
			} else if h.Rrtype == kind {
				a.rrs = append(a.rrs, rr)
				a.ttl = min(a.ttl, lifetime(h.Ttl))
			}
		}
		if len(a.rrs) > 0 || alias == nil {
			break
		}
		a.name, a.ttl = canonical(alias.Target), min(a.ttl, lifetime(alias.Hdr.Ttl))
		a.hops++
	}
	if len(a.rrs) > 0 {
		a.ttl = max(a.ttl, minTTL)
		return a
	}
	ttl, sure := negative(m)
	if a.absent = m.Rcode == dns.RcodeNameError || a.hops == 0 || sure; a.absent {
		a.ttl = max(min(a.ttl, ttl), minTTL)
	}
	return a
}

// lifetime reads a TTL; one with the top bit set is zero (RFC 2181 §8).
func lifetime(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		return 0
	}
	return time.Duration(ttl) * time.Second
}

// negative is how long to believe that there is nothing (RFC 2308 §5). sure says that the response holds the SOA
// record of the zone that says so.
func negative(m *dns.Msg) (ttl time.Duration, sure bool) {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return min(lifetime(soa.Hdr.Ttl), lifetime(soa.Minttl), maxAbsentTTL), true
		}
	}
	return absentTTL, false
}

// records is the set that the answer makes, or nil when its name is to be asked first.
func (a answer) records(q question, rcode int) *recordSet {
	switch {
	case len(a.rrs) > 0:
		return found(q, a.rrs)
	case a.absent && rcode == dns.RcodeNameError:
		return absent(q, "the name does not exist")
	case a.absent:
		return absent(q, "the name has no such records")
	}
	return nil
}

// found is the set of the records that we can use; when that is none of them, it is as if there were none.
func found(q question, rrs []dns.RR) *recordSet {
	set, usable := &recordSet{question: q}, false
	switch q.kind {
	case dns.TypeSRV:
		set.srv, usable = srvRecords(rrs)
	case dns.TypeNAPTR:
		set.naptr = naptrRecords(rrs)
		usable = len(set.naptr) > 0
	default:
		set.addrs = addresses(rrs)
		usable = len(set.addrs) > 0
	}
	if !usable {
		return absent(q, "none of its records serves SIP")
	}
	return set
}

// addresses reads A and AAAA records. The unspecified address, with which filtering resolvers block a name, is none, and
// neither is an IPv4 address in an AAAA record: who reaches IPv4 has asked for A.
func addresses(rrs []dns.RR) []netip.Addr {
	var addrs []netip.Addr
	for _, rr := range rrs {
		var a netip.Addr
		switch r := rr.(type) {
		case *dns.A:
			a, _ = netip.AddrFromSlice(r.A)
			a = a.Unmap() // the library may keep four bytes in sixteen
		case *dns.AAAA:
			a, _ = netip.AddrFromSlice(r.AAAA)
		}
		if a.IsValid() && !a.IsUnspecified() && !a.Is4In6() {
			addrs = append(addrs, a)
		}
	}
	return canonicalAddrs(addrs)
}

// canonicalAddrs sorts, so that what is too much is the same on every node.
func canonicalAddrs(addrs []netip.Addr) []netip.Addr {
	slices.SortFunc(addrs, netip.Addr.Compare)
	addrs = slices.Compact(addrs)
	return slices.Clip(addrs[:min(len(addrs), maxRecords)])
}

func absent(q question, why string) *recordSet {
	err := fmt.Errorf("%w: %s: %s", ErrNotFound, q, why)
	return &recordSet{question: q, ttl: absentTTL, absent: true, err: err, why: why}
}

// failed is kept for a moment only, so that a sick zone is not asked for every packet, and not at all when it is
// ourselves who ended it.
func failed(q question, why error) *recordSet {
	if errors.Is(why, ErrClosed) {
		return &recordSet{question: q, err: ErrClosed, why: ErrClosed.Error()}
	}
	err := fmt.Errorf("%w: %s: %w", ErrUnavailable, q, why)
	return &recordSet{question: q, ttl: failedTTL, err: err, why: why.Error()}
}
