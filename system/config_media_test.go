package system

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/sipwire"
)

// relaying is a file with two legs whose media are relayed; what is given comes behind the keys of each.
func relaying(first, second, media string) string {
	return "legs:\n  - {name: a, listen: \"udp:10.0.0.1:5060\"" + first + "}\n" +
		"  - {name: b, listen: \"udp:10.0.0.2:5060\"" + second + "}\n" +
		"media: {relay: true" + media + "}\n"
}

func TestWhatIsWrongWithMediaIsToldWithItsPlace(t *testing.T) {
	const everywhere = "legs:\n  - {name: a, listen: \"udp:0.0.0.0:5060\", advertise: a.example%s}\nmedia: {relay: true}\n"
	refuse(t, []refusal{
		// The section.
		{"unknown key", relaying("", "", ", port: 1"), `f:4:22: media.port: unknown key "port"; did you mean ports?`},
		{"unknown key of a leg", relaying(", media: {relay: true}", "", ""), `f:2:52: legs[0].media.relay: unknown key "relay"; ` +
			`known here: address, advertise, ports, hairpin`},
		{"a word for the section", twoLegs + "media: true\n", `f:4:8: media: "true" stands here; write keys with values: relay, ports, ` +
			`max_sessions, max_streams_per_session, unused, silent, closed, journal, shared, workers`},
		{"relay", twoLegs + "media: {relay: yes}\n", `f:4:16: media.relay: "yes" is not known; write true or false`},
		{"hairpin", relaying(", media: {hairpin: 1}", "", ""), `f:2:61: legs[0].media.hairpin: "1" is not known; write true or false`},
		{"sessions", relaying("", "", ", max_sessions: -1"), `f:4:36: media.max_sessions: -1 is out of range; write 0 to 1000000`},
		{
			"streams", relaying("", "", ", max_streams_per_session: 65"),
			`f:4:47: media.max_streams_per_session: 65 is out of range; write 0 to 64`,
		},
		{"workers", relaying("", "", ", workers: 65"), `f:4:31: media.workers: 65 is out of range; write 0 to 64`},
		{"unused", relaying("", "", ", unused: 999ms"), `f:4:30: media.unused: 999ms is out of range; write 1s to 24h`},
		{"unused without unit", relaying("", "", ", unused: 180"), `f:4:30: media.unused: "180" has no unit; write 180s or 180ms`},
		{"silent", relaying("", "", ", silent: 25h"), `f:4:30: media.silent: 25h0m0s is out of range; write 1s to 24h`},
		{"silent below zero", relaying("", "", ", silent: -1s"), `f:4:30: media.silent: -1s is out of range; write 1s to 24h`},
		{"closed", relaying("", "", ", closed: 0s"), `f:4:30: media.closed: 0s is out of range; write 100ms to 1m`},
		{"journal without a name", relaying("", "", `, journal: ""`), `f:4:31: media.journal: a value is missing; write a file name or off, or leave the key out`},
		{
			"journal that is the key file", relaying("", "", ", journal: ./keys.yaml"),
			`f:4:31: media.journal: "keys.yaml" is the key file; write another name, as media.db`,
		},
		{"without relay too", twoLegs + "media: {ports: 30000-20000}\n", `f:4:16: media.ports: 30000-20000 runs backwards; write 20000-30000`},

		// Ranges of ports.
		{"ports in words", relaying("", "", ", ports: many"), `f:4:29: media.ports: "many" is no range of ports; write it as 20000-29999`},
		{"one port", relaying("", "", ", ports: 20000"), `f:4:29: media.ports: "20000" is no range of ports; write it as 20000-29999`},
		{"ports beyond all ports", relaying("", "", ", ports: 60000-65536"), `f:4:29: media.ports: "60000-65536" is no range of ports; write it as 20000-29999`},
		{"ports of a list", relaying("", "", ", ports: [20000, 29999]"), `f:4:29: media.ports: a list stands here; write LOW-HIGH, as 20000-29999`},
		{"low ports", relaying("", "", ", ports: 1000-2000"), `f:4:29: media.ports: 1000-2000 begins below 1024; write ports from 1024 to 65535, as 20000-29999`},
		{"few ports", relaying("", "", ", ports: 20000-20002"), `f:4:29: media.ports: 20000-20002 holds fewer than 4 ports, and one call takes as many; write a longer range`},
		{"the last port", relaying("", "", ", ports: 65535-65535"), `f:4:29: media.ports: 65535-65535 holds fewer than 4 ports, and one call takes as many; write a longer range`},
		{"odd ports", relaying("", "", ", ports: 20001-29999"), `f:4:29: media.ports: 20001-29999 begins with an odd port, and RTP takes the even ones; write 20002-29999`},
		{"odd ports of a leg", relaying("", ", media: {ports: 20001-29999}", ""), `f:3:59: legs[1].media.ports: 20001-29999 begins with an odd port, ` +
			`and RTP takes the even ones; write 20002-29999`},
		{
			"a SIP port among all ports", relaying("", "", ", ports: 5000-5999"),
			`f:4:29: media.ports: 5000-5999 holds the port 5060, on which the leg a listens for SIP; write a range without it`,
		},
		{"a SIP port among a leg's ports", relaying("", ", media: {ports: 5060-5999}", ""), `f:3:59: legs[1].media.ports: 5060-5999 holds the port 5060, ` +
			`on which the leg b listens for SIP; write a range without it`},
		{"the SIP port of another leg on the address", relaying("", ", media: {address: 10.0.0.1, ports: 5000-5060}", ""), `f:3:78: legs[1].media.ports: ` +
			`5000-5060 holds the port 5060, on which the leg a listens for SIP; write a range without it`},
		{
			"the SIP port of a leg on all addresses",
			"legs:\n  - {name: a, listen: \"udp:10.0.0.1:5060\"}\n  - {name: b, listen: \"udp:0.0.0.0:20500\", advertise: b.example, media: {address: 10.0.0.2}}\n" +
				"media: {relay: true, ports: 20000-20999}\n",
			`f:4:29: media.ports: 20000-20999 holds the port 20500, on which the leg b listens for SIP; write a range without it`,
		},
		{"ranges that are partly the same", relaying("", ", media: {address: 10.0.0.1, ports: 29998-35000}", ""), `f:3:78: legs[1].media.ports: ` +
			`29998-35000 and the ports 20000-29999 of the leg a, on the same address 10.0.0.1, are partly the same; write the same range for both, or ranges apart`},
		{"a range within the default", relaying(", media: {ports: 22000-22999}", ", media: {address: 10.0.0.1}", ""), `f:3:51: legs[1].media.ports: ` +
			`20000-29999 and the ports 22000-22999 of the leg a, on the same address 10.0.0.1, are partly the same; write the same range for both, or ranges apart`},

		// Addresses.
		{"no address", fmt.Sprintf(everywhere, ""), `f:2:5: legs[0].media.address: the leg listens on every address, so its media would have none to come to; ` +
			`write media: {address: ADDRESS}, one of this machine`},
		{
			"every address", fmt.Sprintf(everywhere, ", media: {address: 0.0.0.0}"),
			`f:2:82: legs[0].media.address: "0.0.0.0" is every address, and nobody can send media there; write one address`,
		},
		{"address with port", relaying(`, media: {address: "10.0.0.1:20000"}`, "", ""), `f:2:61: legs[0].media.address: "10.0.0.1:20000" has a port; ` +
			`write the address alone, and ports: LOW-HIGH beside it`},
		{"name", relaying(", media: {advertise: sip.example.com}", "", ""), `f:2:63: legs[0].media.advertise: "sip.example.com" is a name; write the address`},
		{"nonsense", relaying(", media: {address: 10.0.0.300}", "", ""), `f:2:61: legs[0].media.address: "10.0.0.300" is no address; write it as 192.0.2.1 or "2001:db8::1"`},
		{"group", relaying(", media: {address: 224.0.1.75}", "", ""), `f:2:61: legs[0].media.address: "224.0.1.75" is no address of one machine; write one that is`},
		{"everybody", relaying(", media: {advertise: 255.255.255.255}", "", ""), `f:2:63: legs[0].media.advertise: "255.255.255.255" is no address of one machine; write one that is`},
		{"nobody", relaying(", media: {advertise: 0.0.0.0}", "", ""), `f:2:63: legs[0].media.advertise: "0.0.0.0" is every address, and nobody can send media there; write one address`},
		{"link", relaying(", media: {address: \"fe80::1%eth0\"}", "", ""), `f:2:61: legs[0].media.address: "fe80::1%eth0" has a zone, ` +
			`which has no meaning on other machines; write an address without %eth0`},
		{"IPv4 as IPv6", relaying(", media: {address: \"::ffff:10.0.0.3\"}", "", ""), `f:2:61: legs[0].media.address: "::ffff:10.0.0.3" is IPv4 written as IPv6; write 10.0.0.3`},
		{"another family", relaying(", media: {advertise: \"2001:db8::1\"}", "", ""), `f:2:63: legs[0].media.advertise: "2001:db8::1" is IPv6, ` +
			`but the media ports are bound on IPv4; write an address of that family`},
		{
			"another family without relay", legWith(`media: {advertise: "2001:db8::1"}`),
			`f:4:24: legs[0].media.advertise: "2001:db8::1" is IPv6, but the media ports are bound on IPv4; write an address of that family`,
		},

		// What cannot be read is as good as absent: nothing follows from it.
		{"listen", "legs: [{name: a, listen: \"udp:10.0.0.1\"}]\nmedia: {relay: true}\n", `f:1:26: legs[0].listen: "udp:10.0.0.1" names no port; write udp:10.0.0.1:5060`},
		{
			"listen on a group", "legs: [{name: a, listen: \"udp:224.0.1.75:5060\"}]\nmedia: {relay: true}\n",
			`f:1:26: legs[0].listen: "udp:224.0.1.75:5060" is no address of one machine; write an address of this one`,
		},
		{
			"the ports of a leg beside those of another", relaying(", media: {ports: x}", ", media: {address: 10.0.0.1, ports: 22000-22999}", ""),
			`f:2:59: legs[0].media.ports: "x" is no range of ports; write it as 20000-29999`,
		},
		{
			"all ports beside those of a leg", relaying("", ", media: {address: 10.0.0.1, ports: 22000-22999}", ", ports: x"),
			`f:4:29: media.ports: "x" is no range of ports; write it as 20000-29999`,
		},
		{
			"the address of a leg", relaying(", media: {address: x}", ", media: {address: 10.0.0.1, ports: 22000-22999}", ""),
			`f:2:61: legs[0].media.address: "x" is a name; write the address`,
		},
		{
			"the media of a leg", relaying(", media: x", ", media: {address: 10.0.0.1, ports: 22000-22999}", ""),
			`f:2:51: legs[0].media: "x" stands here; write keys with values: address, advertise, ports, hairpin`,
		},
	})
}

