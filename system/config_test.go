package system

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/stream"
)

// twoLegs is a file with two good legs, for the cases whose fault is below; theirs begins in line 4.
const twoLegs = `legs:
  - {name: inside, listen: "udp:10.0.0.1:5060", reach: [10.0.0.0/8]}
  - {name: outside, listen: "udp:192.0.2.1:5060", advertise: "sip.example.com:5080"}
`

// legWith is a file with one leg and one more line to it, the fourth.
func legWith(line string) string {
	return "legs:\n  - name: inside\n    listen: udp:10.0.0.1:5060\n    " + line + "\n"
}

func TestWhatIsWrongIsToldWithItsPlace(t *testing.T) {
	refuse(t, []refusal{
		// The file as a whole.
		{"empty", "", `f:1:1: the file is empty; it needs one leg at least: legs: [{name: NAME, listen: "udp:ADDRESS:5060"}]`},
		{"comments only", "# nothing\n", `f:1:1: the file is empty; it needs one leg at least: legs: [{name: NAME, listen: "udp:ADDRESS:5060"}]`},
		{"a word", "hello", `f:1:1: "hello" stands here; write keys with values: node, lanes, legs, next_hops, outbound_proxy, ` +
			`contact, media, keys, dns, limits, forwarding, streams, trusted, chain, registrar, bans, cluster, drain, admin, log, telemetry`},
		{"a list", "- a\n- b\n", `f:1:1: a list stands here; write keys with values: node, lanes, legs, next_hops, outbound_proxy, ` +
			`contact, media, keys, dns, limits, forwarding, streams, trusted, chain, registrar, bans, cluster, drain, admin, log, telemetry`},
		{"two documents", twoLegs + "---\n" + twoLegs, `f:4:1: a second document begins; write one document a file`},
		{"syntax", twoLegs + "dns: {timeout: 2s\n", `f:5:1: this is not YAML: did not find expected ',' or '}' while parsing a flow mapping`},
		{"syntax in the second document", twoLegs + "---\n]", `f:5:1: this is not YAML: did not find expected node content while parsing a block node`},
		{"tab", "legs:\n\t- name: a\n", `f:2:1: this is not YAML: found character that cannot start any token ` +
			`while scanning for the next token; indent with blanks, not with tabs`},
		{"star without quotes", legWith("domains: [*.example.com]"), `f:4:15: this is not YAML: unknown anchor '.example.com' referenced; ` +
			`write what begins with * or & in quotes, as "*.example.com"`},
		{"Latin-1", "node: M\xfcnchen\n", `f:1:8: the byte 0xfc is not text; the file is written in UTF-8`},
		{"binary", "legs:\n \x00", `f:2:2: the byte 0x00 is not text; the file is written in UTF-8`},
		{"huge", strings.Repeat("# \n", configMax), `f:1:1: the file is longer than 1048576 bytes; is it a configuration file?`},

		// Keys.
		{"unknown key", twoLegs + "redirects: {domains: [a]}\n", `f:4:1: redirects: unknown key "redirects"; known here: node, lanes, legs, next_hops, ` +
			`outbound_proxy, contact, media, keys, dns, limits, forwarding, streams, trusted, chain, registrar, bans, cluster, drain, admin, log, telemetry`},
		{"misspelt key", twoLegs + "nexthops: {}\n", `f:4:1: nexthops: unknown key "nexthops"; did you mean next_hops?`},
		{
			"misspelt key of a leg", "legs:\n  - name: a\n    lissten: udp:10.0.0.1:5060\n",
			`f:3:5: legs[0].lissten: unknown key "lissten"; did you mean listen?`,
		},
		{"key of two lines", twoLegs + "contact: {a\n\n b}", `f:4:11: contact."a\nb": unknown key "a\nb"; known here: rewrite`},
		{"key of something else", legWith("outbound_proxy: {domains: [example.com]}"), `f:4:5: legs[0].outbound_proxy: unknown key "outbound_proxy"; ` +
			`known here: name, listen, advertise, reach, domains, proxy, prefixes, registrar, media, tls, websocket, stream`},
		{"key twice", legWith("name: b"), `f:4:5: legs[0].name: the key "name" stands here twice, first in line 2`},
		{"key that is a list", twoLegs + "[a]: b\n", `f:4:1: ?: a list stands here; write a word for a key`},
		{"key without a value", twoLegs + "node:\n", `f:4:6: node: a value is missing; write a name, or leave the key out`},
		{"null", twoLegs + "node: ~\n", `f:4:7: node: a value is missing; write a name, or leave the key out`},
		{"empty value", twoLegs + `outbound_proxy: ""`, `f:4:17: outbound_proxy: a value is missing; write sip:HOST:PORT, or leave the key out`},
		{
			"alias", "node: &n a\n" + twoLegs + "outbound_proxy: *n\n",
			`f:5:17: outbound_proxy: *n is a YAML alias, which this file does not use; write the value itself, in quotes if it begins with *`,
		},
		{"a list for a word", twoLegs + "node: [a]\n", `f:4:7: node: a list stands here; write a name`},
		{"a mapping for a word", twoLegs + "node: {a: b}\n", `f:4:7: node: a mapping (key: value) stands here; write a name`},
		{"a word for a mapping", twoLegs + "contact: always\n", `f:4:10: contact: "always" stands here; write keys with values: rewrite`},
		{"a word for a list", legWith("reach: 10.0.0.0/8"), `f:4:12: legs[0].reach: "10.0.0.0/8" stands here; ` +
			`write a list, as ["10.0.0.0/8", "192.0.2.1", "192.0.2.2:5060"]`},
		{"a mapping of legs", "legs: {inside: {listen: a}}\n", `f:1:7: legs: a mapping (key: value) stands here; ` +
			`write a list of legs, each as "- name: NAME" and its other keys below`},

		// The node and its legs.
		{"node", twoLegs + "node: my node\n", `f:4:7: node: "my node" is no name for a node; write 1 to 255 characters without blanks`},
		{"node of two lines", twoLegs + "node: |\n  a\n  b\n", `f:4:7: node: "a\nb\n" has a line break or another control character`},
		{"lanes", twoLegs + "lanes: 257\n", `f:4:8: lanes: 257 is out of range; write 0 to 256`},
		{"lanes below zero", twoLegs + "lanes: -1\n", `f:4:8: lanes: -1 is out of range; write 0 to 256`},
		{"lanes in words", twoLegs + "lanes: many\n", `f:4:8: lanes: "many" is no whole number`},
		{"lanes in halves", twoLegs + "lanes: 1.5\n", `f:4:8: lanes: "1.5" is no whole number`},
		{"no legs", "node: a\n", `f:1:1: legs: there is no leg to send and receive by; write at least legs: [{name: inside, listen: "udp:ADDRESS:5060"}]`},
		{
			"legs that are commented out", "legs:\n#  - name: a\n",
			`f:1:6: legs: there is no leg to send and receive by; write at least legs: [{name: inside, listen: "udp:ADDRESS:5060"}]`,
		},
		{"a leg that says nothing", "legs:\n  -\n", "f:2:4: legs[0].name: the leg has no name; write one, as name: inside\n" +
			"f:2:4: legs[0].listen: the leg listens nowhere; write listen: udp:ADDRESS:5060"},
		{
			"leg name", "legs: [{name: Inside, listen: \"udp:10.0.0.1:5060\"}]",
			`f:1:15: legs[0].name: "Inside" is no name for a leg; write lower-case letters, digits and dashes, 32 at most, no dash first`,
		},
		{
			"long leg name", "legs: [{name: a23456789012345678901234567890123, listen: \"udp:10.0.0.1:5060\"}]",
			`f:1:15: legs[0].name: "a23456789012345678901234567890123" is no name for a leg; write lower-case letters, digits and dashes, 32 at most, no dash first`,
		},
		{
			"two legs of one name", "legs:\n  - {name: a, listen: \"udp:10.0.0.1:5060\"}\n  - {name: a, listen: \"udp:10.0.0.1:5061\"}\n",
			`f:3:12: legs[1].name: "a" is legs[0].name already`,
		},
		{
			"two legs on one address", "legs:\n  - {name: a, listen: \"udp:10.0.0.1:5060\"}\n  - {name: b, listen: \"UDP:10.0.0.1:5060\"}\n",
			`f:3:23: legs[1].listen: "udp:10.0.0.1:5060" is legs[0].listen already`,
		},

		// listen and advertise.
		{"listen without port", listening("udp:10.0.0.1"), `f:3:13: legs[0].listen: "udp:10.0.0.1" names no port; write udp:10.0.0.1:5060`},
		{"listen without port, IPv6", listening("udp:[::1]"), `f:3:13: legs[0].listen: "udp:[::1]" names no port; write udp:[::1]:5060`},
		{"listen without transport", listening("10.0.0.1:5060"), `f:3:13: legs[0].listen: "10.0.0.1:5060" names no transport; write udp:10.0.0.1:5060`},
		{"listen on a bare address", listening("10.0.0.1"), `f:3:13: legs[0].listen: "10.0.0.1" names neither transport nor port; write udp:10.0.0.1:5060`},
		{
			"listen without brackets", listening("udp:2001:db8::1:5060"),
			`f:3:13: legs[0].listen: "udp:2001:db8::1:5060" has an IPv6 address without brackets; write udp:[2001:db8::1]:5060`,
		},
		{
			"listen without brackets and port", listening("udp:::1"),
			`f:3:13: legs[0].listen: "udp:::1" has an IPv6 address without brackets; write udp:[::1]:5060`,
		},
		{
			"listen without brackets, IPv6 in full", listening("udp:2001:db8:1:2:3:4:5:6:5070"),
			`f:3:13: legs[0].listen: "udp:2001:db8:1:2:3:4:5:6:5070" has an IPv6 address without brackets; write udp:[2001:db8:1:2:3:4:5:6]:5070`,
		},
		{"listen on a name", listening("udp:sip.example.com:5060"), `f:3:13: legs[0].listen: "udp:sip.example.com:5060" listens on the name ` +
			`sip.example.com; write the address, and advertise: sip.example.com below`},
		{"listen on a port", listening("udp::5060"), `f:3:13: legs[0].listen: "udp::5060" names no address; write udp:ADDRESS:5060`},
		{"listen on an impossible port", listening("udp:10.0.0.1:65536"), `f:3:13: legs[0].listen: "udp:10.0.0.1:65536" is no listen address; write udp:ADDRESS:PORT, IPv6 in [brackets]`},
		{"listen to nonsense", listening("here"), `f:3:13: legs[0].listen: "here" does not begin with a transport; write udp:ADDRESS:PORT`},
		{"sctp", listening("sctp:10.0.0.1:5060"), `f:3:13: legs[0].listen: "sctp:10.0.0.1:5060" begins with a transport that no leg carries; ` +
			`write udp, tcp, tls, ws or wss for sctp`},
		{"listen everywhere", listening("udp:0.0.0.0:5060"), `f:3:13: legs[0].listen: "udp:0.0.0.0:5060" is every address, so Via and Record-Route ` +
			`would have none; listen on one address, or add advertise: HOST`},
		{"listen everywhere, IPv6", listening("udp:[::]:5060"), `f:3:13: legs[0].listen: "udp:[::]:5060" is every address, so Via and Record-Route ` +
			`would have none; listen on one address, or add advertise: HOST`},
		{"listen on a group", listening("udp:224.0.1.75:5060"), `f:3:13: legs[0].listen: "udp:224.0.1.75:5060" is no address of one machine; write an address of this one`},
		{"listen on a link", listening("udp:[fe80::1%eth0]:5060"), `f:3:13: legs[0].listen: "udp:[fe80::1%eth0]:5060" has a zone, which has no meaning ` +
			`on other machines; listen on an address without %eth0`},
		{
			"listen on IPv4 as IPv6", listening("udp:[::ffff:10.0.0.1]:5060"),
			`f:3:13: legs[0].listen: "udp:[::ffff:10.0.0.1]:5060" is IPv4 written as IPv6; write udp:10.0.0.1:5060`,
		},
		{"advertise a URI", legWith("advertise: sip:sip.example.com"), `f:4:16: legs[0].advertise: "sip:sip.example.com" has no valid port; write a port from 1 to 65535 behind the colon`},
		{"advertise a bad name", legWith("advertise: sip_.-example.com"), `f:4:16: legs[0].advertise: "sip_.-example.com" is neither an address nor a host name`},
		{"advertise a bad address", legWith("advertise: 10.0.0.300"), `f:4:16: legs[0].advertise: "10.0.0.300" is neither an address nor a host name`},
		{"advertise port 0", legWith("advertise: sip.example.com:0"), `f:4:16: legs[0].advertise: "sip.example.com:0" has no valid port; write a port from 1 to 65535 behind the colon`},
		{"advertise without brackets", legWith("advertise: 2001:db8::1"), `f:4:16: legs[0].advertise: "2001:db8::1" is an IPv6 address without brackets; write "[2001:db8::1]"`},
		{"advertise every address", legWith("advertise: 0.0.0.0"), `f:4:16: legs[0].advertise: "0.0.0.0" is no address that anybody can send to; write the one that others use`},

		// reach, domains and prefixes.
		{"reach with host bits", legWith("reach: [10.1.2.3/8]"), `f:4:13: legs[0].reach[0]: "10.1.2.3/8" has bits behind the network; ` +
			`write 10.0.0.0/8 for the network or 10.1.2.3 for the one address`},
		{"reach by name", legWith("reach: [10.0.0.0/8, example.com]"), `f:4:25: legs[0].reach[1]: "example.com" is no network, address or address:port; ` +
			`write it as 10.0.0.0/8, 192.0.2.1 or 192.0.2.1:5060`},
		{"reach port 0", legWith(`reach: ["10.0.0.1:0"]`), `f:4:13: legs[0].reach[0]: "10.0.0.1:0" is no network, address or address:port; ` +
			`write it as 10.0.0.0/8, 192.0.2.1 or 192.0.2.1:5060`},
		{"reach IPv6 from IPv4", legWith(`reach: [10.0.0.0/8, "2001:db8::/32"]`), `f:4:25: legs[0].reach[1]: "2001:db8::/32" is IPv6, ` +
			`but the leg listens on IPv4; make another leg for it`},
		{
			"reach IPv4 from IPv6", "legs: [{name: a, listen: \"udp:[::1]:5060\", reach: [\"127.0.0.1:5070\"]}]",
			`f:1:52: legs[0].reach[0]: "127.0.0.1:5070" is IPv4, but the leg listens on IPv6; make another leg for it`,
		},
		{
			"two legs that reach the same", "legs:\n  - {name: a, listen: \"udp:10.0.0.1:5060\", reach: [10.0.0.0/8]}\n" +
				"  - {name: b, listen: \"udp:10.0.0.2:5060\", reach: [10.0.0.5, 10.0.0.0/8]}\n",
			`f:3:62: legs[1].reach[1]: "10.0.0.0/8" is legs[0].reach[0] already`,
		},
		{"domain with a star inside", legWith(`domains: ["sip.*.com"]`), `f:4:15: legs[0].domains[0]: "sip.*.com" has a * where none can be; ` +
			`it stands for the whole first part, as *.example.com, or alone`},
		{"domain with half a star", legWith(`domains: ["*example.com"]`), `f:4:15: legs[0].domains[0]: "*example.com" has a * where none can be; ` +
			`it stands for the whole first part, as *.example.com, or alone`},
		{"domain with a dot", legWith(`domains: [.example.com]`), `f:4:15: legs[0].domains[0]: ".example.com" begins with a dot; write "*.example.com" for all that is below it`},
		{"domain with a port", legWith(`domains: ["example.com:5060"]`), `f:4:15: legs[0].domains[0]: "example.com:5060" is more than a domain; write neither scheme nor port`},
		{"no domain", legWith(`domains: [ex..com]`), `f:4:15: legs[0].domains[0]: "ex..com" is no domain; write it as example.com, "*.example.com" or "*"`},
		{
			"one domain on two legs", "legs:\n  - {name: a, listen: \"udp:10.0.0.1:5060\", domains: [example.com]}\n" +
				"  - {name: b, listen: \"udp:10.0.0.2:5060\", domains: [Example.COM]}\n",
			`f:3:54: legs[1].domains[0]: "example.com" is legs[0].domains[0] already`,
		},
		{"prefix of letters", legWith(`prefixes: {abc: example.com}`), `f:4:21: legs[0].prefixes.abc: "abc" is no prefix; write digits, +, * and # in quotes`},
		{"prefix to nowhere", legWith(`prefixes: {"0": "ex ample"}`), `f:4:21: legs[0].prefixes.0: "ex ample" is neither an address nor a host name`},
		{"prefix twice", legWith(`prefixes: {"0": a.example, 0: b.example}`), `f:4:32: legs[0].prefixes.0: the key "0" stands here twice, first in line 4`},

		// Next hops.
		{"http", legWith("proxy: http://example.com"), `f:4:12: legs[0].proxy: "http://example.com" is no SIP URI; write sip:HOST or sip:HOST:PORT`},
		{"no URI", legWith("proxy: sip:ex ample"), `f:4:12: legs[0].proxy: "sip:ex ample" is no SIP URI; write sip:HOST or sip:HOST:PORT, IPv6 in [brackets]`},
		{"next hop with a bad address", twoLegs + "outbound_proxy: sip:10.0.0.256\n", `f:4:17: outbound_proxy: "10.0.0.256" is neither an address nor a host name`},
		{"next hop without brackets", twoLegs + "outbound_proxy: 2001:db8::1\n", `f:4:17: outbound_proxy: "2001:db8::1" is an IPv6 address without brackets; write sip:[2001:db8::1]`},
		{
			"next hop with maddr", twoLegs + "outbound_proxy: sip:a.example;maddr=10.0.0.1\n",
			`f:4:17: outbound_proxy: "sip:a.example;maddr=10.0.0.1" has a maddr; write the host to send to in its place`,
		},
		{"next hop with headers", twoLegs + "outbound_proxy: sip:a.example?X=1\n", `f:4:17: outbound_proxy: "sip:a.example?X=1" has headers behind the ?; a next hop takes none`},
		{
			"next hop with a strange transport", twoLegs + "outbound_proxy: sip:a.example;transport=pigeon\n",
			`f:4:17: outbound_proxy: "sip:a.example;transport=pigeon" has the transport "pigeon", which is none; leave it out, or write udp, tcp, tls, ws or wss`,
		},
		{"sips", twoLegs + "outbound_proxy: sips:a.example\n", `f:4:17: outbound_proxy: "sips:a.example" needs tls, which no leg here carries; make a leg for it, or write another transport`},
		{
			"tcp next hop", twoLegs + "next_hops:\n  a.example: sip:b.example;transport=TCP\n",
			`f:5:14: next_hops.a.example: "sip:b.example;transport=TCP" needs tcp, which no leg here carries; make a leg for it, or write another transport`,
		},
		{
			"next hop of another family", twoLegs + "outbound_proxy: sip:[2001:db8::1]\n",
			`f:4:17: outbound_proxy: "sip:[2001:db8::1]" is IPv6, on which no leg of udp listens; make one`,
		},
		{"circle", twoLegs + "outbound_proxy: sip:10.0.0.1\n", `f:4:17: outbound_proxy: "sip:10.0.0.1" is the leg inside of this proxy: requests would run in a circle; write another next hop`},
		{
			"circle by name", twoLegs + "next_hops: {\"*\": \"SIP.example.com:5080\"}\n",
			`f:4:18: next_hops.*: "sip:SIP.example.com:5080" is the leg outside of this proxy: requests would run in a circle; write another next hop`,
		},
		{
			"circle by loopback", "legs: [{name: a, listen: \"udp:0.0.0.0:5070\", advertise: a.example, proxy: \"127.0.0.1:5070\"}]",
			`f:1:75: legs[0].proxy: "sip:127.0.0.1:5070" is the leg a of this proxy: requests would run in a circle; write another next hop`,
		},
		{"a domain twice", twoLegs + "next_hops:\n  a.example: b.example\n  A.example: c.example\n", `f:6:3: next_hops.a.example: the domain a.example stands here twice`},
		{
			"a domain that is none", twoLegs + "next_hops:\n  sip:a.example: b.example\n",
			`f:5:3: next_hops.sip:a.example: "sip:a.example" is more than a domain; write neither scheme nor port`,
		},

		// The rest.
		{"rewrite", twoLegs + "contact: {rewrite: sometimes}\n", `f:4:20: contact.rewrite: "sometimes" is not known; write crossing, always or never`},
		{"key file", twoLegs + "keys: {file: [a]}\n", `f:4:14: keys.file: a list stands here; write a file name`},
		{
			"DNS server by name", twoLegs + "dns: {servers: [ns.example.com]}\n",
			`f:4:17: dns.servers[0]: "ns.example.com" is no address of a name server; write it as 192.0.2.53 or 192.0.2.53:53`,
		},
		{"duration without unit", twoLegs + "dns: {timeout: 2}\n", `f:4:16: dns.timeout: "2" has no unit; write 2s or 2ms`},
		{"zero without unit", twoLegs + "dns: {timeout: 0}\n", `f:4:16: dns.timeout: "0" has no unit; write 0s or 0ms`},
		{"no duration", twoLegs + "dns: {timeout: soon}\n", `f:4:16: dns.timeout: "soon" is no duration; write it as 500ms, 2s or 1m30s`},
		{"long duration", twoLegs + "dns: {timeout: 1h}\n", `f:4:16: dns.timeout: 1h0m0s is out of range; write 10ms to 1m`},
		{"attempts", twoLegs + "dns: {attempts: 11}\n", `f:4:17: dns.attempts: 11 is out of range; write 0 to 10`},
		{"max_waiting", twoLegs + "dns: {max_waiting: 0}\n", `f:4:20: dns.max_waiting: 0 is out of range; write 1 to 1000000`},
		{"cache", twoLegs + "dns: {cache: 1000001}\n", `f:4:14: dns.cache: 1000001 is out of range; write 1 to 1000000`},
		{"max_message", twoLegs + "limits: {max_message: 65536}\n", `f:4:23: limits.max_message: 65536 is out of range; write 1500 to 65535`},
		{"packets", twoLegs + "limits: {packets: 8, waiting: 4}\n", `f:4:19: limits.packets: 8 is out of range; write 16 to 65536`},
		{"all packets waiting", twoLegs + "limits: {packets: 100, waiting: 100}\n", `f:4:33: limits.waiting: 100 is out of range; write 0 to 99`},
		{
			"two legs that call themselves the same",
			"legs:\n  - {name: a, listen: \"udp:10.0.0.1:5060\", advertise: sip.example.com}\n" +
				"  - {name: b, listen: \"udp:10.0.0.2:5060\", advertise: SIP.example.com}\n",
			`f:3:55: legs[1].advertise: "sip.example.com:5060" is legs[0].advertise already`,
		},
		{"max_forwards", twoLegs + "forwarding: {max_forwards: 0}\n", `f:4:28: forwarding.max_forwards: 0 is out of range; write 1 to 255`},
		{"admin without port", twoLegs + "admin: {listen: 127.0.0.1}\n", `f:4:17: admin.listen: "127.0.0.1" names no port; write it as 127.0.0.1:8060, or off`},
		{"admin everywhere by accident", twoLegs + "admin: {listen: \":8060\"}\n", `f:4:17: admin.listen: ":8060" is no address:port; write it as 127.0.0.1:8060, or off`},
		{"admin without brackets", twoLegs + "admin: {listen: \"::1:8060\"}\n", `f:4:17: admin.listen: "::1:8060" is no address:port; write it as 127.0.0.1:8060, or off`},
		{"log level", twoLegs + "log: {level: INFO}\n", `f:4:14: log.level: "INFO" is not known; write debug, info, warn or error`},
		{"log format", twoLegs + "log: {format: xml}\n", `f:4:15: log.format: "xml" is not known; write json or text`},
		{
			"long value", twoLegs + "log: {format: " + strings.Repeat("x", 100) + "}\n",
			`f:4:15: log.format: "` + strings.Repeat("x", 80) + `…" is not known; write json or text`,
		},
	})
}

