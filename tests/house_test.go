package tests

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/room"
	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/ua"
)

// house is a proxy between a caller on the inside leg and a callee on the outside leg.
type house struct {
	*system.System
	caller, callee *ua.Phone
}

// host is what the phones and legs of a house are on: a loopback address as it stands in a URI.
type host string

const (
	v4 host = "127.0.0.1"
	v6 host = "[::1]"
)

// everywhere is all of loopback: what the outside leg reaches beside the callee.
var everywhere = map[host]string{v4: "127.0.0.0/8", v6: "::1"}

// config is the configuration of a house. more is added to it, top-level keys.
func config(t testing.TB, inside, outside host, caller, callee *ua.Phone, more string) system.Config {
	t.Helper()
	text := `
lanes: 2
legs:
  - {name: inside, listen: "udp:` + string(inside) + `:0", reach: ["` + caller.Addr().String() + `"]}
  - {name: outside, listen: "udp:` + string(outside) + `:0", reach: ["` + callee.Addr().String() + `", "` + everywhere[outside] + `"]}
admin: {listen: "127.0.0.1:0"}
` + more
	if !strings.Contains(more, "next_hops:") {
		text += `next_hops: {"*": "sip:` + callee.Addr().String() + "\"}\n"
	}
	if !strings.Contains(more, "keys:") {
		text += "keys: {file: " + strconv.Quote(filepath.Join(t.TempDir(), "keys.yaml")) + "}\n"
	}
	cfg, err := system.Parse(filepath.Join(t.TempDir(), "house.yaml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// build starts a house; its end is checked for what it leaves behind.
func build(t testing.TB, inside, outside host, more string, chaos room.Chaos) *house {
	t.Helper()
	leavesNothing(t)
	h := &house{caller: ua.New(t, string(inside)+":0"), callee: ua.New(t, string(outside)+":0")}
	cfg := config(t, inside, outside, h.caller, h.callee, more)
	s, err := system.StartWith(cfg, system.Options{Chaos: chaos, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h.System = s
	t.Cleanup(s.Stop)
	return h
}

// begin starts a proxy with one lane whose legs are written out; the rest of its configuration goes without saying.
func begin(t testing.TB, legs string) *system.System {
	t.Helper()
	cfg, err := system.Parse("legs.yaml", []byte("lanes: 1\nlegs:\n"+legs+"admin: {listen: \"off\"}\n"+
		"keys: {file: "+strconv.Quote(filepath.Join(t.TempDir(), "keys.yaml"))+"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := system.StartWith(cfg, system.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// newHouse is a house on IPv4 with nothing special.
func newHouse(t testing.TB) *house { return build(t, v4, v4, "", nil) }

// invite has the caller call the callee, and gives both sides of the call that is up.
func (h *house) invite(t testing.TB) (caller, callee *ua.Call) {
	t.Helper()
	caller = h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside")})
	callee = h.callee.Answer(h.callee.Receive(), 200, ua.Options{})
	caller.Ack(caller.Response())
	if m := h.callee.Receive(); m.Method() != "ACK" {
		t.Fatalf("the callee expected the ACK, not\n%s", m.Raw)
	}
	return caller, callee
}

// bye ends a call from that side; the other phone answers.
func bye(t testing.TB, from *ua.Call, other *ua.Phone) {
	t.Helper()
	from.Bye()
	m := other.Receive()
	if m.Method() != "BYE" {
		t.Fatalf("a BYE was expected, not\n%s", m.Raw)
	}
	other.Answer(m, 200, ua.Options{})
	if r := from.Response(); r.Status() != 200 {
		t.Fatalf("the BYE was answered\n%s", r.Raw)
	}
}

// leavesNothing compares goroutines and file descriptors at the end of the test, when all else is cleaned up, with now.
func leavesNothing(t testing.TB) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	t.Cleanup(func() {
		for deadline := time.Now().Add(3 * time.Second); ; runtime.Gosched() { // what was told to end may be ending
			g, f := runtime.NumGoroutine(), openFiles(t)
			if g <= goroutines && f <= files {
				return
			}
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<16)
				t.Errorf("%d goroutines and %d files were left, of %d and %d before\n%s", g, f, goroutines, files,
					buf[:runtime.Stack(buf, true)])
				return
			}
		}
	})
}

func openFiles(t testing.TB) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0 // not on this system
	}
	return len(entries)
}
