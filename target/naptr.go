package target

import (
	"cmp"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/actorsip/actorsip/sipwire"
)

// naptrRecord says that a domain offers SIP over a transport, and where its SRV records are (RFC 3263 §4.1). TLS stands
// for the secured services, SIPS+D2x.
type naptrRecord struct {
	order, preference uint16
	transport         sipwire.Transport
	replacement       string // canonical
}

// naptrTransport reads a service field; ok is false for the services of others, such as ENUM.
func naptrTransport(service string) (t sipwire.Transport, ok bool) {
	switch strings.ToUpper(service) {
	case "SIP+D2U":
		return sipwire.UDP, true
	case "SIP+D2T":
		return sipwire.TCP, true
	case "SIP+D2S":
		return sipwire.SCTP, true
	case "SIPS+D2T":
		return sipwire.TLS, true
	}
	return sipwire.NoTransport, false
}

// naptrRecords reads the SIP services among rrs in their order. Only the flag "s" without a rewriting expression means
// that SRV follows, and SIP uses no other.
func naptrRecords(rrs []dns.RR) []naptrRecord {
	var records []naptrRecord
	for _, rr := range rrs {
		r, ok := rr.(*dns.NAPTR)
		if !ok || !strings.EqualFold(r.Flags, "s") || r.Regexp != "" {
			continue
		}
		t, ok := naptrTransport(r.Service)
		name := canonical(r.Replacement)
		if !ok || !validName(name) {
			continue
		}
		records = append(records, naptrRecord{r.Order, r.Preference, t, name})
	}
	slices.SortFunc(records, func(a, b naptrRecord) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.preference, b.preference),
			cmp.Compare(a.transport, b.transport), cmp.Compare(a.replacement, b.replacement))
	})
	records = slices.Compact(records)
	return slices.Clip(records[:bounded(len(records), func(i int) string { return records[i].replacement })])
}