// refusal is a file called f, and the whole of what is told about it.
type refusal struct{ name, src, want string }

func refuse(t *testing.T, cases []refusal) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("f", []byte(c.src))
			if err == nil {
				t.Fatalf("it was accepted; want\n%s", c.want)
			}
			if err.Error() != c.want {
				t.Errorf("%v\nwant\n%s", err, c.want)
			}
		})
	}
}

func listening(s string) string { return "legs:\n  - name: inside\n    listen: " + s + "\n" }

func TestAllThatIsWrongIsToldInOrder(t *testing.T) {
	_, err := Parse("conf/actorsip.yaml", []byte(`lanes: 1000
legs:
  - name: inside
    listen: udp:10.0.0.1
    reach: [10.0.0.0/8, x, "::/0"]
  - name: inside
    listen: udp:10.0.0.1:5060
    advertise: ""
redirects: {}
log: {level: loud}
outbound_proxy: sip:10.0.0.1
`))
	want := `conf/actorsip.yaml:1:8: lanes: 1000 is out of range; write 0 to 256
conf/actorsip.yaml:4:13: legs[0].listen: "udp:10.0.0.1" names no port; write udp:10.0.0.1:5060
conf/actorsip.yaml:5:25: legs[0].reach[1]: "x" is no network, address or address:port; write it as 10.0.0.0/8, 192.0.2.1 or 192.0.2.1:5060
conf/actorsip.yaml:6:11: legs[1].name: "inside" is legs[0].name already
conf/actorsip.yaml:8:16: legs[1].advertise: a value is missing; write HOST or HOST:PORT, or leave the key out
conf/actorsip.yaml:9:1: redirects: unknown key "redirects"; known here: node, lanes, legs, next_hops, outbound_proxy, contact, media, keys, dns, limits, forwarding, streams, trusted, chain, registrar, bans, cluster, drain, admin, log, telemetry
conf/actorsip.yaml:10:14: log.level: "loud" is not known; write debug, info, warn or error
conf/actorsip.yaml:11:17: outbound_proxy: "sip:10.0.0.1" is the leg inside of this proxy: requests would run in a circle; write another next hop`
	if err == nil || err.Error() != want {
		t.Fatalf("%v\nwant\n%s", err, want)
	}
}

