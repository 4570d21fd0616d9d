package system

import (
	"encoding/json"
	"log/slog"
	"testing"
)

// alone is a system that has not been started: enough to be told that it drains.
func alone() *System { return &System{log: slog.New(slog.DiscardHandler)} }

func TestDrainingIsToldAndUndone(t *testing.T) {
	s := alone()
	s.ready.Store(true)
	h := s.drainHandler()
	for _, c := range []struct {
		method string
		want   bool
	}{{"GET", false}, {"POST", true}, {"POST", true}, {"GET", true}, {"DELETE", false}, {"GET", false}} {
		status, text := curl(t, h, c.method, "/drain", "", asProgram)
		var said DrainStatus
		if err := json.Unmarshal([]byte(text), &said); err != nil || status != 200 || said.Draining != c.want || s.isReady() == c.want {
			t.Errorf("%s: %d %v %s, ready: %t", c.method, status, err, text, s.isReady())
		}
	}
}

// A page that an operator looks at must not take his node out of service.
func TestAWebPageDrainsNothing(t *testing.T) {
	s := alone()
	h := s.drainHandler()
	for _, headers := range [][]string{nil, {"Content-Type: text/plain"}, {asProgram, "Origin: https://evil.example"}, {asProgram, "Sec-Fetch-Site: cross-site"}} {
		for _, method := range []string{"POST", "DELETE"} {
			if status, text := curl(t, h, method, "/drain", "", headers...); status != 415 && status != 403 {
				t.Errorf("%s %q: %d %s", method, headers, status, text)
			}
		}
	}
	if s.draining.Load() {
		t.Error("it drains")
	}
}

// Links and lives begin again; what metrics tell must not.
func TestCountersOfTheClusterOnlyGrow(t *testing.T) {
	a := sums{last: map[string]uint64{}, total: map[string]int64{}}
	for _, n := range []uint64{3, 5, 2, 4} {
		a.add("sent", "x", n)
	}
	a.add("sent", "y", 10)
	a.add("lost", "x", 1)
	if a.total["sent"] != 5+4+10 || a.total["lost"] != 1 {
		t.Errorf("%+v", a.total)
	}
}