// A port may be shared by legs, or be another's on another address; and what relays nothing may hold all of this.
func TestMediaThatGoTogether(t *testing.T) {
	for name, src := range map[string]string{
		"one range on two addresses":    relaying("", "", ""),
		"one range on one address":      relaying("", ", media: {address: 10.0.0.1}", ""),
		"own ranges that are equal":     relaying(", media: {ports: 4000-4003}", ", media: {address: 10.0.0.1, ports: 4000-4003}", ""),
		"ranges apart on one address":   relaying("", ", media: {address: 10.0.0.1, ports: 30000-39999}", ""),
		"SIP port on another address":   relaying(", media: {address: 10.0.0.3, ports: 5000-5999}", "", ""),
		"a last port that is even":      relaying("", "", ", ports: 20000-30000"),
		"all addresses, and one":        `{legs: [{name: a, listen: "udp:[::]:5060", advertise: a.example, media: {address: "2001:db8::1"}}], media: {relay: true}}`,
		"all addresses without a relay": `{legs: [{name: a, listen: "udp:0.0.0.0:20500", advertise: a.example, media: {hairpin: true}}], media: {}}`,
		"overlap without a relay":       strings.Replace(relaying("", ", media: {address: 10.0.0.1, ports: 5060-35000}", ""), "true", "false", 1),
	} {
		if c, err := Parse("f", []byte(src)); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if err := c.Validate(); err != nil {
			t.Errorf("%s: accepted, but not valid: %v", name, err)
		}
	}
}

