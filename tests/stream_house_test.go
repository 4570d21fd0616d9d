package tests

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/actorsip/actorsip/room"
	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/stage"
	"github.com/actorsip/actorsip/tests/ua"
)

// place is what a leg and the phone behind it are on.
type place struct {
	transport string
	host      host
}

func (p place) String() string {
	if p.host == v6 {
		return p.transport + "6"
	}
	return p.transport
}

func (p place) isStream() bool { return p.transport != "udp" }

// param is the transport parameter of a URI that means this place.
func (p place) param() string {
	switch p.transport {
	case "udp":
		return ""
	case "wss": // RFC 7118 §5.2
		return ";transport=ws"
	}
	return ";transport=" + p.transport
}

// next is the URI of a next hop there.
func (p place) next(at fmt.Stringer) string {
	scheme := "sip:"
	if p.transport == "wss" {
		scheme = "sips:"
	}
	return scheme + at.String() + p.param()
}

// trust is an authority with one certificate, which the proxy and its phones share.
type trust struct {
	authority *stage.Authority
	pair      stage.Pair
}

func newTrust(t testing.TB) trust {
	t.Helper()
	a := stage.NewAuthority(t)
	return trust{a, a.Issue(t, t.TempDir(), "loopback", "127.0.0.1", "::1")}
}

// phone is the TLS configuration of a phone at a place; none where there is no TLS.
func (tr trust) phone(t testing.TB, p place) []*tls.Config {
	t.Helper()
	if p.transport != "tls" && p.transport != "wss" {
		return nil
	}
	return []*tls.Config{{Certificates: []tls.Certificate{tr.pair.Load(t)}, RootCAs: tr.authority.Pool()}}
}

// open is a phone that listens at a place.
func (tr trust) open(t testing.TB, p place) *ua.Phone {
	t.Helper()
	return ua.NewOver(t, p.transport, string(p.host)+":0", tr.phone(t, p)...)
}

// leg is the line of a configuration for a leg at a place. more are further keys.
func (tr trust) leg(name string, p place, port, more string) string {
	text := fmt.Sprintf("  - {name: %s, listen: \"%s:%s:%s\"", name, p.transport, p.host, port)
	if p.transport == "tls" || p.transport == "wss" {
		text += fmt.Sprintf(", tls: {cert: %q, key: %q, ca: %q}", tr.pair.Cert, tr.pair.Key, tr.authority.File)
	}
	if more != "" {
		text += ", " + more
	}
	return text + "}\n"
}

// options are what is special about a house between two places.
type options struct {
	inside, outside string // keys of the legs
	top             string // top-level keys; CALLEE stands for the callee's URI
	chaos           room.Chaos
	lanes           int  // 0: two
	client          bool // nobody can connect to the caller
	everywhere      bool // the outside leg reaches all of the loopback
}

// bridge is a house whose legs and phones are at two places.
type bridge struct {
	house
	trust
	inside, outside place
}

// between starts a bridge.
func between(t testing.TB, inside, outside place, o options) *bridge {
	t.Helper()
	leavesNothing(t)
	tr := newTrust(t)
	h := &bridge{house{callee: tr.open(t, outside)}, tr, inside, outside}
	within, beyond := everywhere[inside.host], h.callee.Addr().String()
	if o.everywhere {
		beyond = everywhere[outside.host]
	}
	if o.client {
		h.caller = h.client(t)
	} else {
		h.caller = tr.open(t, inside)
		within = h.caller.Addr().String()
	}
	reach := func(to, more string) string {
		text := fmt.Sprintf("reach: [%q]", to)
		if more != "" {
			text += ", " + more
		}
		return text
	}
	top := strings.ReplaceAll(o.top, "CALLEE", strconv.Quote(outside.next(h.callee.Addr())))
	if !strings.Contains(top, "next_hops:") {
		top += fmt.Sprintf("next_hops: {\"*\": %q}\n", outside.next(h.callee.Addr()))
	}
	h.System = launch(t, tr.leg("inside", inside, "0", reach(within, o.inside))+
		tr.leg("outside", outside, "0", reach(beyond, o.outside)), top, o)
	return h
}

