package system

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/tests/ua"
)

func TestBadDrillsAreRefusedWithASentence(t *testing.T) {
	for spec, want := range map[string]string{
		"":                                   "a fault is panic, delay or drop",
		"burn:media/*:anchor:1":              "a fault is panic, delay or drop",
		"panic":                              "write panic:ROOM:VERB:RATE",
		"panic:media/*:anchor":               "write panic:ROOM:VERB:RATE",
		"panic:media/*:anchor:1:20ms":        "write panic:ROOM:VERB:RATE",
		"delay:media/*:anchor:1":             "write delay:ROOM:VERB:RATE:DURATION",
		"delay:media/*:anchor:1:20":          `the duration "20"`,
		"delay:media/*:anchor:1:-1ms":        `the duration "-1ms"`,
		"delay:media/*:anchor:1:1s1ms":       "up to 1s",
		"panic:media/*:anchor:x":             `the rate "x"`,
		"panic:media/*:anchor:0":             `the rate "0"`,
		"panic:media/*:anchor:1.1":           `the rate "1.1"`,
		"panic:media/*:anchor:NaN":           `the rate "NaN"`,
		"panic::anchor:1":                    "no path of a room",
		"panic:media//x:anchor:1":            "no path of a room",
		"panic:/media:anchor:1":              "no path of a room",
		"panic:actorsip/media:anchor:1":      "begins below actorsip",
		"panic:media/*::1":                   "no verb",
		"panic:media/*:Anchor:1":             "no verb",
		"drop:relay/0:packets:1":             "they drop nothing",
		"panic:media/*:anchor:1,":            "a fault is panic, delay or drop",
		"panic:media/*:anchor:1,drop:a:b:no": `"drop:a:b:no": the rate "no"`,
	} {
		_, err := ParseChaos(spec)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "no faults can be injected") {
			t.Errorf("%q: %v, want %s", spec, err, want)
		}
	}
}

func TestAFaultKnowsItsRoomAndVerb(t *testing.T) {
	for _, c := range []struct {
		pattern, verb, room string
		msg                 any
		want                bool
	}{
		{"media/*", "anchor", "media/call", message.Anchor{}, true},
		{"media/*", "*", "media/call", message.Anchor{}, true},
		{"media/*", "anchor", "media/call", message.Send{}, false},
		{"media/*", "anchor", "media", message.Anchor{}, false},
		{"media/*", "anchor", "media/call/more", message.Anchor{}, false},
		{"media", "anchor", "media/call", message.Anchor{}, false},
		{"*", "*", "keyring", look{}, true},
		{"*", "look", "keyring", &look{}, true},
		{"*", "*", "keyring", nil, true},
		{"*", "look", "keyring", nil, false},
		{"lanes/*/router", "route", "lanes/1/router", message.Route{}, true},
		{"lanes/*/router", "route", "lanes/1/contact", message.Route{}, false},
		{"lanes/0/legs/*", "send", "lanes/0/legs/inside", message.Send{}, true},
		{"lanes/0/legs/*", "send", "lanes/1/legs/inside", message.Send{}, false},
	} {
		f := fault{room: c.pattern, verb: c.verb}
		if got := f.fits(c.room, c.msg); got != c.want {
			t.Errorf("%s:%s fits %s with %T: %v", c.pattern, c.verb, c.room, c.msg, got)
		}
	}
}

func TestAFaultHappensAsOftenAsItWasAskedFor(t *testing.T) {
	chaos, err := ParseChaos("drop:lanes/*/router:route:0.1, panic:media/*:anchor:1,delay:keyring:look:1:5ms,panic:relay/1:packets:1")
	if err != nil {
		t.Fatal(err)
	}
	swallowed := 0
	for range 20_000 {
		if chaos("actorsip/lanes/0/router", message.Route{}) {
			swallowed++
		}
	}
	if swallowed < 1700 || swallowed > 2300 { // seven standard deviations
		t.Errorf("%d of 20000 were swallowed at a rate of 0.1", swallowed)
	}
	panics := func(f func()) (v any) {
		defer func() { v = recover() }()
		f()
		return nil
	}
	if v := panics(func() { chaos("actorsip/media/call", message.Anchor{}) }); v == nil {
		t.Error("it did not panic")
	}
	began := time.Now()
	if chaos("actorsip/keyring", look{}) || time.Since(began) < 5*time.Millisecond {
		t.Error("it did not wait, or swallowed")
	}
	worker := workerChaos(chaos)
	if panics(func() { worker(0) }) != nil || panics(func() { worker(1) }) == nil {
		t.Error("not worker 1 alone panicked")
	}
	if workerChaos(nil) != nil {
		t.Error("no chaos is some chaos to workers")
	}
}

// A drill on a running proxy: every second message of a lane is lost or makes its room panic; phones repeat, and the call
// goes through.
func TestACallSurvivesADrill(t *testing.T) {
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	cfg, err := Parse("drill.yaml", fmt.Appendf(nil, `
lanes: 1
legs:
  - {name: inside, listen: "udp:127.0.0.1:0", reach: ["%s"]}
  - {name: outside, listen: "udp:127.0.0.1:0", reach: ["%s"]}
next_hops: {"*": "sip:%s"}
admin: {listen: "off"}
keys: {file: %s}
`, caller.Addr(), callee.Addr(), callee.Addr(), strconv.Quote(filepath.Join(t.TempDir(), "keys.yaml"))))
	if err != nil {
		t.Fatal(err)
	}
	chaos, err := ParseChaos("drop:lanes/*/router:route:0.25,panic:lanes/*/contact:*:0.25,delay:lanes/*/legs/*:send:0.5:1ms")
	if err != nil {
		t.Fatal(err)
	}
	s, err := StartWith(cfg, Options{Chaos: chaos, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	options := caller.Compose("OPTIONS", "sip:bob@example.com", ua.Options{})
	through := 0
	for deadline := time.Now().Add(20 * time.Second); through < 20; {
		caller.Send(options.Raw, s.Addr("inside"))
		if _, came := callee.Next(50 * time.Millisecond); came {
			through++
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d requests came through", through)
		}
	}
	dropped := uint64(0)
	for _, c := range s.Counts() {
		if c.Reason == message.Panicked.String() {
			dropped += c.Packets
		}
	}
	if dropped == 0 || s.restarts.Total() == 0 {
		t.Errorf("%d packets were given back, %d restarts: the drill did nothing", dropped, s.restarts.Total())
	}
}
