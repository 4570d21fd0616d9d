package system

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// told is a file with two legs and a telemetry section; its values begin in line 4, column 13.
func told(telemetry string) string { return twoLegs + "telemetry: {" + telemetry + "}\n" }

func TestWhatIsWrongWithTelemetryIsToldWithItsPlace(t *testing.T) {
	const range01 = "write 0 to 1, as 0.01 for one call in a hundred"
	refuse(t, []refusal{
		// The section.
		{"unknown key", told("samplin: 1"), `f:4:13: telemetry.samplin: unknown key "samplin"; did you mean sampling?`},
		{"a word for the section", twoLegs + "telemetry: on\n", `f:4:12: telemetry: "on" stands here; write keys with values: endpoint, protocol, headers, ` +
			`sampling, calls_per_second, slow, spans, request_uri, logme, users`},
		{"spans", told("spans: all"), `f:4:20: telemetry.spans: "all" is not known; write packets or rooms`},
		{"request-URI", told("request_uri: on"), `f:4:26: telemetry.request_uri: "on" is not known; write true or false`},
		{"logme", told("logme: 1"), `f:4:20: telemetry.logme: "1" is not known; write true or false`},

		// The collector.
		{"no scheme", told(`endpoint: "otel:4317"`), `f:4:23: telemetry.endpoint: "otel:4317" has no scheme; write http://otel:4317, or https`},
		{"another scheme", told(`endpoint: grpc://otel:4317`), `f:4:23: telemetry.endpoint: "grpc" is spoken by no collector; ` +
			`write http://HOST:PORT or https://HOST:PORT, and the protocol beside it`},
		{"no port", told(`endpoint: http://otel`), `f:4:23: telemetry.endpoint: "http://otel" names no port; write it, as http://otel:4318`},
		{"no port, TLS", told(`endpoint: https://otel.example.com/otlp`), `f:4:23: telemetry.endpoint: "https://otel.example.com/otlp" names no port; ` +
			`write it, as https://otel.example.com:443/otlp`},
		{"no port, IPv6", told(`endpoint: "http://[::1]"`), `f:4:23: telemetry.endpoint: "http://[::1]" names no port; write it, as http://[::1]:4318`},
		{"port 0", told(`endpoint: http://otel:0`), `f:4:23: telemetry.endpoint: "otel:0" has no valid port; write a port from 1 to 65535 behind the colon`},
		{"port in words", told(`endpoint: http://otel:grpc`), `f:4:23: telemetry.endpoint: "http://otel:grpc" is no URL; ` +
			`write it as http://127.0.0.1:4317 or https://otel.example.com:4318`},
		{"no host", told(`endpoint: "http://:4317"`), `f:4:23: telemetry.endpoint: "http://:4317" is no URL; ` +
			`write it as http://127.0.0.1:4317 or https://otel.example.com:4318`},
		{"nothing", told(`endpoint: "http://"`), `f:4:23: telemetry.endpoint: "http://" is no URL; write it as http://127.0.0.1:4317 or https://otel.example.com:4318`},
		{"every address", told(`endpoint: http://0.0.0.0:4317`), `f:4:23: telemetry.endpoint: "0.0.0.0" is no address that anybody can send to; write the one that others use`},
		{
			"one signal", told(`endpoint: http://otel:4318/v1/traces`),
			`f:4:23: telemetry.endpoint: "http://otel:4318/v1/traces" is for one signal; write http://otel:4318, and /v1/traces and the rest are put behind it`,
		},
		{"query", told(`endpoint: "http://otel:4318/?key=1"`), `f:4:23: telemetry.endpoint: "http://otel:4318/?key=1" has more than a path behind the host; ` +
			`write it without what begins with ? or #`},
		{
			"password", told(`endpoint: "http://me:secret@otel:4318"`),
			`f:4:23: telemetry.endpoint: the URL has a user or a password; write it without, and a header, as headers: {Authorization: Basic …}`,
		},
		{
			"password without a scheme", told(`endpoint: "me:secret@otel:4318"`),
			`f:4:23: telemetry.endpoint: the URL has a user or a password; write it without, and a header, as headers: {Authorization: Basic …}`,
		},
		{
			"path for gRPC", told(`endpoint: http://otel:4317/otlp`),
			`f:4:23: telemetry.endpoint: "http://otel:4317/otlp" has a path, which gRPC has no use for; write http://otel:4317, or protocol: http/protobuf`,
		},
		{
			"path for gRPC on another port", told(`endpoint: http://otel:4000/otlp, protocol: grpc`),
			`f:4:23: telemetry.endpoint: "http://otel:4000/otlp" has a path, which gRPC has no use for; write http://otel:4000, or protocol: http/protobuf`,
		},
		{"protocol", told(`endpoint: http://otel:4317, protocol: http`), `f:4:51: telemetry.protocol: "http" is not known; write grpc or http/protobuf`},
		{
			"protocol alone", told(`protocol: grpc`),
			`f:4:12: telemetry.endpoint: no collector is named that the protocol could be for; write endpoint: http://HOST:PORT too, ` +
				`or leave it to the environment: OTEL_EXPORTER_OTLP_PROTOCOL`,
		},
		{
			"headers alone", told(`headers: {X-Api-Key: "1"}`),
			`f:4:12: telemetry.endpoint: no collector is named that the headers could be for; write endpoint: http://HOST:PORT too, ` +
				`or leave it to the environment: OTEL_EXPORTER_OTLP_HEADERS`,
		},
		{"protocol beside an endpoint that cannot be read", told(`protocol: grpc, endpoint: otel`), `f:4:39: telemetry.endpoint: "otel" has no scheme; write http://otel, or https`},
		{"protocol beside a misspelt endpoint", told(`protocol: grpc, endpont: "http://otel:4317"`), `f:4:29: telemetry.endpont: unknown key "endpont"; did you mean endpoint?`},

		// Headers: what may be a secret is not repeated.
		{"header", told(`endpoint: http://a:1, headers: {"X Key": "1"}`), `f:4:45: telemetry.headers."X Key": "X Key" is no name of a header; ` +
			`write letters, digits and dashes, as X-Api-Key`},
		{"header without a name", told(`endpoint: http://a:1, headers: {"": "1"}`), `f:4:45: telemetry.headers.: the header has no name; write one, as Authorization`},
		{"header of the protocol", told(`endpoint: http://a:1, headers: {Content-Type: a}`), `f:4:45: telemetry.headers.Content-Type: "Content-Type" belongs to the protocol itself; leave it out`},
		{"header twice", told(`endpoint: http://a:1, headers: {a: 1, A: 2}`), `f:4:51: telemetry.headers.A: the header a stands here twice; capitals make no difference`},
		{"header without a value", told(`endpoint: http://a:1, headers: {a: }`), `f:4:48: telemetry.headers.a: a value is missing; write the value of the header, or leave the key out`},
		{"header of two lines", told(`endpoint: http://a:1, headers: {a: "secret\r\nB: c"}`), `f:4:48: telemetry.headers.a: the value has a line break, ` +
			`or another character that a header cannot carry; write ASCII in one line`},
		{"list of headers", told(`endpoint: http://a:1, headers: [a]`), `f:4:44: telemetry.headers: a list stands here; write NAME: VALUE pairs, as {Authorization: Bearer TOKEN}`},

		// What is sampled.
		{"sampling of more than all", told("sampling: 10"), "f:4:23: telemetry.sampling: 10 is out of range; " + range01},
		{"sampling of less than none", told("sampling: -1"), "f:4:23: telemetry.sampling: -1 is out of range; " + range01},
		{"sampling of nothing", told("sampling: .nan"), `f:4:23: telemetry.sampling: ".nan" is no number; ` + range01},
		{"sampling that is no number", told("sampling: NaN"), "f:4:23: telemetry.sampling: NaN is out of range; " + range01},
		{"sampling in words", told("sampling: all"), `f:4:23: telemetry.sampling: "all" is no number; ` + range01},
		{"sampling as percentage", told("sampling: 5%"), `f:4:23: telemetry.sampling: "5%" is a percentage; write 0.05`},
		{"no calls", told("calls_per_second: 0"), `f:4:31: telemetry.calls_per_second: 0 is out of range; write 1 to 100000, or off`},
		{"calls below zero", told("calls_per_second: -1"), `f:4:31: telemetry.calls_per_second: -1 is out of range; write 1 to 100000, or off`},
		{"many calls", told("calls_per_second: 100001"), `f:4:31: telemetry.calls_per_second: 100001 is out of range; write 1 to 100000, or off`},
		{"calls in words", told("calls_per_second: all"), `f:4:31: telemetry.calls_per_second: "all" is no whole number; write 1 to 100000, or off`},
		{"slow at once", told("slow: 99us"), `f:4:19: telemetry.slow: 99µs is out of range; write 100us to 1m, or off`},
		{"slow before", told("slow: -1ns"), `f:4:19: telemetry.slow: -1ns is out of range; write 100us to 1m, or off`},
		{"slow never", told("slow: 61s"), `f:4:19: telemetry.slow: 1m1s is out of range; write 100us to 1m, or off`},
		{"slow without unit", told("slow: 100"), `f:4:19: telemetry.slow: "100" has no unit; write 100s or 100ms`},

		// Users.
		{"a user alone", told("users: alice"), `f:4:20: telemetry.users: "alice" stands here; write a list, as [alice, "1234"]`},
		{"user and host", told("users: [bob, alice@example.com]"), `f:4:26: telemetry.users[1]: "alice@example.com" is more than a user; write "alice", which is that user at any host`},
		{"URI", told(`users: ["SIP:alice@example.com"]`), `f:4:21: telemetry.users[0]: "SIP:alice@example.com" is more than a user; write "alice", which is that user at any host`},
		{"telephone number", told(`users: ["tel:+4930"]`), `f:4:21: telemetry.users[0]: "tel:+4930" is more than a user; write "+4930", which is that user at any host`},
		{"nobody", told(`users: ["@example.com"]`), `f:4:21: telemetry.users[0]: "@example.com" is no user; write what stands before the @ of a URI, as alice`},
		{"password of a user", told(`users: ["alice:secret"]`), `f:4:21: telemetry.users[0]: "alice:secret" is no user; write what stands before the @ of a URI, as alice`},
		{"name of a user", told(`users: [Alice B]`), `f:4:21: telemetry.users[0]: "Alice B" is no user; write what stands before the @ of a URI, as alice`},
		{"a user twice", told("users: [a, b, a]"), `f:4:27: telemetry.users[2]: "a" is telemetry.users[0] already`},
		{
			"everybody", told("users: [" + strings.Join(users(1001), ", ") + "]"),
			`f:4:20: telemetry.users: 1001 users are too many; write at most 1000, or raise telemetry.sampling`,
		},
	})
}

