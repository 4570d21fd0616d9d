package sdpwire

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

// excused are golden descriptions that pion reads otherwise than we do.
var excused = map[string]string{
	"rtcp":            "attributes are text to pion: it does not tell which a=rtcp can be read",
	"mixed-line-ends": "a lone CR ends a line for pion in some places, and is lost in others",
}

// TestOracleSeesTheSameSession rewrites descriptions that pion can read, golden ones and generated ones, and holds what
// pion reads then against what it read before: the same session, but for what a relay owns.
func TestOracleSeesTheSameSession(t *testing.T) {
	var raws []string
	for _, g := range goldens {
		if excused[g.name] != "" {
			continue
		}
		raw := string(goldenFile(t, g.name+".in.sdp"))
		if new(sdp.SessionDescription).UnmarshalString(raw) == nil {
			raws = append(raws, raw)
		}
	}
	if len(raws) < len(goldens)/2 {
		t.Errorf("pion reads %d of %d golden descriptions", len(raws), len(goldens))
	}
	g := generator{rand.New(rand.NewPCG(8866, 3264))}
	for range 3000 {
		raws = append(raws, g.description())
	}
	d := new(Description)
	for _, raw := range raws {
		if fault := d.Parse([]byte(raw)); fault != None {
			t.Fatalf("fault %q in\n%s", fault, raw)
		}
		for _, host := range []netip.Addr{host4, host6} {
			ports := freePorts(len(d.Media))
			out := string(d.Append(nil, host, ports))
			got, want := read(t, out), read(t, raw)
			relay{host, ports}.take(want)
			if !reflect.DeepEqual(got, want) {
				a, _ := got.Marshal()
				b, _ := want.Marshal()
				t.Fatalf("pion reads\n%s\nand not\n%s\nin\n%s\nwhich was\n%s", a, b, out, raw)
			}
		}
	}
}

func read(t *testing.T, raw string) *sdp.SessionDescription {
	t.Helper()
	s := new(sdp.SessionDescription)
	if err := s.UnmarshalString(raw); err != nil {
		t.Fatalf("pion: %v in\n%s", err, raw)
	}
	return s
}

// relay does to pion's structure what Append does to bytes.
type relay struct {
	host  netip.Addr
	ports []uint16
}

func (r relay) take(s *sdp.SessionDescription) {
	if s.Origin.NetworkType == "IN" {
		s.Origin.AddressType, s.Origin.UnicastAddress = r.kind(), r.host.String()
	}
	inherited := s.ConnectionInformation
	taken, used := make([]bool, len(s.MediaDescriptions)), false
	for i, m := range s.MediaDescriptions {
		c := m.ConnectionInformation
		if c == nil {
			c = inherited
		}
		first := m.MediaName.Protos[0]
		datagrams := first == "RTP" || first == "UDP" || first == "DTLS"
		taken[i] = m.MediaName.Port.Value != 0 && datagrams && !isGroup(c)
		used = used || m.MediaName.Port.Value != 0
	}
	if used && !slices.Contains(taken, true) {
		return
	}
	s.Attributes = withoutICE(s.Attributes)
	s.ConnectionInformation = r.connection(inherited)
	for i, m := range s.MediaDescriptions {
		m.Attributes = withoutICE(m.Attributes)
		rejected := m.MediaName.Port.Value == 0
		switch {
		case taken[i] || rejected:
			m.ConnectionInformation = r.connection(m.ConnectionInformation)
		case m.ConnectionInformation == nil && !isGroup(inherited):
			m.ConnectionInformation = inherited
		}
		for k, a := range m.Attributes {
			if a.Key == "rtcp" && (taken[i] || rejected) {
				m.Attributes[k].Value = r.rtcp(a.Value, m.MediaName.Port.Value, r.ports[i])
			}
		}
		if taken[i] {
			m.MediaName.Port.Value = int(r.ports[i])
		}
	}
}

func (r relay) kind() string {
	if r.host.Is6() {
		return "IP6"
	}
	return "IP4"
}

// address is the host, or that of a hold in its family.
func (r relay) address(was string) string {
	switch a, _ := netip.ParseAddr(was); {
	case !a.IsValid() || !a.IsUnspecified():
		return r.host.String()
	case r.host.Is6():
		return "::"
	}
	return "0.0.0.0"
}

func (r relay) connection(was *sdp.ConnectionInformation) *sdp.ConnectionInformation {
	if was == nil || isGroup(was) {
		return was
	}
	plain, _, _ := strings.Cut(was.Address.Address, "/")
	return &sdp.ConnectionInformation{NetworkType: "IN", AddressType: r.kind(), Address: &sdp.Address{Address: r.address(plain)}}
}

