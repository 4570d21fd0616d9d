package system

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/actorsip/actorsip/stream"
)

// The keys of the file, mapping by mapping, and where their values go.

func (v configValue) config(c *Config) {
	v.keys(
		configKey{"node", scalar(&c.Node, "a name", parseText)},
		configKey{"lanes", scalar(&c.Lanes, "0 to 256", parseNumber)},
		configKey{"legs", func(v configValue) { v.legs(&c.Legs) }},
		configKey{"next_hops", func(v configValue) { v.nextHops(&c.NextHops) }},
		configKey{"outbound_proxy", scalar(&c.OutboundProxy, "sip:HOST:PORT", parseHop)},
		configKey{"contact", func(v configValue) {
			v.keys(configKey{"rewrite", scalar(&c.Contact, "crossing, always or never", parseRewrite)})
		}},
		configKey{"media", func(v configValue) { v.media(&c.Media) }},
		configKey{"keys", func(v configValue) {
			v.keys(configKey{"file", scalar(&c.KeyFile, "a file name", parseText)})
		}},
		configKey{"dns", func(v configValue) { v.dns(&c.DNS) }},
		configKey{"limits", func(v configValue) { v.limits(&c.Limits) }},
		configKey{"forwarding", func(v configValue) {
			v.keys(
				configKey{"max_forwards", scalar(&c.MaxForwards, "1 to 255", parseNumber)},
				configKey{"large_requests", scalar(&c.LargeRequests, "auto or never", parseLarge)},
			)
		}},
		configKey{"streams", func(v configValue) { v.streams(&c.Streams) }},
		configKey{"trusted", scalars(&c.Trusted, `"10.0.0.0/8", "192.0.2.1"`, parseNetwork)},
		configKey{"chain", func(v configValue) { v.chain(&c.Chain) }},
		configKey{"registrar", func(v configValue) { v.bindings(&c.Registrar) }},
		configKey{"bans", func(v configValue) { v.bans(&c.Bans) }},
		configKey{"cluster", func(v configValue) { v.cluster(&c.Cluster) }},
		configKey{"drain", func(v configValue) {
			v.keys(configKey{"timeout", scalar(&c.DrainTimeout, "a duration, as 10m", parseDuration)})
		}},
		configKey{"admin", func(v configValue) {
			v.keys(configKey{"listen", scalar(&c.AdminListen, "ADDRESS:PORT or off", parseAdmin)})
		}},
		configKey{"log", func(v configValue) {
			v.keys(
				configKey{"level", scalar(&c.Log.Level, "debug, info, warn or error", parseLevel)},
				configKey{"format", scalar(&c.Log.Format, "json or text", parseFormat)},
			)
		}},
		configKey{"telemetry", func(v configValue) { v.telemetry(&c.Telemetry) }},
	)
}

func (v configValue) legs(legs *[]Leg) {
	v.list(`write a list of legs, each as "- name: NAME" and its other keys below`, func(i int, v configValue) {
		var l Leg
		var listen listenText
		var advertise advertiseText
		v.keys(
			configKey{"name", scalar(&l.Name, "a name", parseText)},
			configKey{"listen", scalar(&listen, "udp:ADDRESS:PORT", parseListen)},
			configKey{"advertise", scalar(&advertise, "HOST or HOST:PORT", parseAdvertise)},
			configKey{"reach", scalars(&l.Reach, `"10.0.0.0/8", "192.0.2.1", "192.0.2.2:5060"`, parseReach)},
			configKey{"domains", scalars(&l.Domains, `example.com, "*.example.com"`, parseDomain)},
			configKey{"proxy", scalar(&l.Proxy, "sip:HOST:PORT", parseHop)},
			configKey{"prefixes", func(v configValue) { v.prefixes(&l.Prefixes) }},
			configKey{"registrar", func(v configValue) { v.registrar(&l.Registrar) }},
			configKey{"media", func(v configValue) { v.legMedia(&l.Media) }},
			configKey{"tls", func(v configValue) { v.tls(&l.TLS) }},
			configKey{"websocket", func(v configValue) { v.webSocket(&l.WebSocket) }},
			configKey{"stream", func(v configValue) {
				v.r.later = append(v.r.later, func(c *Config) { v.streams(&c.Legs[i].Stream) })
			}},
		)
		l.Transport, l.Listen = listen.transport, listen.addr
		l.AdvertiseHost, l.AdvertisePort = advertise.host, advertise.port
		*legs = append(*legs, l)
	})
}

