package system

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/tests/stage"
)

// connecting is a file with one leg of that transport and one more line to it, the fourth.
func connecting(transport, line string) string {
	return "legs:\n  - name: a\n    listen: " + transport + ":10.0.0.1:5070\n    " + line + "\n"
}

const pairOfFiles = "tls: {cert: c.pem, key: k.pem"

func TestWhatIsWrongWithConnectionsIsToldWithItsPlace(t *testing.T) {
	refuse(t, []refusal{
		// Where legs listen.
		{"tcp without port", listening("tcp:10.0.0.1"), `f:3:13: legs[0].listen: "tcp:10.0.0.1" names no port; write tcp:10.0.0.1:5060`},
		{"tls without port", listening("tls:10.0.0.1"), `f:3:13: legs[0].listen: "tls:10.0.0.1" names no port; write tls:10.0.0.1:5061`},
		{"wss without brackets", listening("WSS:2001:db8::1"), `f:3:13: legs[0].listen: "WSS:2001:db8::1" has an IPv6 address without brackets; write wss:[2001:db8::1]:443`},
		{"ws on a port", listening("ws::8080"), `f:3:13: legs[0].listen: "ws::8080" names no address; write ws:ADDRESS:8080`},
		{"tcp on nonsense", listening("tcp:a b"), `f:3:13: legs[0].listen: "tcp:a b" is no listen address; write tcp:ADDRESS:PORT, IPv6 in [brackets]`},
		{"tcp on IPv4 as IPv6", listening("tcp:[::ffff:10.0.0.1]:5060"), `f:3:13: legs[0].listen: "tcp:[::ffff:10.0.0.1]:5060" is IPv4 written as IPv6; write tcp:10.0.0.1:5060`},
		{"tcp everywhere", listening("tcp:0.0.0.0:5060"), `f:3:13: legs[0].listen: "tcp:0.0.0.0:5060" is every address, so Via and Record-Route ` +
			`would have none; listen on one address, or add advertise: HOST`},
		{
			"two of tcp", "legs:\n  - {name: a, listen: \"tcp:10.0.0.1:5060\"}\n  - {name: b, listen: \"tcp:10.0.0.1:5060\"}\n",
			`f:3:23: legs[1].listen: the TCP port of "tcp:10.0.0.1:5060" is legs[0].listen already`,
		},
		{
			"tcp and ws", "legs:\n  - {name: a, listen: \"tcp:10.0.0.1:5060\"}\n  - {name: b, listen: \"ws:10.0.0.1:5060\"}\n",
			`f:3:23: legs[1].listen: the TCP port of "ws:10.0.0.1:5060" is legs[0].listen already`,
		},
		{
			"tcp and ws by one name", "legs:\n  - {name: a, listen: \"tcp:10.0.0.1:5060\", advertise: a.example}\n" +
				"  - {name: b, listen: \"ws:10.0.0.2:5060\", advertise: A.example}\n",
			`f:3:54: legs[1].advertise: "a.example:5060" is legs[0].advertise already`,
		},

		// Certificates.
		{"tls without a certificate", listening("tls:10.0.0.1:5061"), `f:2:5: legs[0].tls: the leg has no certificate; write tls: {cert: FILE, key: FILE}`},
		{"wss without a certificate", connecting("wss", "tls: {ca: ca.pem}"), `f:4:10: legs[0].tls: the leg has no certificate; write tls: {cert: FILE, key: FILE}`},
		{"certificate without a key", connecting("tls", "tls: {cert: c.pem}"), `f:4:10: legs[0].tls.key: the certificate has no key; write its file, as key: key.pem`},
		{"key without a certificate", connecting("tls", "tls: {key: k.pem}"), `f:4:10: legs[0].tls.cert: the key has no certificate; write its file, as cert: cert.pem`},
		{
			"second without a key", connecting("tls", pairOfFiles+", certificates: [{cert: d.pem, key: d.pem}, {cert: e.pem}]}"),
			`f:4:78: legs[0].tls.certificates[1].key: the certificate has no key; write its file, as key: key.pem`,
		},
		{
			"second without a certificate", connecting("tls", "tls: {certificates: [{key: d.pem}]}"),
			`f:4:26: legs[0].tls.certificates[0].cert: no certificate is named; write its file, as cert: cert.pem`,
		},
		{
			"certificates as names", connecting("tls", pairOfFiles+", certificates: [d.pem]}"),
			`f:4:51: legs[0].tls.certificates[0]: "d.pem" stands here; write keys with values: cert, key`,
		},
		{
			"clients by public authorities", connecting("tls", pairOfFiles+", verify_client: true}"),
			`f:4:10: legs[0].tls.ca: whom a public authority knows would be let in, which is everybody; write the file of those who may sign certificates for this leg`,
		},
		{"yes", connecting("tls", pairOfFiles+", insecure_skip_verify: yes}"), `f:4:58: legs[0].tls.insecure_skip_verify: "yes" is not known; write true or false`},
		{"certificate nowhere", connecting("tls", "tls: {cert: , key: k.pem}"), `f:4:17: legs[0].tls.cert: a value is missing; write a file name, or leave the key out`},
		{
			"unknown key of TLS", connecting("tls", pairOfFiles+", cipher: x}"),
			`f:4:36: legs[0].tls.cipher: unknown key "cipher"; known here: cert, key, ca, verify_client, insecure_skip_verify, certificates`,
		},
		{"certificate of udp", connecting("udp", pairOfFiles+"}"), `f:4:10: legs[0].tls: the leg listens on udp, which has no TLS; leave the key out, or listen on tls`},
		{"certificate of tcp", connecting("tcp", "tls: {verify_client: true}"), `f:4:10: legs[0].tls: the leg listens on tcp, which has no TLS; leave the key out, or listen on tls`},
		{"certificate of ws", connecting("ws", "tls: {ca: a}"), `f:4:10: legs[0].tls: the leg listens on ws, which has no TLS; leave the key out, or listen on wss`},

		// WebSocket.
		{"path of tls", connecting("tcp", "websocket: {path: /sip}"), `f:4:16: legs[0].websocket: the leg listens on tcp, which is no WebSocket; leave the key out, or listen on ws or wss`},
		{"path of udp", connecting("udp", "websocket: {origins: [https://a.example]}"), `f:4:16: legs[0].websocket: the leg listens on udp, which is no WebSocket; leave the key out, or listen on ws or wss`},
		{"path without slash", connecting("ws", "websocket: {path: sip}"), `f:4:23: legs[0].websocket.path: "sip" is no path of a URL; write it as /sip`},
		{"path with query", connecting("ws", "websocket: {path: /sip?a}"), `f:4:23: legs[0].websocket.path: "/sip?a" is no path of a URL; write it as /sip`},
		{"path with a blank", connecting("ws", "websocket: {path: /s ip}"), `f:4:23: legs[0].websocket.path: "/s ip" is no path of a URL; write it as /sip`},
		{"any origin", connecting("ws", `websocket: {origins: ["*"]}`), `f:4:27: legs[0].websocket.origins[0]: "*" is what the list means when it is not there; leave the key out`},
		{"origin without scheme", connecting("ws", "websocket: {origins: [a.example]}"), `f:4:27: legs[0].websocket.origins[0]: "a.example" is no web site; write it as https://phone.example.com`},
		{"origin with a path", connecting("ws", "websocket: {origins: [https://a.example/]}"), `f:4:27: legs[0].websocket.origins[0]: "https://a.example/" is more than a web site; write https://a.example`},
		{
			"origin with the usual port", connecting("ws", `websocket: {origins: ["https://a.example:443"]}`),
			`f:4:27: legs[0].websocket.origins[0]: "https://a.example:443" has a port that browsers leave out; write https://a.example`,
		},
		{"origin that is no host", connecting("ws", `websocket: {origins: ["https://a..example"]}`), `f:4:27: legs[0].websocket.origins[0]: "a..example" is neither an address nor a host name`},
		{
			"origin twice", connecting("ws", "websocket: {origins: [https://a.example, https://A.example]}"),
			`f:4:46: legs[0].websocket.origins[1]: "https://a.example" is legs[0].websocket.origins[0] already`,
		},

		// Bounds.
		{"bounds of udp", connecting("udp", "stream: {idle: 5m}"), `f:4:13: legs[0].stream: the leg listens on udp, which has no connections; leave the key out`},
		{"connections", twoLegs + "streams: {max_connections: -1}\n", `f:4:28: streams.max_connections: -1 is out of range; write 0 to 1000000`},
		{"connections of a source", twoLegs + "streams: {max_per_source: 1000001}\n", `f:4:27: streams.max_per_source: 1000001 is out of range; write 0 to 1000000`},
		{"idle", twoLegs + "streams: {idle: 10ms}\n", `f:4:17: streams.idle: 10ms is out of range; write 1s to 168h, or 0s for ever`},
		{"idle without unit", twoLegs + "streams: {idle: 120}\n", `f:4:17: streams.idle: "120" has no unit; write 120s or 120ms`},
		{"partial", twoLegs + "streams: {partial: 0s}\n", `f:4:20: streams.partial: 0s is out of range; write 100ms to 5m`},
		{"connect", twoLegs + "streams: {connect: 2m}\n", `f:4:20: streams.connect: 2m0s is out of range; write 100ms to 1m`},
		{"handshake", twoLegs + "streams: {handshake: 0s}\n", `f:4:22: streams.handshake: 0s is out of range; write 100ms to 1m`},
		{"write", twoLegs + "streams: {write: 1h}\n", `f:4:18: streams.write: 1h0m0s is out of range; write 100ms to 5m`},
		{"queue", twoLegs + "streams: {queue: 1000}\n", `f:4:18: streams.queue: 1000 is out of range; write 65536 to 16777216`},
		{"queue of a leg", connecting("tcp", "stream: {queue: 256KiB}"), `f:4:21: legs[0].stream.queue: "256KiB" is no whole number`},
		{"bound of a leg", connecting("tcp", "stream: {write: 0s}"), `f:4:21: legs[0].stream.write: 0s is out of range; write 100ms to 5m`},
		{
			"misspelt bound of a leg", connecting("tcp", "stream: {max_conections: 7}"),
			`f:4:14: legs[0].stream.max_conections: unknown key "max_conections"; did you mean max_connections?`,
		},
		{"large requests", twoLegs + "forwarding: {large_requests: always}\n", `f:4:30: forwarding.large_requests: "always" is not known; write auto or never`},

		// Next hops.
		{
			"udp next hop of a tcp leg", connecting("tcp", "proxy: sip:b.example;transport=udp"),
			`f:4:12: legs[0].proxy: "sip:b.example;transport=udp" needs udp, which no leg here carries; make a leg for it, or write another transport`,
		},
		{
			"sips next hop of a tcp leg", connecting("tcp", "proxy: sips:b.example"),
			`f:4:12: legs[0].proxy: "sips:b.example" needs tls, which no leg here carries; make a leg for it, or write another transport`,
		},
		{
			"sips by ws", connecting("ws", "proxy: sips:b.example;transport=ws"),
			`f:4:12: legs[0].proxy: "sips:b.example;transport=ws" needs wss, which no leg here carries; make a leg for it, or write another transport`,
		},
		{
			"nothing said, ws alone", connecting("ws", "proxy: sip:b.example"),
			`f:4:12: legs[0].proxy: "sip:b.example" needs udp, which no leg here carries; make a leg for it, or write another transport`,
		},
		{
			"circle by tcp", connecting("tcp", "proxy: sip:10.0.0.1:5070"),
			`f:4:12: legs[0].proxy: "sip:10.0.0.1:5070" is the leg a of this proxy: requests would run in a circle; write another next hop`,
		},
		{
			"next hop of a family that tcp lacks", "legs:\n  - {name: a, listen: \"udp:[::1]:5060\"}\n  - {name: b, listen: \"tcp:10.0.0.1:5060\"}\n" +
				"outbound_proxy: sip:[2001:db8::1];transport=tcp\n",
			`f:4:17: outbound_proxy: "sip:[2001:db8::1];transport=tcp" is IPv6, on which no leg of tcp listens; make one`,
		},
	})
}

