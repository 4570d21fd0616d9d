package telemetry

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestLeversAreMovedOnlyToWhatTheyKnow(t *testing.T) {
	h := newHouse(t, nil)
	for _, c := range []struct {
		path, set, shown string
		code             int
	}{
		{"/log/level", "debug", "debug", 200},
		{"/log/level", "ERROR\n", "error", 200},
		{"/log/level", "loud", "error", 400},
		{"/trace/ratio", "0.5", "0.5", 200},
		{"/trace/ratio", "2", "0.5", 400},
		{"/trace/ratio", "NaN", "0.5", 400},
		{"/trace/ratio", strings.Repeat("1", 200), "0.5", 400},
	} {
		w := httptest.NewRecorder()
		h.Levers().ServeHTTP(w, httptest.NewRequest("PUT", c.path, strings.NewReader(c.set)))
		if w.Code != c.code {
			t.Errorf("%s to %q: %d %s", c.path, c.set, w.Code, w.Body)
		}
		w = httptest.NewRecorder()
		h.Levers().ServeHTTP(w, httptest.NewRequest("GET", c.path, nil))
		if strings.TrimSpace(w.Body.String()) != c.shown {
			t.Errorf("%s after %q is %q, want %q", c.path, c.set, w.Body, c.shown)
		}
	}
	if h.Level.Level() != slog.LevelError || h.Gate.Ratio() != 0.5 {
		t.Error("the levers move nothing")
	}
}
