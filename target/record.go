package target

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// service is the front of an SRV name (RFC 3263 §4.1). It stands apart from the name, so that the cache can be asked
// without building the name.
type service uint8

const (
	bare    service = iota // the name as it is
	sipUDP                 // _sip._udp
	sipTCP                 // _sip._tcp
	sipSCTP                // _sip._sctp
	sipsTCP                // _sips._tcp
)

func (s service) prefix() string {
	return [...]string{"", "_sip._udp.", "_sip._tcp.", "_sip._sctp.", "_sips._tcp."}[s]
}

// question names one record set. Two questions that we ask ourselves are equal with ==, for their names are canonical;
// a name from a packet may be in any case.
type question struct {
	name    string
	service service
	kind    uint16 // dns.TypeA, TypeAAAA, TypeSRV, TypeNAPTR
}

func (q question) full() string { return q.service.prefix() + q.name }

// String is for people: "SRV _sip._udp.example.com".
func (q question) String() string { return dns.TypeToString[q.kind] + " " + q.full() }

// matches compares a kept question with one whose name may be in any case.
func (q question) matches(asked question) bool {
	return q.service == asked.service && q.kind == asked.kind && sameName(q.name, asked.name)
}

// recordSet is the answer to a question, be it that there is none. It never changes once the cache has it, but for used.
type recordSet struct {
	question question
	source   string // who said so, for Explain
	ttl      time.Duration
	expires  time.Time // set by the cache: ttl after it came

	err    error  // ErrNotFound or ErrUnavailable with q and why; nil when there are records
	why    string // why there are none, for Explain
	absent bool   // err is certain (ErrNotFound): the name or the records do not exist

	// One of these, by question.kind, in canonical order.
	addrs []netip.Addr
	srv   []srvRecord // empty with err nil: the service is decidedly not available (RFC 2782, target ".")
	naptr []naptrRecord

	hash uint64      // set by the cache
	used atomic.Bool // since the cache last looked for room
}

// What one record set may hold. The rest is not considered, in canonical order, so that the choice stays the same
// whatever the order of the answer; it also bounds what one cache entry costs.
const (
	maxRecords   = 64
	maxNameBytes = 2048
)

// bounded is how many of n records, the i-th of which holds name(i), are considered.
func bounded(n int, name func(i int) string) int {
	bytes := 0
	for i := range min(n, maxRecords) {
		if bytes += len(name(i)); bytes > maxNameBytes {
			return i
		}
	}
	return min(n, maxRecords)
}
