package sipwire

import (
	"net/netip"
	"slices"
)

// step is one edit of a message on its way; the tests name them as a proxy does them.
type step func(m *Message)

var (
	caller    = netip.MustParseAddrPort("192.0.2.33:5062")
	caller6   = netip.MustParseAddrPort("[2001:db8::33]:5062")
	ownHosts  = []string{"192.0.2.1", "198.51.100.1", "[2001:db8::1]", "[2001:db8:0:0::2]"}
	ownVia    = "Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKaeqbci4dk6gqk3t5k3n6mw2x5m\r\n"
	ownRoutes = "Record-Route: <sip:198.51.100.1:5060;lr>\r\nRecord-Route: <sip:192.0.2.1:5060;lr>\r\n"
)

func stampVia(from netip.AddrPort) step {
	return func(m *Message) {
		v, _ := m.TopVia()
		m.StampVia(v, from)
	}
}

func popVia(m *Message) {
	v, _ := m.TopVia()
	m.PopVia(v)
}

// lookForLoop reads the branch of every Via.
func lookForLoop(m *Message) {
	for v, ok := m.TopVia(); ok; v, ok = m.ViaBelow(v) {
		_ = m.Bytes(v.Branch)
	}
}

// wayBack reads where a response goes.
func wayBack(m *Message) {
	v, _ := m.TopVia()
	below, _ := m.ViaBelow(v)
	m.ReplyAddr(below)
}

func pushVia(m *Message)     { m.Insert(Via, append(m.Text(), ownVia...)) }
func recordRoute(m *Message) { m.Insert(RecordRoute, append(m.Text(), ownRoutes...)) }
func decrement(m *Message)   { m.DecrementMaxForwards(255) }

// takeOwn takes the Routes off that name us, from the top.
func takeOwn(m *Message) {
	routes, _ := m.Routes()
	for i := range routes {
		u, ok := ParseURI(m.Bytes(routes[i].URI))
		if !ok || !slices.Contains(ownHosts, string(u.Host)) {
			return
		}
		m.TakeRoute(i)
	}
}

func take(which ...int) step {
	return func(m *Message) {
		if routes, _ := m.Routes(); len(routes) > slices.Max(which) {
			for _, i := range which {
				m.TakeRoute(i)
			}
		}
	}
}

// fromStrict puts the last Route value into the request-URI (RFC 3261 §16.4).
func fromStrict(m *Message) {
	if routes, _ := m.Routes(); len(routes) > 0 {
		last := len(routes) - 1
		m.SetRequestURI(append(m.Text(), m.Bytes(routes[last].URI)...))
		m.TakeRoute(last)
	}
}

// toStrict puts the first Route value into the request-URI, and that at the end of the Routes (RFC 3261 §16.6 step 6).
func toStrict(m *Message) {
	routes, _ := m.Routes()
	for i := range routes {
		if !routes[i].Gone() {
			m.AppendRoute(m.CurrentURI())
			m.SetRequestURI(append(m.Text(), m.Bytes(routes[i].URI)...))
			m.TakeRoute(i)
			return
		}
	}
}

func setURI(uri string) step {
	return func(m *Message) { m.SetRequestURI(append(m.Text(), uri...)) }
}

func stripMAddr(m *Message) {
	u, _ := ParseURI(m.RequestURI())
	m.SetRequestURI(u.AppendWithout(m.Text(), false, "maddr", "transport", "ttl"))
}

// sealContacts replaces every SIP URI in Contact.
func sealContacts(m *Message) {
	for c, ok := m.FirstContact(); ok; c, ok = m.NextContact(c) {
		u, ok := ParseURI(m.Bytes(c.URI))
		if ok && u.Scheme != OtherScheme {
			m.SetContact(c, append(m.Text(), "sip:xabcdefghijklmnop@198.51.100.1:5060;transport=tcp"...))
		}
	}
}

// forwarded are all edits of a request that comes from there and opens a dialog.
func forwarded(from netip.AddrPort) []step {
	return []step{stampVia(from), takeOwn, decrement, sealContacts, pushVia, recordRoute}
}

// returned are all edits of a response.
var returned = []step{popVia, sealContacts}

func apply(m *Message, steps []step) *Message {
	for _, do := range steps {
		do(m)
	}
	return m
}