// What a leg does not say is there when the configuration has been read, so that nobody has to think of it again.
func TestALegsMediaAreFilledIn(t *testing.T) {
	ip := netip.MustParseAddr
	c, err := Parse("f", []byte(relaying(", media: {address: 10.0.0.9}", ", media: {advertise: 203.0.113.7, ports: 4000-4999}", ", journal: off")))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Legs[0].Media, (LegMedia{ip("10.0.0.9"), ip("10.0.0.9"), 20000, 29999, false}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := c.Legs[1].Media, (LegMedia{ip("10.0.0.2"), ip("203.0.113.7"), 4000, 4999, false}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if c.Media.Journal != "" {
		t.Errorf("the journal is off, and called %q", c.Media.Journal)
	}
	c, err = Parse("f", []byte(strings.Replace(relaying(", media: {hairpin: true}", "", ""), "relay: true", "relay: false", 1)))
	if want := (LegMedia{Hairpin: true}); err != nil || c.Legs[0].Media != want {
		t.Errorf("without a relay a leg has %+v (%v)", c.Legs[0].Media, err)
	}
}

// A Config made in Go that leaves media out, or a part of them, does not pass for one with media.
func TestValidateKnowsMediaMadeInGo(t *testing.T) {
	c := Defaults()
	c.Legs = []Leg{{Name: "a", Transport: sipwire.UDP, Listen: netip.MustParseAddrPort("10.0.0.1:5060")}}
	if err := c.Validate(); err != nil {
		t.Errorf("without a relay: %v", err)
	}
	c.Media.Relay = true
	expect := func(want ...string) {
		t.Helper()
		got := ""
		if err := c.Validate(); err != nil {
			got = err.Error()
		}
		if want := strings.Join(want, "\n"); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
	const none = "0-0 begins below 1024; write ports from 1024 to 65535, as 20000-29999"
	expect("legs[0].media.address: the leg has no address for its media; write one, as 10.0.0.1", "legs[0].media.ports: "+none)
	c.Legs[0].Media = LegMedia{Address: netip.MustParseAddr("10.0.0.1"), Low: 20000, High: 20003}
	expect("legs[0].media.advertise: session descriptions would have no address; write one, as 10.0.0.1")
	c.Legs[0].Media.Advertise = c.Legs[0].Media.Address
	expect()
	c.Media = Media{Relay: true, Silent: time.Minute}
	expect("media.ports: "+none, "media.unused: 0s is out of range; write 1s to 24h", "media.closed: 0s is out of range; write 100ms to 1m")
}