func TestAFileOfNonsenseIsNotToldToItsEnd(t *testing.T) {
	_, err := Parse("f", []byte("legs: ["+strings.Repeat("x, ", 1000)+"]"))
	if n := len(strings.Split(err.Error(), "\n")); n != configProblemsMax+1 || !strings.HasSuffix(err.Error(), "\nf: and 901 more") {
		t.Fatalf("%d lines, the last of them %s", n, err.Error()[len(err.Error())-40:])
	}
}

func TestDefaults(t *testing.T) {
	c, err := Parse("/etc/actorsip/actorsip.yaml", []byte("legs: [{name: a, listen: \"udp:[::1]:5060\"}]"))
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Skip("this machine has no name:", err)
	}
	want := Config{
		Node: host,
		Legs: []Leg{{Name: "a", Transport: sipwire.UDP, Listen: netip.MustParseAddrPort("[::1]:5060")}},
		Media: Media{
			Low: 20000, High: 29999, Unused: 3 * time.Minute, Silent: 30 * time.Second, Closed: time.Second,
			Journal: "/etc/actorsip/media.db",
		},
		KeyFile:     "/etc/actorsip/keys.yaml",
		DNS:         DNS{MaxWaiting: 1024, Cache: 10000},
		Limits:      Limits{MaxMessage: 65535, Packets: 1024, Waiting: 256},
		MaxForwards: 255,
		Streams: Streams{
			MaxConnections: 20000, MaxPerSource: 1000, Idle: 65 * time.Minute, Partial: 10 * time.Second,
			Connect: 5 * time.Second, Handshake: 10 * time.Second, Write: 10 * time.Second, Queue: 262144,
		},
		Registrar:   Bindings{File: "/etc/actorsip/bindings.db", MaxBindings: 1000000, MaxPerUser: 10},
		Bans:        Bans{File: "/etc/actorsip/bans.db", Max: 10000},
		AdminListen: "127.0.0.1:8060",
		Log:         Log{Level: slog.LevelInfo, Format: LogJSON},
		Telemetry:   Telemetry{Sampling: -1, CallsPerSecond: 100, Slow: 100 * time.Millisecond},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("\n%+v\nwant\n%+v", c, want)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if err := Defaults().Validate(); err == nil || !strings.HasPrefix(err.Error(), "legs: there is no leg") {
		t.Error(err)
	}
}