func (v configValue) tls(t *TLSConfig) {
	v.keys(
		configKey{"cert", scalar(&t.Cert, "a file name", parseText)},
		configKey{"key", scalar(&t.Key, "a file name", parseText)},
		configKey{"ca", scalar(&t.CA, "a file name", parseText)},
		configKey{"verify_client", scalar(&t.VerifyClient, "true or false", parseSwitch)},
		configKey{"insecure_skip_verify", scalar(&t.SkipVerify, "true or false", parseSwitch)},
		configKey{"certificates", func(v configValue) {
			v.list(`write a list, each as {cert: FILE, key: FILE}`, func(_ int, v configValue) {
				var p stream.KeyPair
				v.keys(
					configKey{"cert", scalar(&p.Cert, "a file name", parseText)},
					configKey{"key", scalar(&p.Key, "a file name", parseText)},
				)
				t.Certificates = append(t.Certificates, p)
			})
		}},
	)
}

func (v configValue) webSocket(w *WebSocket) {
	v.keys(
		configKey{"path", scalar(&w.Path, "a path, as /sip", parsePath)},
		configKey{"origins", scalars(&w.Origins, `"https://phone.example.com"`, parseOrigin)},
	)
}

// streams is the section of all legs, and what one leg has else.
func (v configValue) streams(s *Streams) {
	v.keys(
		configKey{"max_connections", scalar(&s.MaxConnections, "0 to 1000000", parseNumber)},
		configKey{"max_per_source", scalar(&s.MaxPerSource, "0 to 1000000", parseNumber)},
		configKey{"idle", scalar(&s.Idle, "a duration, as 65m", parseDuration)},
		configKey{"partial", scalar(&s.Partial, "a duration, as 10s", parseDuration)},
		configKey{"connect", scalar(&s.Connect, "a duration, as 5s", parseDuration)},
		configKey{"handshake", scalar(&s.Handshake, "a duration, as 10s", parseDuration)},
		configKey{"write", scalar(&s.Write, "a duration, as 10s", parseDuration)},
		configKey{"queue", scalar(&s.Queue, "65536 to 16777216", parseNumber)},
	)
}

// nextHops is sorted so that the first that matches is the one that counts.
func (v configValue) nextHops(hops *[]NextHop) {
	v.pairs(`write "DOMAIN: sip:HOST:PORT" lines`, func(key string, at configPlace, n *yaml.Node) {
		domain, err := parseDomain(key)
		if err != nil {
			v.r.report(at, v.join(key), err.Error())
			return
		}
		if slices.ContainsFunc(*hops, func(h NextHop) bool { return h.Domain == domain }) {
			v.r.report(at, v.join(domain), fmt.Sprintf("the domain %s stands here twice", domain))
			return
		}
		hop := NextHop{Domain: domain}
		scalar(&hop.URI, "sip:HOST:PORT", parseHop)(v.at(v.join(domain), n))
		*hops = append(*hops, hop)
	})
	slices.SortStableFunc(*hops, func(a, b NextHop) int {
		wild := func(h NextHop) int { return strings.Count(h.Domain, "*") }
		return cmp.Or(wild(a)-wild(b), len(b.Domain)-len(a.Domain))
	})
}

func (v configValue) prefixes(prefixes *[]Prefix) {
	v.pairs(`write "DIGITS": DOMAIN pairs, as {"0": gateway.example.net}`, func(key string, _ configPlace, n *yaml.Node) {
		p := Prefix{Digits: key}
		scalar(&p.Domain, "a domain", parseHostPort)(v.at(v.join(key), n))
		*prefixes = append(*prefixes, p)
	})
	slices.SortStableFunc(*prefixes, func(a, b Prefix) int { return len(b.Digits) - len(a.Digits) })
}

