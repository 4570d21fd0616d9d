package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
)

// Levers are what may be changed while the proxy runs, for the admin port: GET shows the value, PUT sets it.
//
//	/log/level    debug, info, warn or error
//	/trace/ratio  which part of all calls is sampled, 0 to 1
func (t *Telemetry) Levers() http.Handler {
	mux := http.NewServeMux()
	t.lever(mux, "/log/level", func() string { return strings.ToLower(t.Level.Level().String()) }, func(s string) error {
		var l slog.Level
		if err := l.UnmarshalText([]byte(s)); err != nil {
			return fmt.Errorf("%q is no level: there are debug, info, warn and error", s)
		}
		t.Level.Set(l)
		return nil
	})
	t.lever(mux, "/trace/ratio", func() string { return fmt.Sprint(t.Gate.Ratio()) }, func(s string) error {
		r, err := strconv.ParseFloat(s, 64)
		if err != nil || !(r >= 0 && r <= 1) {
			return fmt.Errorf("%q is no ratio: write a number from 0 to 1", s)
		}
		t.Gate.SetRatio(r)
		return nil
	})
	return mux
}

// lever is one value at one path. Who moves it is told the value that it has then.
func (t *Telemetry) lever(mux *http.ServeMux, path string, show func() string, set func(string) error) {
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, show()) })
	mux.HandleFunc("PUT "+path, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 100))
		if err == nil {
			err = set(strings.TrimSpace(string(b)))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		t.log.Info("a setting was changed while running", "setting", path, "value", show())
		fmt.Fprintln(w, show())
	})
}
