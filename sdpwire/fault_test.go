package sdpwire

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestFaults(t *testing.T) {
	const m0 = "m=audio 49170 RTP/AVP 0\r\n"
	line := func(s string) string { return above + s + "\r\n" }
	for _, x := range []struct {
		name, body string
		want       Fault
	}{
		{"empty", "", NotSDP},
		{"no description", "hello\r\nworld\r\n", NotSDP},
		{"attributes alone", "a=sendonly\r\n", NotSDP},
		{"no media", above, None},
		{"version alone", "v=0", None},
		{"media alone", "m=audio 0 RTP/AVP 0", None},
		{"longest", above + strings.Repeat("\n", MaxSize-len(above)), None},
		{"too long", above + strings.Repeat("\n", MaxSize-len(above)+1), TooLong},
		{"most media", above + strings.Repeat(m0, MaxMedia), None},
		{"too many media", above + strings.Repeat(m0, MaxMedia+1), TooManyMedia},
		{"too many addresses", above + strings.Repeat("c=IN IP4 192.0.2.1\r\n", MaxPlaces), TooManyPlaces},
		{"many candidates", line(m0 + strings.Repeat("a=candidate:1\r\n", 2*MaxPlaces)), None},
		{"no port", line("m=audio"), BadMedia},
		{"no transport", line("m=audio 49170"), BadMedia},
		{"no format", line("m=audio 49170 RTP/AVP"), None},
		{"highest port", line("m=audio 65535 RTP/AVP 0"), None},
		{"port too high", line("m=audio 65536 RTP/AVP 0"), BadPort},
		{"port far too high", line("m=audio 99999999999999999999999 RTP/AVP 0"), BadPort},
		{"zeros in front", line("m=audio 0000000049170 RTP/AVP 0"), None},
		{"negative port", line("m=audio -1 RTP/AVP 0"), BadPort},
		{"port to be chosen", line("m=audio $ RTP/AVP 0"), BadPort},
		{"port with a point", line("m=audio 49170. RTP/AVP 0"), BadPort},
		{"most pairs", line("m=audio 49170/32 RTP/AVP 0"), None},
		{"too many pairs", line("m=audio 49170/33 RTP/AVP 0"), BadRange},
		{"no pairs", line("m=audio 49170/0 RTP/AVP 0"), BadRange},
		{"empty range", line("m=audio 49170/ RTP/AVP 0"), BadRange},
		{"range of ranges", line("m=audio 49170/2/3 RTP/AVP 0"), BadRange},
		{"range beyond the last port", line("m=audio 65534/2 RTP/AVP 0"), BadRange},
		{"range of a rejected line", line("m=audio 0/99 RTP/AVP 0"), None},
		{"no address", "v=0\r\n" + m0, NoConnection},
		{"no address for the first of two", "v=0\r\n" + m0 + m0 + "c=IN IP4 192.0.2.1\r\n", NoConnection},
		{"address too short", line(m0 + "c=IN IP4 192.0.2"), BadConnection},
		{"address too high", line(m0 + "c=IN IP4 192.0.2.256"), BadConnection},
		{"IPv6 address with a zone", line(m0 + "c=IN IP6 fe80::1%eth0"), BadConnection},
		{"address to be chosen", line(m0 + "c=IN IP4 $"), BadConnection},
		{"another net", line(m0 + "c=ATM NSAP 47.0091"), BadConnection},
		{"another kind", line(m0 + "c=IN IP5 192.0.2.1"), BadConnection},
		{"no net", line(m0 + "c=IP4 192.0.2.1"), BadConnection},
		{"two addresses", line(m0 + "c=IN IP4 192.0.2.1 192.0.2.2"), BadConnection},
		{"NUL behind the address", line(m0 + "c=IN IP4 192.0.2.1\x00"), BadConnection},
		{"empty connection", line(m0 + "c="), BadConnection},
		{"the second of two is unreadable", line(m0 + "c=IN IP4 192.0.2.1\r\nc=X"), BadConnection},
		{"unreadable for the session, but not in force", "v=0\r\nc=X\r\n" + m0 + "c=IN IP4 192.0.2.1\r\n", None},
		{"unreadable and in force", "v=0\r\nc=X\r\n" + m0, BadConnection},
		{"unreadable for a rejected line", line("m=audio 0 RTP/AVP 0\r\nc=X"), None},
		{"the addrtype of the other family", line(m0 + "c=IN IP4 2001:db8::1"), None},
	} {
		d, in := new(Description), []byte(x.body)
		if fault := d.Parse(in); fault != x.want {
			t.Errorf("%s: %q, not %q", x.name, fault, x.want)
		}
		if x.want == None {
			continue
		}
		if out := d.Append(nil, host4, freePorts(MaxMedia)); len(d.Media) > 0 || !bytes.Equal(out, in) {
			t.Errorf("%s: %d media, left as\n%.2000s", x.name, len(d.Media), out)
		}
	}
}

func TestFaultsCanBeToldApart(t *testing.T) {
	seen := map[string]bool{}
	for f := range Faults {
		s := Fault(f).String()
		if s == "" || seen[s] {
			t.Errorf("fault %d is %q", f, s)
		}
		seen[s] = true
	}
}

// TestCutOffDescriptionsDoNoHarm parses every prefix of descriptions of all shapes, and splices what can be.
func TestCutOffDescriptionsDoNoHarm(t *testing.T) {
	d := new(Description)
	for _, g := range goldens {
		raw := goldenFile(t, g.name+".in.sdp")
		for n := range raw {
			prefix := slices.Clip(bytes.Clone(raw[:n]))
			fault := d.Parse(prefix)
			out := g.leaves(d)
			if fault != None && !bytes.Equal(out, prefix) {
				t.Errorf("%s: %d bytes with fault %q left as\n%s", g.name, n, fault, out)
			}
			if after := d.Parse(out); after != fault {
				t.Errorf("%s: %q with %d bytes, %q when rewritten", g.name, fault, n, after)
			}
		}
	}
}