// client is a phone that nobody can connect to, where the caller is.
func (h *bridge) client(t testing.TB) *ua.Phone {
	t.Helper()
	return ua.NewClient(t, h.inside.transport, h.phone(t, h.inside)...)
}

// in is the bridge in the service of a subtest.
func (h *bridge) in(t *testing.T) *bridge {
	same := *h
	same.caller, same.callee = h.caller.In(t), h.callee.In(t)
	return &same
}

// launch starts a proxy with those legs and top-level keys; the end of the test stops it.
func launch(t testing.TB, legs, top string, o options) *system.System {
	t.Helper()
	s, _ := start(t, legs, top, o)
	return s
}

// start is launch for a proxy that is stopped before the test ends.
func start(t testing.TB, legs, top string, o options) (s *system.System, stop func()) {
	t.Helper()
	lanes := o.lanes
	if lanes == 0 {
		lanes = 2
	}
	text := fmt.Sprintf("lanes: %d\nlegs:\n%sadmin: {listen: \"127.0.0.1:0\"}\n%s", lanes, legs, top)
	if !strings.Contains(top, "keys:") {
		text += "keys: {file: " + strconv.Quote(filepath.Join(t.TempDir(), "keys.yaml")) + "}\n"
	}
	cfg, err := system.Parse("stream.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if s, err = system.StartWith(cfg, system.Options{Chaos: o.chaos, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(s.Stop)
	t.Cleanup(stop)
	return s, stop
}

// steadyPorts are those that were given, or are somebody else's.
var steadyPorts sync.Map

// steadyPort is a port for a leg that is to have it again after a restart, UDP or TCP. It is below those that the kernel gives to
// whoever asks for any, so that nobody gets it meanwhile, and none is given twice.
func steadyPort(t testing.TB, h host) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(12500 + rand.IntN(7500))
		if _, was := steadyPorts.LoadOrStore(port, true); was {
			continue
		}
		l, err := net.Listen("tcp", string(h)+":"+port)
		if err != nil {
			continue
		}
		c, err := net.ListenPacket("udp", string(h)+":"+port)
		_ = l.Close()
		if err == nil {
			_ = c.Close()
			return port
		}
	}
	t.Fatalf("no port is free at %s", h)
	return ""
}

// connections is what /status says of a leg's connections.
func connections(t testing.TB, s *system.System, leg string) system.StreamStatus {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get("http://" + s.AdminAddr().String() + "/status")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var st system.Status
	if err := json.NewDecoder(r.Body).Decode(&st); err != nil {
		t.Fatal(err)
	}
	for _, l := range st.Legs {
		if l.Name == leg && l.Connections != nil {
			return *l.Connections
		}
	}
	t.Fatalf("/status tells nothing of connections of leg %s", leg)
	return system.StreamStatus{}
}

// awaitConnections waits until what /status says of a leg's connections is so.
func awaitConnections(t testing.TB, s *system.System, leg, what string, is func(system.StreamStatus) bool) system.StreamStatus {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
		st := connections(t, s, leg)
		if is(st) {
			return st
		}
		if time.Now().After(deadline) {
			t.Fatalf("leg %s: %s was expected, but it is %+v", leg, what, st)
		}
	}
}

// awaitEnd waits until so many connections of a leg have ended for a reason.
func awaitEnd(t testing.TB, s *system.System, leg, why string, count uint64) {
	t.Helper()
	awaitConnections(t, s, leg, fmt.Sprintf("%d ended as %q", count, why), func(st system.StreamStatus) bool { return st.Ended[why] >= count })
}

// counted is how many packets had an outcome for a reason, as far as it is named.
func counted(s *system.System, outcome, reason string) (n uint64) {
	for _, c := range s.Counts() {
		if c.Outcome == outcome && strings.Contains(c.Reason, reason) {
			n += c.Packets
		}
	}
	return n
}
