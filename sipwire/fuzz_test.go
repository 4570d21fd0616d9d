package sipwire

import (
	"bytes"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, g := range goldens {
		f.Add(goldenFile(f, g.name+".in.sip"))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		received := bytes.Clone(raw)
		m := new(Message)
		fault := m.Parse(raw)
		exercise(m)
		plain := m.AppendTo(nil)
		if fault == None {
			checkUnedited(t, m, raw, plain)
		}
		m.Parse(raw)
		v, _ := m.TopVia()
		m.StampVia(v, caller)
		answer := m.AppendAnswer(nil, 400, "Because", []byte("own4tag"), nil)
		if after := new(Message).Parse(answer); fault == None && after != None {
			t.Errorf("answer with fault %q:\n%q", after, answer)
		}
		out := fuzzForward(m, raw)
		if after := new(Message).Parse(out); fault == None && after != None {
			t.Errorf("fault %q after forwarding:\n%q", after, out)
		}
		if again := fuzzForward(m, raw); !bytes.Equal(out, again) {
			t.Errorf("sent twice, left as\n%q\nand as\n%q", out, again)
		}
		if !bytes.Equal(raw, received) {
			t.Error("the received bytes were written to")
		}
	})
}

// checkUnedited holds a message without edits against its bytes from the start line to the end of the body.
func checkUnedited(t *testing.T, m *Message, raw, plain []byte) {
	whole := bytes.TrimLeft(raw, "\r\n")
	if !bytes.HasPrefix(whole, plain) || !m.Has(ContentLength) && len(plain) != len(whole) {
		t.Errorf("unedited, it left as %q", plain)
	}
	if !bytes.HasSuffix(plain, m.Body()) {
		t.Error("the body is not at the end")
	}
	again := new(Message)
	if fault := again.Parse(plain); fault != None || !bytes.Equal(again.Body(), m.Body()) {
		t.Errorf("parsed again: fault %q, body %q", fault, again.Body())
	}
}

// fuzzForward forwards a message with every edit that its own content allows: what would make a fault of its own (the
// last Route taken from under a tel: URI, a Route that is no request-URI, more headers than fit) is left to its caller.
func fuzzForward(m *Message, raw []byte) []byte {
	if fault := m.Parse(raw); fault.isSilent() {
		return m.AppendTo(nil)
	}
	if !m.IsRequest() {
		v, _ := m.TopVia()
		if _, ok := m.ViaBelow(v); ok {
			m.PopVia(v)
		}
		sealContacts(m)
		return m.AppendTo(nil)
	}
	v, _ := m.TopVia()
	m.StampVia(v, caller6)
	sealContacts(m)
	if len(m.fields) > MaxHeaders-5 {
		return m.AppendTo(nil)
	}
	decrement(m)
	pushVia(m)
	recordRoute(m)
	routes, readable := m.Routes()
	uri, _ := ParseURI(m.RequestURI())
	if !readable || uri.Scheme == OtherScheme {
		return m.AppendTo(nil)
	}
	if n := len(routes); n > 0 {
		u, ok := ParseURI(m.Bytes(routes[0].URI))
		if ok && u.Scheme != OtherScheme && len(u.Headers) == 0 {
			toStrict(m)
		} else {
			m.TakeRoute(0)
		}
		m.TakeRoute(n / 2)
	}
	return m.AppendTo(nil)
}

func FuzzURI(f *testing.F) {
	for _, s := range []string{
		"sip:a@b", "sips:a:b@[::1]:5061;lr?x=y", "sip:b", "tel:+1", "sip:", "sip:a@", "sip:@b", "sip:a@b:0", "sip:a@b:65536",
		"sip:a;x?y@b;z", "sip:%41@b", "sip:%4@b", "SIP:A@B:05060;;=;x", "sip:5060@5060:5060", "sip:a@b@c", "sip:[::1", "sip:a?b@c:",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		u, ok := ParseURI(b)
		u.Param("lr")
		u.Transport()
		if !ok || u.Scheme == OtherScheme {
			return
		}
		scheme, rest, _ := bytes.Cut(b, []byte(":"))
		if got := bytes.Join([][]byte{u.place, u.Params, u.Headers}, nil); !bytes.Equal(rest, got) {
			t.Errorf("the parts make %q", got)
		}
		place := u.Host
		if u.User != nil {
			place = bytes.Join([][]byte{u.User, u.Host}, []byte("@"))
		}
		if !bytes.HasPrefix(u.place, place) {
			t.Errorf("%q does not begin with %q", u.place, place)
		}
		if got, want := u.AppendWithout(nil, true), append(bytes.ToLower(scheme), b[len(scheme):]...); !bytes.Equal(got, want) {
			t.Errorf("without nothing it is %q", got)
		}
		bare, ok := ParseURI(u.AppendWithout(nil, false, "x", "lr"))
		if _, has := bare.Param("LR"); !ok || has || bare.Port != 0 || !bytes.Equal(bare.Host, u.Host) || !bytes.Equal(bare.User, u.User) {
			t.Errorf("without port, x and lr it is %q", u.AppendWithout(nil, false, "x", "lr"))
		}
		ParseAddr(u.Host)
	})
}

func FuzzVia(f *testing.F) {
	for _, s := range []string{
		"SIP/2.0/UDP a;branch=x", "SIP / 2.0 / TCP  a : 5 ; rport ; received = [::1]", "SIP/2.0/UDP [::1]:5060;rport=1;maddr=b, SIP/2.0/UDP c",
		"SIP/2.0/UDP a;x=\"b,;\\\"\", SIP/2.0/UDP b;;", "SIP/2.0/UDP a;x=\"b", "SIP/2.0/UDP a;received;rport=", "SIP/2.0/UDP\r\n a\r\n ;\r\n rport",
		"SIP/2.0/UDP a:5062;rport=<1;received,SIP/2.0/UDP b", "SIP/2.0/UDP a;x=y\"\\;received=a\",rport\"", "SIP/2.0/UDP a;rport=1\" ;x ,\"",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		raw := append(append([]byte("OPTIONS sip:a@b SIP/2.0\r\nVia: "), value...),
			"\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nVia: SIP/2.0/UDP last\r\n\r\n"...)
		m := new(Message)
		if m.Parse(raw) != None {
			return
		}
		v, _ := m.TopVia()
		vias := 0
		for w, ok := v, true; ok; w, ok = m.ViaBelow(w) {
			vias++
		}
		m.StampVia(v, caller)
		stamped := new(Message)
		if fault := stamped.Parse(m.AppendTo(nil)); fault != None {
			t.Fatalf("stamped: fault %q", fault)
		}
		w, _ := stamped.TopVia()
		to, host, port := stamped.ReplyAddr(w)
		if w.MAddr.Empty() && (host != nil || to.Addr() != caller.Addr() || w.HasRPort && port != caller.Port()) {
			t.Errorf("the response goes to %v %s:%d", to, host, port)
		}
		m.Parse(raw)
		m.PopVia(v)
		popped := new(Message)
		popped.Parse(m.AppendTo(nil))
		left := 0
		for w, ok := popped.TopVia(); ok; w, ok = popped.ViaBelow(w) {
			left++
		}
		if left != vias-1 {
			t.Errorf("%d Vias, and %d without the topmost", vias, left)
		}
	})
}
