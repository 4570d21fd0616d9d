package target

import (
	"cmp"
	"slices"

	"github.com/miekg/dns"

	"github.com/actorsip/actorsip/sipwire"
)

// srvRecord is one server of a service (RFC 2782).
type srvRecord struct {
	priority, weight, port uint16
	target                 string // canonical
	id                     uint64 // of target and port
}

// srvService is the SRV service of a transport (RFC 3263 §4.1); WebSocket has none.
func srvService(t sipwire.Transport) (service, bool) {
	switch t {
	case sipwire.UDP:
		return sipUDP, true
	case sipwire.TCP:
		return sipTCP, true
	case sipwire.SCTP:
		return sipSCTP, true
	case sipwire.TLS:
		return sipsTCP, true
	}
	return bare, false
}

// srvRecords reads the SRV records among rrs. usable says that there was one at all: all of them "." is an answer too.
func srvRecords(rrs []dns.RR) (records []srvRecord, usable bool) {
	for _, rr := range rrs {
		r, ok := rr.(*dns.SRV)
		if !ok {
			continue
		}
		if r.Target == "." {
			usable = true
			continue
		}
		name := canonical(r.Target)
		if r.Port == 0 || numeric(name) || !validName(name) {
			continue
		}
		records = append(records, srvRecord{
			priority: r.Priority, weight: r.Weight, port: r.Port, target: name, id: identity(name, r.Port),
		})
	}
	slices.SortFunc(records, func(a, b srvRecord) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.target, b.target),
			cmp.Compare(a.port, b.port), cmp.Compare(b.weight, a.weight))
	})
	records = slices.CompactFunc(records, func(a, b srvRecord) bool {
		return a.priority == b.priority && a.id == b.id && a.target == b.target && a.port == b.port
	})
	records = slices.Clip(records[:bounded(len(records), func(i int) string { return records[i].target })])
	return records, usable || len(records) > 0
}

// draw hands out the records of a set in the order in which one key tries them: by priority, and within one priority
// as the race of their weights ends.
type draw struct {
	records []srvRecord
	finish  [maxRecords]float64
	taken   uint64 // bit i: records[i] was handed out
}

func (d *draw) start(key uint64, records []srvRecord) {
	d.records, d.taken = records, 0
	for i, r := range records {
		d.finish[i] = finish(key, r.id, r.weight)
	}
}

func (d *draw) next() (r srvRecord, ok bool) {
	best := -1
	for i := range d.records {
		if d.taken&(1<<i) != 0 {
			continue
		}
		if best >= 0 && d.records[i].priority > d.records[best].priority {
			break // sorted by priority: no better one follows
		}
		if best < 0 || d.finish[i] < d.finish[best] {
			best = i
		}
	}
	if best < 0 {
		return srvRecord{}, false
	}
	d.taken |= 1 << best
	return d.records[best], true
}
