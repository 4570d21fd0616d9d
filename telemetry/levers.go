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
	mux.HandleFunc("GET /log/level", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, strings.ToLower(t.Level.Level().String()))
	})
	mux.HandleFunc("PUT /log/level", lever(func(s string) error {
		var l slog.Level
		if err := l.UnmarshalText([]byte(s)); err != nil {
			return fmt.Errorf("%q is no level: there are debug, info, warn and error", s)
		}
		t.Level.Set(l)
		return nil
	}))
	mux.HandleFunc("GET /trace/ratio", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, t.Gate.Ratio()) })
	mux.HandleFunc("PUT /trace/ratio", lever(func(s string) error {
		r, err := strconv.ParseFloat(s, 64)
		if err != nil || !(r >= 0 && r <= 1) {
			return fmt.Errorf("%q is no ratio: write a number from 0 to 1", s)
		}
		t.Gate.SetRatio(r)
		return nil
	}))
	return mux
}

// lever sets something to what the body of a request says.
func lever(set func(string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 100))
		if err == nil {
			err = set(strings.TrimSpace(string(b)))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