func TestEveryKeyArrives(t *testing.T) {
	c, err := Parse("conf/actorsip.yaml", []byte(`
node: edge-1
lanes: 4
legs:
  - name: inside
    listen: UDP:10.0.0.1:5060
    advertise: "[2001:db8::5]:5070"
    reach: [10.0.0.0/8, 192.0.2.1, "192.0.2.2:5062"]
    domains: [Example.com, "*.example.com", 192.0.2.7, "2001:DB8::7"]
    proxy: pbx.example.com
    prefixes: {0: a.example, "+49": "b.example:5080", "00": "[2001:db8::9]", "*#": c.example}
    media: {address: 10.0.0.2, advertise: 203.0.113.2, ports: 30000-30099, hairpin: true}
  - name: outside
    listen: udp:[2001:db8::1]:0
    reach: ["2001:db8::/32", "2001:db9::1", "[2001:db9::2]:5060"]
    advertise: sip.example.com
  - {name: any, listen: "udp:0.0.0.0:5060", advertise: 203.0.113.1, domains: ["*"], media: {address: 192.0.2.3}}
  - {name: any-6, listen: "udp:[2001:db8::1]:0"}
  - name: web
    listen: WSS:10.0.0.1:443
    tls:
      cert: cert.pem
      key: /etc/key.pem
      ca: ca.pem
      verify_client: true
      insecure_skip_verify: true
      certificates: [{cert: b.pem, key: b-key.pem}, {cert: c.pem, key: /etc/c-key.pem}]
    websocket: {path: /sip, origins: ["https://Phone.example.com", "http://[2001:db8::1]:8080"]}
    stream: {idle: 0s, queue: 65536}
    media: {address: 10.0.0.3}
  - {name: inside-tcp, listen: "tcp:10.0.0.1:5060"}
next_hops:
  "*": sip:203.0.113.9
  "*.example.com": sip:10.0.0.1:5061
  a.example: SIP:alice@h.example:5070;transport=udp;lr
  "*.b.example.com": "[2001:db8::5]"
outbound_proxy: 10.0.0.9:5070
contact: {rewrite: never}
media:
  relay: true
  ports: 40000-40003
  max_sessions: 500
  max_streams_per_session: 3
  unused: 1m
  silent: 20s
  closed: 1500ms
  journal: calls.db
  workers: 2
keys: {file: /var/lib/keys.yaml}
dns: {servers: [192.0.2.53, "192.0.2.54:5353", "::1", "[::1]:54"], timeout: 1.5s, attempts: 3, max_waiting: 7, cache: 8}
limits: {max_message: 4096, packets: 16, waiting: 0}
forwarding: {max_forwards: 20, large_requests: never}
streams: {max_connections: 0, max_per_source: 7, idle: 2m, partial: 3s, connect: 4s, handshake: 5s, write: 6s, queue: 70000}
admin: {listen: off}
log: {level: debug, format: text}
telemetry:
  endpoint: https://otel.example.com:4318/otlp
  protocol: http/protobuf
  headers: {Authorization: Bearer abc, x-scope: 7}
  sampling: 0.25
  calls_per_second: 20
  slow: 20ms
  spans: rooms
  request_uri: true
  logme: true
  users: [alice, +4930123, 1234]
`))
	if err != nil {
		t.Fatal(err)
	}
	net := func(s string, port uint16) Reach { return Reach{netip.MustParsePrefix(s), port} }
	addr, ip := netip.MustParseAddrPort, netip.MustParseAddr
	want := Config{
		Node: "edge-1", Lanes: 4,
		Legs: []Leg{
			{
				Name: "inside", Transport: sipwire.UDP, Listen: addr("10.0.0.1:5060"),
				AdvertiseHost: "[2001:db8::5]", AdvertisePort: 5070,
				Reach:    []Reach{net("10.0.0.0/8", 0), net("192.0.2.1/32", 0), net("192.0.2.2/32", 5062)},
				Domains:  []string{"example.com", "*.example.com", "192.0.2.7", "[2001:db8::7]"},
				Proxy:    "sip:pbx.example.com",
				Prefixes: []Prefix{{"+49", "b.example:5080"}, {"00", "[2001:db8::9]"}, {"*#", "c.example"}, {"0", "a.example"}},
				Media:    LegMedia{ip("10.0.0.2"), ip("203.0.113.2"), 30000, 30099, true},
			},
			{
				Name: "outside", Transport: sipwire.UDP, Listen: addr("[2001:db8::1]:0"), AdvertiseHost: "sip.example.com",
				Reach: []Reach{net("2001:db8::/32", 0), net("2001:db9::1/128", 0), net("2001:db9::2/128", 5060)},
				Media: LegMedia{ip("2001:db8::1"), ip("2001:db8::1"), 40000, 40003, false},
			},
			{
				Name: "any", Transport: sipwire.UDP, Listen: addr("0.0.0.0:5060"), AdvertiseHost: "203.0.113.1", Domains: []string{"*"},
				Media: LegMedia{ip("192.0.2.3"), ip("192.0.2.3"), 40000, 40003, false},
			},
			{
				Name: "any-6", Transport: sipwire.UDP, Listen: addr("[2001:db8::1]:0"),
				Media: LegMedia{ip("2001:db8::1"), ip("2001:db8::1"), 40000, 40003, false},
			},
			{
				Name: "web", Transport: sipwire.WSS, Listen: addr("10.0.0.1:443"),
				TLS: TLSConfig{
					Cert: "conf/cert.pem", Key: "/etc/key.pem", CA: "conf/ca.pem", VerifyClient: true, SkipVerify: true,
					Certificates: []stream.KeyPair{{Cert: "conf/b.pem", Key: "conf/b-key.pem"}, {Cert: "conf/c.pem", Key: "/etc/c-key.pem"}},
				},
				WebSocket: WebSocket{Path: "/sip", Origins: []string{"https://phone.example.com", "http://[2001:db8::1]:8080"}},
				Stream: Streams{
					MaxPerSource: 7, Partial: 3 * time.Second, Connect: 4 * time.Second, Handshake: 5 * time.Second, Write: 6 * time.Second, Queue: 65536,
				},
				Media: LegMedia{ip("10.0.0.3"), ip("10.0.0.3"), 40000, 40003, false},
			},
			{
				Name: "inside-tcp", Transport: sipwire.TCP, Listen: addr("10.0.0.1:5060"),
				Stream: Streams{
					MaxPerSource: 7, Idle: 2 * time.Minute, Partial: 3 * time.Second, Connect: 4 * time.Second, Handshake: 5 * time.Second,
					Write: 6 * time.Second, Queue: 70000,
				},
				Media: LegMedia{ip("10.0.0.1"), ip("10.0.0.1"), 40000, 40003, false},
			},
		},
		NextHops: []NextHop{
			{"a.example", "SIP:alice@h.example:5070;transport=udp;lr"},
			{"*.b.example.com", "sip:[2001:db8::5]"},
			{"*.example.com", "sip:10.0.0.1:5061"},
			{"*", "sip:203.0.113.9"},
		},
		OutboundProxy: "sip:10.0.0.9:5070",
		Contact:       Never,
		Media: Media{
			Relay: true, Low: 40000, High: 40003, MaxSessions: 500, MaxStreams: 3,
			Unused: time.Minute, Silent: 20 * time.Second, Closed: 1500 * time.Millisecond, Journal: "conf/calls.db", Workers: 2,
		},
		KeyFile: "/var/lib/keys.yaml",
		DNS: DNS{
			Servers: []netip.AddrPort{addr("192.0.2.53:53"), addr("192.0.2.54:5353"), addr("[::1]:53"), addr("[::1]:54")},
			Timeout: 1500 * time.Millisecond, Attempts: 3, MaxWaiting: 7, Cache: 8,
		},
		Limits:        Limits{MaxMessage: 4096, Packets: 16, Waiting: 0},
		MaxForwards:   20,
		LargeRequests: LargeNever,
		Streams: Streams{
			MaxPerSource: 7, Idle: 2 * time.Minute, Partial: 3 * time.Second, Connect: 4 * time.Second, Handshake: 5 * time.Second,
			Write: 6 * time.Second, Queue: 70000,
		},
		Registrar: Bindings{File: "conf/bindings.db", MaxBindings: 1000000, MaxPerUser: 10},
		Bans:      Bans{File: "conf/bans.db", Max: 10000},
		Log:       Log{Level: slog.LevelDebug, Format: LogText},
		Telemetry: Telemetry{
			Endpoint: "https://otel.example.com:4318/otlp", Protocol: "http/protobuf",
			Headers:  map[string]string{"Authorization": "Bearer abc", "x-scope": "7"},
			Sampling: 0.25, CallsPerSecond: 20, Slow: 20 * time.Millisecond,
			Rooms: true, RequestURI: true, LogMe: true, Users: []string{"alice", "+4930123", "1234"},
		},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("\n%+v\nwant\n%+v", c, want)
	}
}

