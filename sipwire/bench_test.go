package sipwire

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

// lines makes a message of a text whose lines end in LF; {length} becomes the length of its body.
func lines(s string) []byte {
	s = strings.ReplaceAll(s, "\n", "\r\n")
	_, body, _ := strings.Cut(s, "\r\n\r\n")
	return []byte(strings.Replace(s, "{length}", strconv.Itoa(len(body)), 1))
}

var (
	benchInvite = lines(`INVITE sip:1001@198.51.100.7:5066;transport=udp SIP/2.0
Via: SIP/2.0/UDP 192.0.2.33:5062;branch=z9hG4bK-524287-1---7a1f6e0c3b9d4852;rport
Max-Forwards: 70
Route: <sip:192.0.2.1:5060;lr>
Contact: <sip:2002@192.0.2.33:5062>
To: <sip:1001@example.com>
From: "Alice Example" <sip:2002@example.com>;tag=5f1d2c3b
Call-ID: 84951NjQ0ODY4YzE2ZmI0ZjQ1Mjc3NjQzMmY1
CSeq: 1 INVITE
Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE
Content-Type: application/sdp
Supported: replaces, norefersub, extended-refer, timer, outbound, path
User-Agent: Bench Phone 5.6.1
Allow-Events: presence, kpml, talk
Content-Length: {length}

v=0
o=- 3892763518 1 IN IP4 192.0.2.33
s=call
c=IN IP4 192.0.2.33
t=0 0
m=audio 40000 RTP/AVP 9 8 0 18 101
a=rtpmap:9 G722/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:18 G729/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=rtcp:40001 IN IP4 192.0.2.33
a=ptime:20
a=sendrecv
a=label:voice
`)
	benchOK = lines(`SIP/2.0 200 OK
Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKaeqbci4dk6gqk3t5k3n6mw2x5m;received=198.51.100.1;rport=5060
Via: SIP/2.0/UDP 192.0.2.33:5062;branch=z9hG4bK-524287-1---7a1f6e0c3b9d4852;rport=5062;received=192.0.2.33
Record-Route: <sip:198.51.100.1:5060;lr>
Record-Route: <sip:192.0.2.1:5060;lr>
Contact: <sip:1001@198.51.100.7:5066>
To: <sip:1001@example.com>;tag=as6e2f9b10
From: "Alice Example" <sip:2002@example.com>;tag=5f1d2c3b
Call-ID: 84951NjQ0ODY4YzE2ZmI0ZjQ1Mjc3NjQzMmY1
CSeq: 1 INVITE
Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE
Content-Type: application/sdp
Supported: replaces, timer, path
User-Agent: Bench Gateway 18.2.0
Session-Expires: 1800;refresher=uac
Require: timer
Content-Length: {length}

v=0
o=- 1203 1203 IN IP4 198.51.100.7
s=session
c=IN IP4 198.51.100.7
t=0 0
m=audio 31000 RTP/AVP 9 8 0 101
a=rtpmap:9 G722/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv
a=label:voice
a=maxptime:140
`)
	benchACK = lines(`ACK sip:1001@198.51.100.7:5066 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.33:5062;branch=z9hG4bK-524287-1---ab3e7d1f60c25894;rport
Max-Forwards: 70
Route: <sip:192.0.2.1:5060;lr>
Route: <sip:198.51.100.1:5060;lr>
Contact: <sip:2002@192.0.2.33:5062>
To: <sip:1001@example.com>;tag=as6e2f9b10
From: "Alice Example" <sip:2002@example.com>;tag=5f1d2c3b
Call-ID: 84951NjQ0ODY4YzE2ZmI0ZjQ1Mjc3NjQzMmY1
CSeq: 1 ACK
User-Agent: Bench Phone 5.6.1
Content-Length: 0

`)
	benchBye = lines(`BYE sip:1001@198.51.100.7:5066 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.33:5062;branch=z9hG4bK-524287-1---c05e8a1d72f3b964;rport
Max-Forwards: 70
Route: <sip:192.0.2.1:5060;lr>
Route: <sip:198.51.100.1:5060;lr>
To: <sip:1001@example.com>;tag=as6e2f9b10
From: "Alice Example" <sip:2002@example.com>;tag=5f1d2c3b
Call-ID: 84951NjQ0ODY4YzE2ZmI0ZjQ1Mjc3NjQzMmY1
CSeq: 2 BYE
User-Agent: Bench Phone 5.6.1
Reason: Q.850;cause=16;text="Normal call clearing"
Content-Length: 0

`)
	benchSource = netip.MustParseAddrPort("192.0.2.33:5062")
)

// forward makes the edits of one forwarding step: of a request RFC 3261 §16.4 and §16.6, of a response §16.7.
func forward(m *Message, dst []byte, source netip.AddrPort) []byte {
	v, _ := m.TopVia()
	if m.IsRequest() {
		m.StampVia(v, source)
		for v, ok := m.TopVia(); ok; v, ok = m.ViaBelow(v) {
			_ = m.Bytes(v.Branch) // loop detection
		}
		routes, _ := m.Routes()
		for i := range routes {
			if u, ok := ParseURI(m.Bytes(routes[i].URI)); !ok || string(u.Host) != "192.0.2.1" && string(u.Host) != "198.51.100.1" {
				break
			}
			m.TakeRoute(i)
		}
		m.DecrementMaxForwards(70)
	} else {
		below, _ := m.ViaBelow(v)
		m.ReplyAddr(below)
		m.PopVia(v)
	}
	for c, ok := m.FirstContact(); ok; c, ok = m.NextContact(c) {
		u, ok := ParseURI(m.Bytes(c.URI))
		if !ok || u.Scheme == OtherScheme {
			continue
		}
		m.Replace(c.URI, append(m.Text(), "sip:xabcdefghijklmnopqrstuvwxyz234567abcdefg@198.51.100.1:5060"...))
	}
	if m.IsRequest() {
		m.Insert(Via, append(m.Text(), "Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKaeqbci4dk6gqk3t5k3n6mw2x5m\r\n"...))
		if !m.Is("ACK") && !m.Is("BYE") {
			m.Insert(RecordRoute, append(m.Text(), "Record-Route: <sip:198.51.100.1:5060;lr>\r\nRecord-Route: <sip:192.0.2.1:5060;lr>\r\n"...))
		}
	}
	return m.AppendTo(dst)
}

var benchMessages = []struct {
	name string
	raw  []byte
}{{"INVITE", benchInvite}, {"200", benchOK}, {"ACK", benchACK}, {"BYE", benchBye}}

func BenchmarkParse(b *testing.B) {
	for _, x := range benchMessages {
		b.Run(x.name, func(b *testing.B) {
			m := new(Message)
			b.ReportAllocs()
			b.SetBytes(int64(len(x.raw)))
			for b.Loop() {
				if f := m.Parse(x.raw); f != None {
					b.Fatal(f)
				}
			}
		})
	}
}

func BenchmarkSplice(b *testing.B) {
	for _, x := range benchMessages {
		b.Run(x.name, func(b *testing.B) {
			m, out := new(Message), make([]byte, 0, 4096)
			b.ReportAllocs()
			for b.Loop() {
				m.Parse(x.raw)
				out = forward(m, out[:0], benchSource)
			}
		})
	}
}

func BenchmarkAnswer(b *testing.B) {
	m, out := new(Message), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		m.Parse(benchInvite)
		v, _ := m.TopVia()
		m.StampVia(v, benchSource)
		out = m.AppendAnswer(out[:0], 483, "Too Many Hops", []byte("a1b2c3d4"), nil)
	}
}