func (v configValue) media(m *Media) {
	v.keys(
		configKey{"relay", scalar(&m.Relay, "true or false", parseSwitch)},
		configKey{"ports", func(v configValue) { m.Low, m.High = v.ports() }},
		configKey{"max_sessions", scalar(&m.MaxSessions, "0 to 1000000", parseNumber)},
		configKey{"max_streams_per_session", scalar(&m.MaxStreams, "0 to 64", parseNumber)},
		configKey{"unused", scalar(&m.Unused, "a duration, as 3m", parseDuration)},
		configKey{"silent", scalar(&m.Silent, "a duration, as 30s", parseDuration)},
		configKey{"closed", scalar(&m.Closed, "a duration, as 1s", parseDuration)},
		configKey{"journal", scalar(&m.Journal, "a file name or off", parseJournal)},
		configKey{"shared", scalar(&m.Shared, "a name", parseText)},
		configKey{"workers", scalar(&m.Workers, "0 to 64", parseNumber)},
	)
}

func (v configValue) legMedia(m *LegMedia) {
	v.keys(
		configKey{"address", scalar(&m.Address, "an address", parseMediaAddress)},
		configKey{"advertise", scalar(&m.Advertise, "an address", parseMediaAddress)},
		configKey{"ports", func(v configValue) { m.Low, m.High = v.ports() }},
		configKey{"hairpin", scalar(&m.Hairpin, "true or false", parseSwitch)},
	)
}

// ports reads LOW-HIGH; both are 0 when it cannot be read.
func (v configValue) ports() (low, high uint16) {
	var r portRange
	scalar(&r, "LOW-HIGH, as 20000-29999", parsePorts)(v)
	return r.low, r.high
}

func (v configValue) dns(d *DNS) {
	v.keys(
		configKey{"servers", scalars(&d.Servers, `"192.0.2.53", "192.0.2.54:5353"`, parseServer)},
		configKey{"timeout", scalar(&d.Timeout, "a duration, as 2s", parseDuration)},
		configKey{"attempts", scalar(&d.Attempts, "0 to 10", parseNumber)},
		configKey{"max_waiting", scalar(&d.MaxWaiting, "1 to 1000000", parseNumber)},
		configKey{"cache", scalar(&d.Cache, "1 to 1000000", parseNumber)},
	)
}

func (v configValue) limits(l *Limits) {
	v.keys(
		configKey{"max_message", scalar(&l.MaxMessage, "1500 to 65535", parseNumber)},
		configKey{"packets", scalar(&l.Packets, "16 to 65536", parseNumber)},
		configKey{"waiting", scalar(&l.Waiting, "0 to fewer than packets", parseNumber)},
	)
}

func (v configValue) telemetry(t *Telemetry) {
	v.keys(
		configKey{"endpoint", scalar(&t.Endpoint, "http://HOST:PORT", parseEndpoint)},
		configKey{"protocol", scalar(&t.Protocol, "grpc or http/protobuf", parseProtocol)},
		configKey{"headers", func(v configValue) { v.headers(&t.Headers) }},
		configKey{"sampling", scalar(&t.Sampling, "0 to 1", parseSampling)},
		configKey{"calls_per_second", scalar(&t.CallsPerSecond, "1 to 100000, or off", parseCalls)},
		configKey{"slow", scalar(&t.Slow, "a duration, as 100ms, or off", parseSlow)},
		configKey{"spans", scalar(&t.Rooms, "packets or rooms", parseSpans)},
		configKey{"request_uri", scalar(&t.RequestURI, "true or false", parseSwitch)},
		configKey{"logme", scalar(&t.LogMe, "true or false", parseSwitch)},
		configKey{"users", scalars(&t.Users, `alice, "1234"`, parseUser)},
	)
}

// headers stays nil when there is none: then the environment has its say.
func (v configValue) headers(headers *map[string]string) {
	v.pairs("write NAME: VALUE pairs, as {Authorization: Bearer TOKEN}", func(key string, at configPlace, n *yaml.Node) {
		if err := checkHeaderName(key); err != nil {
			v.r.report(at, v.join(key), err.Error())
			return
		}
		for name := range *headers {
			if strings.EqualFold(name, key) {
				v.r.report(at, v.join(key), fmt.Sprintf("the header %s stands here twice; capitals make no difference", name))
				return
			}
		}
		var value string
		scalar(&value, "the value of the header", parseHeader)(v.at(v.join(key), n))
		if *headers == nil {
			*headers = map[string]string{}
		}
		(*headers)[key] = value
	})
}