func users(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("u%d", i))
	}
	return all
}

// Words that switch something off, and bounds, arrive as what the rest of the program reads.
func TestTelemetryAtItsBounds(t *testing.T) {
	plain := Defaults().Telemetry
	with := func(change func(*Telemetry)) Telemetry {
		c := plain
		change(&c)
		return c
	}
	for src, want := range map[string]Telemetry{
		"":                                plain,
		"sampling: 0":                     with(func(c *Telemetry) { c.Sampling = 0 }),
		"sampling: 1":                     with(func(c *Telemetry) { c.Sampling = 1 }),
		"sampling: 1e-6":                  with(func(c *Telemetry) { c.Sampling = 1e-6 }),
		"calls_per_second: off":           with(func(c *Telemetry) { c.CallsPerSecond = -1 }),
		"calls_per_second: 1":             with(func(c *Telemetry) { c.CallsPerSecond = 1 }),
		"calls_per_second: 100000":        with(func(c *Telemetry) { c.CallsPerSecond = 100000 }),
		"slow: off":                       with(func(c *Telemetry) { c.Slow = -1 }),
		"slow: 100us":                     with(func(c *Telemetry) { c.Slow = 100 * time.Microsecond }),
		"slow: 1m":                        with(func(c *Telemetry) { c.Slow = time.Minute }),
		"spans: packets":                  plain,
		"headers: {}":                     plain, // nil still: the environment has its say
		`endpoint: "http://[::1]:4317/"`:  with(func(c *Telemetry) { c.Endpoint = "http://[::1]:4317/" }),
		"endpoint: HTTPS://a.example:443": with(func(c *Telemetry) { c.Endpoint = "HTTPS://a.example:443" }),
		"endpoint: http://a:4317/b, protocol: http/protobuf": with(func(c *Telemetry) {
			c.Endpoint, c.Protocol = "http://a:4317/b", "http/protobuf"
		}),
		`users: ["*21#", +49-30, "a%20b"]`: with(func(c *Telemetry) { c.Users = []string{"*21#", "+49-30", "a%20b"} }),
	} {
		c, err := Parse("f", []byte(told(src)))
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if got := c.Telemetry; fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
			t.Errorf("%s: %+v, want %+v", src, got, want)
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: accepted, but not valid: %v", src, err)
		}
	}
}