func TestWhatConnectionsMay(t *testing.T) {
	for name, src := range map[string]string{
		"udp and tcp on one port, by one name": "legs:\n  - {name: a, listen: \"udp:10.0.0.1:5060\", advertise: a.example, reach: [10.0.0.0/8]}\n" +
			"  - {name: b, listen: \"tcp:10.0.0.1:5060\", advertise: a.example, reach: [10.0.0.0/8]}\n",
		"a next hop of tcp":              "legs: [{name: a, listen: \"tcp:10.0.0.1:5060\", proxy: \"sip:b.example;transport=tcp\"}]\n",
		"a next hop by what the leg has": "legs: [{name: a, listen: \"tcp:10.0.0.1:5060\", proxy: 10.0.0.2}]\n",
		"a next hop by TLS":              connecting("tls", pairOfFiles+"}\n    proxy: sips:b.example"),
		"a next hop that is a WebSocket": connecting("wss", pairOfFiles+"}\n    proxy: sip:b.example;transport=wss"),
		"another port of our machine":    connecting("tcp", "proxy: sip:10.0.0.1:5060"),
		"TLS by its list alone":          connecting("tls", "tls: {certificates: [{cert: c.pem, key: k.pem}]}"),
		"one file for both":              connecting("tls", "tls: {cert: c.pem, key: c.pem, ca: ca.pem, verify_client: true}"),
		"media ports with a TCP port":    "legs: [{name: a, listen: \"tcp:10.0.0.1:25060\"}]\nmedia: {relay: true}\n",
		"bounds that say nothing":        connecting("tcp", "stream:"),
		"no bound":                       twoLegs + "streams: {max_connections: 0, max_per_source: 0, idle: 0s}\n",
	} {
		if _, err := Parse("f", []byte(src)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The bounds of a leg begin with those of the section, wherever in the file that stands.
func TestALegsBoundsBeginWithTheSection(t *testing.T) {
	section, leg := "streams: {idle: 5m, queue: 70000}\n", connecting("tcp", "stream: {idle: 2m}")
	for _, src := range []string{section + leg, leg + section} {
		c, err := Parse("f", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		want := defaultStreams()
		want.Idle, want.Queue = 2*time.Minute, 70000
		if got := c.Legs[0].Stream; got != want {
			t.Errorf("%+v\nwant\n%+v", got, want)
		}
		if want.Idle = 5 * time.Minute; c.Streams != want {
			t.Errorf("the section became %+v", c.Streams)
		}
	}
}

// What is wrong with a certificate is found before anything is bound, for all legs at once.
func TestCertificatesThatCannotBeUsedAreTold(t *testing.T) {
	ca, dir := stage.NewAuthority(t), t.TempDir()
	ca.Issue(t, dir, "own", "sip.example.com")
	parse := func(legs string) Config {
		t.Helper()
		c, err := Parse(filepath.Join(dir, "actorsip.yaml"), []byte("legs:\n"+legs))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const good = "  - {name: a, listen: \"tls:127.0.0.1:5061\", tls: {cert: own.pem, key: own-key.pem}}\n  - {name: b, listen: \"udp:127.0.0.1:5060\"}\n"
	all, err := parse(good).LoadTLS()
	if err != nil || len(all) != 2 || all[0] == nil || all[1] != nil {
		t.Fatalf("%v, %v", all, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "empty.pem"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = parse(good +
		"  - {name: c, listen: \"wss:127.0.0.1:443\", tls: {cert: none.pem, key: own-key.pem}}\n" +
		"  - {name: d, listen: \"tls:127.0.0.1:5062\", tls: {cert: own.pem, key: own-key.pem, certificates: [{cert: empty.pem, key: own-key.pem}]}}\n").LoadTLS()
	want := "leg c: the certificate cannot be read: open " + filepath.Join(dir, "none.pem") + ": no such file or directory\n" +
		"leg d: " + filepath.Join(dir, "empty.pem") + " holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
}

func TestValidateKnowsWhatParseKnowsOfConnections(t *testing.T) {
	c, err := Parse("f", []byte(connecting("wss", pairOfFiles+"}")))
	if err != nil {
		t.Fatal(err)
	}
	l := &c.Legs[0]
	l.TLS.Key, l.WebSocket, l.Stream.Write = "", WebSocket{Path: "x", Origins: []string{"https://A.example"}}, 0
	c.Streams, c.LargeRequests = Streams{}, 7
	c.Legs = append(c.Legs, Leg{Name: "b", Transport: sipwire.UDP, Listen: l.Listen, Stream: defaultStreams(), TLS: l.TLS, WebSocket: l.WebSocket})
	err = c.Validate()
	for _, want := range []string{
		"legs[0].tls.key: ", "legs[0].websocket.path: ", "legs[0].websocket.origins[0]: ", "legs[0].stream.write: ", "legs[1].stream: ",
		"legs[1].tls: ", "legs[1].websocket: ", "streams.partial: ", "streams.queue: ", "forwarding.large_requests: ",
	} {
		if err == nil || !strings.Contains("\n"+err.Error(), "\n"+want) {
			t.Errorf("nothing about %s in\n%v", want, err)
		}
	}
}