func TestValidateKnowsWhatParseKnows(t *testing.T) {
	c := Defaults()
	c.Legs = []Leg{
		{Name: "A", Transport: sipwire.SCTP, Listen: netip.MustParseAddrPort("10.0.0.1:5060"), AdvertiseHost: "::1"},
		{Name: "b", Transport: sipwire.UDP, Reach: []Reach{{}, {netip.MustParsePrefix("10.0.0.1/8"), 0}}, Domains: []string{"B"}},
	}
	c.NextHops = []NextHop{{"", ""}}
	c.Contact, c.Log.Format, c.KeyFile, c.AdminListen = 7, 7, "", "x"
	err := c.Validate()
	for _, want := range []string{
		"legs[0].name: ", "legs[0].listen: ", "legs[0].advertise: ", "legs[1].listen: ", "legs[1].reach[0]: ", "legs[1].reach[1]: ",
		"legs[1].domains[0]: ", "next_hops.: ", "contact.rewrite: ", "log.format: ", "keys.file: ", "admin.listen: ",
	} {
		if err == nil || !strings.Contains("\n"+err.Error(), "\n"+want) {
			t.Errorf("nothing about %s in\n%v", want, err)
		}
	}
}

func TestTheSampleIsValidAndSaysTheDefaults(t *testing.T) {
	c, err := Load("../actorsip.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.KeyFile, want.Media.Journal = filepath.Join("..", "keys.yaml"), filepath.Join("..", "media.db")
	want.Registrar.File, want.Bans.File = filepath.Join("..", "bindings.db"), filepath.Join("..", "bans.db")
	want.Media.Relay = true // so that the first call shows it
	want.Legs = c.Legs
	if !reflect.DeepEqual(c, want) {
		t.Errorf("what the sample sets is not the default:\n%+v\nwant\n%+v", c, want)
	}
	for _, l := range c.Legs {
		if !l.Listen.Addr().IsLoopback() || l.Listen.Port() != 5060 {
			t.Errorf("leg %s listens on %v", l.Name, l.Listen)
		}
		for _, other := range c.Legs {
			for _, r := range l.Reach {
				if r.Prefix.Contains(other.Listen.Addr()) != (other.Listen == l.Listen) {
					t.Errorf("leg %s reaches %s's side", l.Name, other.Name)
				}
			}
		}
	}
}

// What is commented out in the sample is an example to be used: it must be right as well.
func TestTheExamplesOfTheSampleAreValid(t *testing.T) {
	src, err := os.ReadFile("../actorsip.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(src), "\n") // the first line looks like one, and is none
	example := regexp.MustCompile(`(?m)^( *)# ( *(?:- \{)?[a-z_.*"]+:( |$))`)
	used := len(example.FindAllString(body, -1))
	body = example.ReplaceAllString(body, "$1$2")
	c, err := Parse("actorsip.yaml", []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if used != 78 || c.Cluster.Name != "edge" || len(c.Cluster.Peers) != 2 || c.DrainTimeout != 10*time.Minute || len(c.Chain) != 5 || len(c.Legs[1].Registrar.Domains) != 2 || len(c.NextHops) != 3 || len(c.Legs) != 7 || c.Legs[3].Stream.Idle != 10*time.Minute || len(c.Legs[5].WebSocket.Origins) != 1 ||
		len(c.Legs[1].Prefixes) != 2 || c.Legs[0].Proxy == "" || c.DNS.Timeout == 0 || c.Media.MaxStreams != 4 || !c.Legs[0].Media.Hairpin || c.Node != "edge-1" || len(c.Telemetry.Users) != 2 {
		t.Errorf("%d lines were examples: %+v", used, c)
	}
	if c.Registrar.MaxBindings != Defaults().Registrar.MaxBindings || c.Registrar.MaxPerUser != Defaults().Registrar.MaxPerUser || c.Bans.Max != Defaults().Bans.Max {
		t.Errorf("the sample says that these are the defaults: %+v, %+v", c.Registrar, c.Bans)
	}
	if c.Streams != defaultStreams() {
		t.Errorf("the sample says that these are the defaults: %+v", c.Streams)
	}
}

func TestAFileThatIsNotThere(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"))
	if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "the configuration cannot be read: ") {
		t.Fatal(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(twoLegs))
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := Parse("f", src)
		if err == nil {
			if err := c.Validate(); err != nil {
				t.Fatalf("accepted, but not valid: %v", err)
			}
			return
		}
		for line := range strings.SplitSeq(err.Error(), "\n") {
			if !strings.HasPrefix(line, "f:") {
				t.Fatalf("an error of more than one line, or without a place: %q", line)
			}
		}
	})
}