func (r relay) rtcp(was string, before int, now uint16) string {
	words := strings.Fields(was)
	if port, _ := strconv.Atoi(words[0]); before != 0 {
		if words[0] = strconv.Itoa(int(now)); port != before {
			words[0] = strconv.Itoa(int(now) + 1)
		}
	}
	if len(words) == 4 {
		words[2], words[3] = r.kind(), r.address(words[3])
	}
	return strings.Join(words, " ")
}

func isGroup(c *sdp.ConnectionInformation) bool {
	if c == nil {
		return false
	}
	plain, _, _ := strings.Cut(c.Address.Address, "/")
	a, err := netip.ParseAddr(plain)
	return err == nil && a.IsMulticast()
}

func withoutICE(all []sdp.Attribute) (left []sdp.Attribute) {
	for _, a := range all {
		if !slices.Contains([]string{
			"candidate", "remote-candidates", "end-of-candidates", "ice-ufrag", "ice-pwd", "ice-options", "ice-lite", "ice-mismatch", "ice-pacing", "altc",
		}, a.Key) {
			left = append(left, a)
		}
	}
	return left
}

// generator makes descriptions in the order that pion insists on.
type generator struct{ *rand.Rand }

// one of some, or nothing.
func (g generator) one(of ...string) string { return of[g.IntN(len(of))] }

func (g generator) address() string {
	return g.one("IP4 192.0.2.10", "IP4 10.0.0.1", "IP4 192.0.2.10/127", "IP6 2001:db8::10", "IP4 0.0.0.0", "IP6 ::", "IP4 224.2.1.1/127/3",
		"IP6 ff15::101/3", "IP4 pc33.example.com", "IP4 172.16.0.1", "IP6 fe80::5")
}

func (g generator) some(lines ...string) (s string) {
	for range g.IntN(5) {
		s += g.one(lines...) + "\r\n"
	}
	return s
}

func (g generator) description() string {
	s := "v=0\r\no=- 1 1 IN " + g.one("IP4 192.0.2.10", "IP6 2001:db8::10", "IP4 0.0.0.0") + "\r\ns=-\r\n"
	shared := g.IntN(3) > 0
	if shared {
		s += "c=IN " + g.address() + "\r\n"
	}
	s += g.one("", "b=AS:128\r\n") + "t=0 0\r\n"
	s += g.some("a=group:BUNDLE 0 1", "a=ice-lite", "a=ice-options:trickle", "a=sendonly", "a=tool:x", "a=ice-ufrag:abcd", "a=msid-semantic: WMS *")
	for range g.IntN(5) {
		port := g.one("0", "9", "49170", "49172", "65534")
		muxed := port
		if port == "0" {
			muxed = "49170" // 0 is no place for RTCP: pion would not mind
		}
		s += "m=" + g.one("audio", "video", "application", "message", "text") + " " + port + g.one("", "", "", "/1") + " "
		s += g.one("RTP/AVP", "RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVPF", "UDP/DTLS/SCTP", "DTLS/SCTP", "UDP/BFCP", "TCP/MSRP", "TCP/TLS/MSRP", "TCP/RTP/AVP", "SCTP")
		s += " " + g.one("0", "0 8 101", "96", "*") + "\r\n" + g.one("", "", "i=title\r\n")
		if !shared || g.IntN(2) == 0 {
			s += "c=IN " + g.address() + "\r\n"
		}
		s += g.one("", "b=AS:64\r\n")
		s += g.some("a=rtcp:"+g.one(muxed, "53020"), "a=rtcp:49171 IN "+g.one("IP4 192.0.2.10", "IP6 2001:db8::10", "IP4 0.0.0.0"), "a=rtcp-mux",
			"a=candidate:0 1 UDP 2122252543 10.1.2.3 54400 typ host", "a=end-of-candidates", "a=ice-pwd:0123456789abcdef0123456789", "a=mid:0",
			"a=rtpmap:101 telephone-event/8000", "a=sendonly", "a=inactive", "a=setup:actpass", "a=fingerprint:sha-1 00:11", "a=crypto:1 AES inline:x|2^20|1:32",
			"a=altc:1 IP6 2001:db8::10 49170", "a=remote-candidates:1 192.0.2.1 5000", "a=rtcp-fb:* nack", "a=x-y: z ")
	}
	return s
}
