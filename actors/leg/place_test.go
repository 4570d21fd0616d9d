package leg

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/tests/stage"
)

// RFC 3261 §18.2.1 and §18.2.2, RFC 3581 §4: where a response goes. Our own answer, and the response of another that
// comes back through us, go to the same place.
func TestAResponseGoesWhereTheViaSays(t *testing.T) {
	for _, c := range []struct {
		name   string
		by     string
		source string
		via    string // what follows the transport
		answer string // where our own answer goes, and a response that is forwarded
	}{
		{"where it came from", "inside", "10.0.0.5:5060", "10.0.0.5", "10.0.0.5:5060"},
		{"to the port of sent-by", "inside", "10.0.0.5:40000", "10.0.0.5:5062", "10.0.0.5:5062"},
		{"to the default port", "inside", "10.0.0.5:40000", "10.0.0.5", "10.0.0.5:5060"},
		{"to the source address", "inside", "10.0.0.5:40000", "192.168.1.1:5062", "10.0.0.5:5062"},
		{"a name in sent-by", "inside", "10.0.0.5:40000", "pc.example.org:5062", "10.0.0.5:5062"},
		{"a name in sent-by, no port", "inside", "10.0.0.5:40000", "pc.example.org", "10.0.0.5:5060"},
		{"rport", "inside", "10.0.0.5:40000", "10.0.0.5:5062;rport", "10.0.0.5:40000"},
		{"rport behind NAT", "inside", "10.0.0.5:40000", "192.168.1.1;rport", "10.0.0.5:40000"},
		{"rport with a value of the sender's", "inside", "10.0.0.5:40000", "192.168.1.1;rport=9", "10.0.0.5:40000"},
		{"rport twice", "inside", "10.0.0.5:40000", "192.168.1.1;rport=9;rport", "10.0.0.5:40000"},
		{"received of the sender's", "inside", "10.0.0.5:40000", "10.0.0.5:5062;received=192.0.2.66", "10.0.0.5:5062"},
		{"received twice", "inside", "10.0.0.5:40000", "a.b;received=192.0.2.66;received=192.0.2.67;rport", "10.0.0.5:40000"},
		{"received without a value", "inside", "10.0.0.5:40000", "10.0.0.9:5062;received", "10.0.0.5:5062"},
		{"received without a value, where it came from", "inside", "10.0.0.5:40000", "10.0.0.5:5062;received=", "10.0.0.5:5062"},
		// Deviates: neither our own answers nor those of others follow maddr.
		{"maddr", "inside", "10.0.0.5:40000", "10.0.0.5:5062;maddr=10.0.0.7", "10.0.0.5:5062"},
		{
			"maddr before received and rport", "inside", "10.0.0.5:40000", "192.168.1.1:5062;maddr=10.0.0.7;rport;received=10.0.0.8",
			"10.0.0.5:40000",
		},
		{"maddr without a value", "inside", "10.0.0.5:40000", "10.0.0.5:5062;maddr", "10.0.0.5:5062"},
		{"maddr that is a name", "inside", "10.0.0.5:40000", "10.0.0.5:5062;maddr=far.example.org", "10.0.0.5:5062"},
		{"maddr that is a group", "inside", "10.0.0.5:40000", "10.0.0.5:5062;maddr=224.0.1.75", "10.0.0.5:5062"},
		// An address of the other family cannot be written to by this socket: it once ended the lane.
		{"maddr of the other family", "inside", "10.0.0.5:40000", "10.0.0.5:5062;maddr=[2001:db8::7]", "10.0.0.5:5062"},
		{"maddr of the other family, bare", "inside", "10.0.0.5:40000", "10.0.0.5:5062;maddr=2001:db8::7", "10.0.0.5:5062"},
		{"maddr of the other family on IPv6", "six", "[2001:db8::5]:40000", "[2001:db8::5]:5062;maddr=10.0.0.7", "[2001:db8::5]:5062"},
		{"IPv6", "six", "[2001:db8::5]:40000", "[2001:db8::5]:5062", "[2001:db8::5]:5062"},
		{"IPv6 in another spelling", "six", "[2001:db8::5]:40000", "[2001:0DB8:0::5]:5062", "[2001:db8::5]:5062"},
		{"IPv6 behind NAT", "six", "[2001:db8::5]:40000", "10.0.0.5:5062;rport", "[2001:db8::5]:40000"},
		{"another transport", "inside", "10.0.0.5:40000", "10.0.0.5", "10.0.0.5:5060"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t)
			source, text := netip.MustParseAddrPort(c.source), "SIP/2.0/UDP "+c.via+";branch=z9hG4bKabc"
			answer, to := h.answered(c.by, source, request("INVITE", bob, text, "Max-Forwards: 0"), message.TooManyHops)
			if to.String() != c.answer {
				t.Errorf("our answer goes to %s, want %s:\n%s", to, c.answer, answer)
			}
			forwarded := h.forwarded(c.by, "outside", source, request("INVITE", bob, text))
			p := h.accepted("outside", caller, response(200, forwarded))
			defer p.Free()
			got := p.Reply.Addr.String()
			if got != c.answer {
				t.Errorf("the response of another goes to %s, want %s:\n%s", got, c.answer, forwarded)
			}
		})
	}
}

// The transport of the Via decides the default port, whatever it came by.
func TestTheDefaultPortIsThatOfTheTransport(t *testing.T) {
	h := build(t)
	for transport, want := range map[string]string{"UDP": "10.0.0.5:5060", "TCP": "10.0.0.5:5060", "TLS": "10.0.0.5:5061", "X-Y": "10.0.0.5:5060"} {
		_, to := h.answered("inside", caller, request("INVITE", bob, "SIP/2.0/"+transport+" 10.0.0.5;branch=z9hG4bKabc", "Max-Forwards: 0"), message.TooManyHops)
		if to.String() != want {
			t.Errorf("%s: the answer goes to %s, want %s", transport, to, want)
		}
	}
}

// What cannot be read well enough to be forwarded can often be answered.
func TestAFaultyRequestIsAnsweredToItsSender(t *testing.T) {
	h := build(t)
	for name, want := range map[string]sipwire.Fault{
		"From": sipwire.NoFrom, "To": sipwire.NoTo, "Call-ID": sipwire.NoCallID, "CSeq": sipwire.NoCSeq,
	} {
		text := request("INVITE", bob, "SIP/2.0/UDP 192.168.1.1:5070;rport;branch=z9hG4bKabc")
		text = strings.Replace(text, "\n"+name+": ", "\nX-"+name+": ", 1)
		answer, to := h.answered("inside", caller, text, message.Reason(want))
		if vias := stage.Headers(answer, "Via"); to != caller || len(vias) != 1 || vias[0] != "SIP/2.0/UDP 192.168.1.1:5070;rport=5062;branch=z9hG4bKabc;received=10.0.0.5" {
			t.Errorf("no %s: it is answered to %s with\n%s", name, to, answer)
		}
		if len(stage.Headers(answer, name)) != 0 {
			t.Errorf("the answer has a %s, which the request had not:\n%s", name, answer)
		}
	}
}