// A Config made in Go is looked at as closely, and in one order.
func TestValidateKnowsTelemetryMadeInGo(t *testing.T) {
	c, err := Parse("f", []byte(twoLegs))
	if err != nil {
		t.Fatal(err)
	}
	for want, breakIt := range map[string]func(*Telemetry){
		"telemetry.calls_per_second: 0 is out of range; write 1 to 100000, or off\n" +
			"telemetry.slow: 0s is out of range; write 100us to 1m, or off": func(t *Telemetry) { *t = Telemetry{} },
		"telemetry.sampling: -2 is out of range":  func(t *Telemetry) { t.Sampling = -2 },
		"telemetry.sampling: NaN is out of range": func(t *Telemetry) { t.Sampling = math.NaN() },
		"telemetry.endpoint: no collector is ":    func(t *Telemetry) { t.Headers = map[string]string{"a": "b"} },
		"telemetry.headers.a: the value has a line break, or another character that a header cannot carry; write ASCII in one line\n" +
			"telemetry.headers.\"b b\": ": func(t *Telemetry) {
			t.Endpoint, t.Headers = "http://a:1", map[string]string{"b b": "", "a": "\n"}
		},
		"telemetry.users[0]: \"\" is no user":          func(t *Telemetry) { t.Users = []string{""} },
		"telemetry.protocol: \"x\" is not known":       func(t *Telemetry) { t.Endpoint, t.Protocol = "http://a:1", "x" },
		"telemetry.endpoint: \"otel\" has no scheme; ": func(t *Telemetry) { t.Endpoint = "otel" },
	} {
		broken := c
		breakIt(&broken.Telemetry)
		if err := broken.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}
