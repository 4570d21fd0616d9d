package sdpwire

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// text joins lines with CRLF.
func text(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

// above is a session level with an address.
const above = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"

var (
	addr     = netip.MustParseAddr("192.0.2.10")
	place4   = netip.MustParseAddrPort
	parseOne = func(t *testing.T, body string) Media {
		t.Helper()
		d := new(Description)
		if fault := d.Parse([]byte(body)); fault != None || len(d.Media) == 0 {
			t.Fatalf("fault %q in\n%s", fault, body)
		}
		return d.Media[0]
	}
)

func TestTransportsAreKnown(t *testing.T) {
	for proto, want := range map[string]Transport{
		"RTP/AVP": RTP, "rtp/avp": RTP, "RTP/SAVPF": RTP, "UDP/TLS/RTP/SAVPF": RTP, "udp/tls/rtp/savp": RTP, "RTP": RTP,
		"udptl": Datagram, "UDPTL": Datagram, "udp": Datagram, "UDP/BFCP": Datagram, "UDP/TLS/UDPTL": Datagram, "DTLS/SCTP": Datagram,
		"UDP/DTLS/SCTP": Datagram, "UDP/TLS/RTPX": Datagram,
		"TCP": Other, "TCP/MSRP": Other, "TCP/TLS/MSRP": Other, "TCP/RTP/AVP": Other, "TCP/DTLS/SCTP": Other, "SCTP": Other, "DCCP/RTP/AVP": Other,
		"RTPX": Other, "UDPX/Y": Other, "DTLS": Other, "R": Other, "AAL2/ITU": Other,
	} {
		if m := parseOne(t, above+"m=audio 49170 "+proto+" 0\r\n"); m.Transport != want {
			t.Errorf("%s: %v", proto, m.Transport)
		}
	}
}

func TestWhatIsRelayed(t *testing.T) {
	for _, x := range []struct {
		name, body string
		want       bool
	}{
		{"RTP", above + "m=audio 49170 RTP/AVP 0\r\n", true},
		{"datagrams", above + "m=image 49170 udptl t38\r\n", true},
		{"on hold", above + "m=audio 49170 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n", true},
		{"to a name", above + "m=audio 49170 RTP/AVP 0\r\nc=IN IP4 a.example.com\r\n", true},
		{"rejected", above + "m=audio 0 RTP/AVP 0\r\n", false},
		{"TCP", above + "m=audio 49170 TCP/RTP/AVP 0\r\n", false},
		{"multicast", above + "m=audio 49170 RTP/AVP 0\r\nc=IN IP4 224.2.1.1/127\r\n", false},
		{"IPv6 multicast", above + "m=audio 49170 RTP/AVP 0\r\nc=IN IP6 ff15::101/3\r\n", false},
		{"rejected, without address", "v=0\r\nm=audio 0 RTP/AVP 0\r\n", false},
		{"TCP, with an address of another net", "v=0\r\nc=ATM NSAP 47\r\nm=message 9 TCP/MSRP *\r\n", false},
		{"unknown, with a port of its own kind", above + "m=audio $ AAL2/ITU 0\r\n", false},
	} {
		if m := parseOne(t, x.body); m.Relayed() != x.want {
			t.Errorf("%s: %v", x.name, m.Relayed())
		}
	}
}

// TestMediaLevelStandsAboveSessionLevel reads all that an m-line has from the session, and what it says itself.
func TestMediaLevelStandsAboveSessionLevel(t *testing.T) {
	d := new(Description)
	if fault := d.Parse([]byte(text("v=0", "c=IN IP4 192.0.2.10/127", "a=recvonly",
		"m=audio 49170/2 RTP/AVP 0 8 101 x 128", "a=rtcp:49180", "a=rtcp-mux", "a=sendonly",
		"m=audio 49172 RTP/AVP 0", "c=IN IP6 2001:DB8::10", "c=IN IP4 192.0.2.11", "a=rtcp:53020 IN IP4 192.0.2.12", "a=inactive",
		"m=audio 49174 RTP/AVP 127", "c=IN IP4 0.0.0.0", "a=rtcp:53022", "a=SENDRECV ",
		"m=audio 49176 RTP/AVP 63 64", "c=IN IP4 pc.example.com/127", "a=rtcp:53024",
		"m=image 49178 udptl 0", "c=IN IP6 ::", "a=rtcp:53026 IN IP4 0.0.0.0",
	))); fault != None {
		t.Fatal(fault)
	}
	want := []Media{
		{
			Type: []byte("audio"), Transport: RTP, Port: 49170, Pairs: 2, Addr: addr, Direction: SendOnly,
			RTCP: place4("192.0.2.10:49180"), Mux: true, Types: [2]uint64{1<<0 | 1<<8, 1 << (101 - 64)},
		},
		{
			Type: []byte("audio"), Transport: RTP, Port: 49172, Pairs: 1, Addr: netip.MustParseAddr("2001:db8::10"), Direction: Inactive,
			RTCP: place4("192.0.2.12:53020"), Types: [2]uint64{1, 0}, owns: true,
		},
		{
			Type: []byte("audio"), Transport: RTP, Port: 49174, Pairs: 1, Addr: netip.IPv4Unspecified(), Held: true, Direction: SendRecv,
			Types: [2]uint64{0, 1 << 63}, owns: true,
		},
		{
			Type: []byte("audio"), Transport: RTP, Port: 49176, Pairs: 1, Name: []byte("pc.example.com"), Direction: RecvOnly,
			Types: [2]uint64{1 << 63, 1}, owns: true,
		},
		{
			Type: []byte("image"), Transport: Datagram, Port: 49178, Pairs: 1, Addr: netip.IPv6Unspecified(), Held: true, Direction: RecvOnly, owns: true,
		},
	}
	for i := range want {
		if got := d.Media[i]; !reflect.DeepEqual(got, want[i]) {
			t.Errorf("m-line %d is\n%+v\nnot\n%+v", i, got, want[i])
		}
	}
}

func TestClockRates(t *testing.T) {
	for _, x := range []struct {
		name, lines string
		want        []Rate
	}{
		{"assigned", "m=audio 1 RTP/AVP 0 3 6 8 9 10 11 14 16 17 18", []Rate{{6, 16000}, {10, 44100}, {11, 44100}, {14, 90000}, {16, 11025}, {17, 22050}}},
		{"assigned to video", "m=video 1 RTP/AVP 26 31 32 33 34", []Rate{{26, 90000}, {31, 90000}, {32, 90000}, {33, 90000}, {34, 90000}}},
		{"mapped", "m=audio 1 RTP/AVP 111 9 101 102\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:9 G722/8000\r\na=rtpmap: 101\ttelephone-event/8000\r\na=rtpmap:102 L16/16000 ", []Rate{{102, 16000}, {111, 48000}}},
		{"mapped to another rate than assigned", "m=audio 1 RTP/AVP 0 6\r\na=rtpmap:0 X/16000\r\na=rtpmap:6 DVI4/8000", []Rate{{0, 16000}}},
		{"mapped twice", "m=audio 1 RTP/AVP 96\r\na=rtpmap:96 X/16000\r\na=rtpmap:96 X/32000", []Rate{{96, 32000}}},
		{"mapped but not offered", "m=audio 1 RTP/AVP 0\r\na=rtpmap:96 X/16000", nil},
		{"unreadable", "m=audio 1 RTP/AVP 96 97 98\r\na=rtpmap:96 X\r\na=rtpmap:97 X/0\r\na=rtpmap:98 X/99999999999\r\na=rtpmap:128 X/1\r\na=rtpmap:", nil},
		{"of the session", "a=rtpmap:96 X/16000\r\nm=audio 1 RTP/AVP 96", nil},
		{"datagrams", "m=image 1 udptl 6\r\na=rtpmap:6 X/16000", nil},
	} {
		if m := parseOne(t, above+x.lines+"\r\n"); !reflect.DeepEqual(m.Rates, x.want) {
			t.Errorf("%s: %v", x.name, m.Rates)
		}
	}
}

func TestClockRatesOfOneLineAreNotTheNextOnes(t *testing.T) {
	d := new(Description)
	d.Parse([]byte(above + text("m=audio 1 RTP/AVP 96", "a=rtpmap:96 X/16000", "m=audio 3 RTP/AVP 97 96", "a=rtpmap:97 Y/32000")))
	if want := []Rate{{96, 16000}}; !reflect.DeepEqual(d.Media[0].Rates, want) {
		t.Errorf("the first has %v", d.Media[0].Rates)
	}
	if want := []Rate{{97, 32000}}; !reflect.DeepEqual(d.Media[1].Rates, want) {
		t.Errorf("the second has %v", d.Media[1].Rates)
	}
}

func TestSeveralSources(t *testing.T) {
	const m0 = "m=audio 1 RTP/AVP 0\r\n"
	for _, x := range []struct {
		name, lines string
		want        bool
	}{
		{"one", m0, false},
		{"video", "m=VIDEO 1 RTP/AVP 31\r\n", true},
		{"one source, told twice", m0 + "a=ssrc:5 cname:x\r\na=ssrc:5 msid:y\r\n", false},
		{"two sources", m0 + "a=ssrc:5 cname:x\r\na=ssrc:6 cname:x\r\n", true},
		{"a group of sources", m0 + "a=ssrc-group:FEC 5 6\r\n", true},
		{"sources of the session", "a=ssrc:5\r\na=ssrc:6\r\n" + m0, false},
		{"bundled with another", "a=group:BUNDLE x y\r\n" + m0 + "a=mid:x\r\n", true},
		{"bundled alone", "a=group:BUNDLE x\r\n" + m0 + "a=mid:x\r\n", false},
		{"in one of two bundles", "a=group:BUNDLE x\r\na=group:bundle y z\r\n" + m0 + "a=mid: y \r\n", true},
		{"not in the bundle", "a=group:BUNDLE x y\r\n" + m0 + "a=mid:z\r\n", false},
		{"without a name", "a=group:BUNDLE x y\r\n" + m0, false},
		{"grouped for another reason", "a=group:LS x y\r\n" + m0 + "a=mid:x\r\n", false},
		{"a bundle of more than can be", "a=group:BUNDLE" + strings.Repeat(" q", MaxMedia+1) + "\r\n" + m0, true},
	} {
		if m := parseOne(t, above+x.lines); m.Many != x.want {
			t.Errorf("%s: %v", x.name, m.Many)
		}
	}
}

// TestNothingIsLeftFromBefore parses a poor description after a rich one.
func TestNothingIsLeftFromBefore(t *testing.T) {
	poor := []byte("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 5000 RTP/AVP 96\r\na=mid:0\r\n")
	fresh := new(Description)
	fresh.Parse(poor)
	for _, g := range goldens {
		d := new(Description)
		d.Parse(goldenFile(t, g.name+".in.sdp"))
		d.Parse(poor)
		if !reflect.DeepEqual(d.Media, fresh.Media) {
			t.Errorf("after %s: %+v", g.name, d.Media)
		}
		if got, want := d.Append(nil, host4, []uint16{40000}), fresh.Append(nil, host4, []uint16{40000}); string(got) != string(want) {
			t.Errorf("after %s: %s", g.name, got)
		}
		if fault := d.Parse([]byte("v=0\r\nm=audio 5000 RTP/AVP 96\r\n")); fault != NoConnection {
			t.Errorf("after %s: fault %q", g.name, fault)
		}
	}
}
