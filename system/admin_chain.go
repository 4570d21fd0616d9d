package system

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/actorsip/actorsip/limit"
	"github.com/actorsip/actorsip/location"
)

// Registrations is a page of what GET /bindings says.
type Registrations struct {
	Registrations []Registration `json:"registrations"`
	Next          string         `json:"next,omitempty"` // the after of the next page; empty: there is none
}

// Registration is an address of record and where it is registered.
type Registration struct {
	AOR      string    `json:"aor"`
	Bindings []Contact `json:"bindings"`
}

// Contact is one binding.
type Contact struct {
	Contact   string    `json:"contact"`
	Q         float64   `json:"q"`
	Expires   time.Time `json:"expires"`
	Updated   time.Time `json:"updated"`
	Leg       string    `json:"leg"`
	Received  string    `json:"received,omitempty"`
	Flow      bool      `json:"flow,omitempty"` // it is reached by the connection that it has registered by
	Path      []string  `json:"path,omitempty"`
	Instance  string    `json:"instance,omitempty"`
	RegID     uint32    `json:"reg_id,omitempty"`
	UserAgent string    `json:"user_agent,omitempty"`
	CallID    string    `json:"call_id"`
	CSeq      uint32    `json:"cseq"`
}

// BanList is what GET /bans says.
type BanList struct {
	Bans    []BanStatus `json:"bans"`
	Refused uint64      `json:"refused"` // automatic bans that there was no room for
}

// BanStatus is one ban.
type BanStatus struct {
	Subject string    `json:"subject"`
	Why     string    `json:"why"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until,omitzero"` // without: it has no end
	Strikes int       `json:"strikes,omitempty"`
	ByHand  bool      `json:"by_hand,omitempty"`
	Hits    uint64    `json:"hits"`
}

// BanOrder is what POST /bans is told.
type BanOrder struct {
	Subject string `json:"subject"`
	Why     string `json:"why,omitempty"`
	For     string `json:"for,omitempty"` // a duration; without: for ever
}

const (
	pageUsual = 100
	pageMost  = 1000
	bodyMost  = 4096 // bytes of an order
	whyMost   = 200  // characters
)

var (
	errForeign     = errors.New("a web page may not change anything here")
	errNoMark      = errors.New("a change needs Content-Type: application/json, or a header X-Actorsip with any value")
	errNoRegistrar = errors.New("nobody registers here: no leg of the configuration has a registrar with domains")
	errNoChain     = errors.New("nobody is banned here: the configuration has no chain")
)

// bindingsHandler answers GET /bindings and DELETE /bindings/{aor}. store may be nil.
func bindingsHandler(store location.Store) http.Handler {
	mux := http.NewServeMux()
	if store == nil {
		return unavailable(errNoRegistrar)
	}
	mux.HandleFunc("GET /bindings", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		most := pageUsual
		if text := q.Get("limit"); text != "" {
			var err error
			if most, err = strconv.Atoi(text); err != nil || most < 1 || most > pageMost {
				http.Error(w, fmt.Sprintf("%s is no limit; write 1 to %d", quoted(text), pageMost), http.StatusBadRequest)
				return
			}
		}
		reply(w, http.StatusOK, pageOf(store.List(q.Get("prefix"), q.Get("after"), most, time.Now()), most))
	})
	mux.HandleFunc("DELETE /bindings/{aor}", change(func(w http.ResponseWriter, r *http.Request) {
		told := make(chan error, 1)
		err := location.Remove(store, r.PathValue("aor"), r.URL.Query().Get("contact"), time.Now(), func(err error) { told <- err })
		if err == nil {
			select {
			case err = <-told:
			case <-r.Context().Done():
				err = r.Context().Err()
			}
		}
		switch {
		case errors.Is(err, location.ErrUnknown):
			http.Error(w, err.Error(), http.StatusNotFound)
		case err != nil:
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	return mux
}

func pageOf(list []location.Registration, most int) Registrations {
	page := Registrations{Registrations: make([]Registration, len(list))}
	for i, r := range list {
		to := &page.Registrations[i]
		to.AOR, to.Bindings = r.AOR, make([]Contact, len(r.Bindings))
		for j, b := range r.Bindings {
			c := Contact{
				Contact: b.Contact, Q: float64(b.Q) / 1000, Expires: b.Expires.UTC(), Updated: b.Updated.UTC(), Leg: b.Leg, Flow: b.Flow != 0,
				Path: b.Path, Instance: b.Instance, RegID: b.RegID, UserAgent: b.UserAgent, CallID: b.CallID, CSeq: b.CSeq,
			}
			if b.Received.IsValid() {
				c.Received = b.Received.String()
			}
			to.Bindings[j] = c
		}
	}
	if len(list) == most {
		page.Next = list[most-1].AOR
	}
	return page
}

// bansHandler answers GET and POST /bans and DELETE /bans/{subject}. bans may be nil; now is their clock.
func bansHandler(bans *limit.Bans, now func() time.Duration) http.Handler {
	mux := http.NewServeMux()
	if bans == nil {
		return unavailable(errNoChain)
	}
	mux.HandleFunc("GET /bans", func(w http.ResponseWriter, _ *http.Request) {
		list := bans.List(now())
		all := BanList{Bans: make([]BanStatus, len(list)), Refused: bans.Refused()}
		for i, b := range list {
			all.Bans[i] = BanStatus{b.String(), b.Why, b.Since.UTC(), b.Until.UTC(), b.Strikes, b.ByHand, b.Hits}
		}
		reply(w, http.StatusOK, all)
	})
	mux.HandleFunc("POST /bans", change(func(w http.ResponseWriter, r *http.Request) {
		subject, why, lasts, err := readBan(http.MaxBytesReader(w, r.Body, bodyMost))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		switch err := bans.Add(now(), subject, why, lasts); {
		case errors.Is(err, limit.ErrTrusted):
			http.Error(w, err.Error(), http.StatusConflict)
		case errors.Is(err, limit.ErrNoRoom):
			http.Error(w, err.Error(), http.StatusInsufficientStorage)
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	mux.HandleFunc("DELETE /bans/{subject...}", change(func(w http.ResponseWriter, r *http.Request) {
		subject, err := limit.ParseSubject(r.PathValue("subject"))
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
		case !bans.Delete(now(), subject):
			http.Error(w, fmt.Sprintf("%s is not banned", subject), http.StatusNotFound)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	return mux
}

// readBan reads an order. lasts is 0 for a ban without an end.
func readBan(body io.Reader) (s limit.Subject, why string, lasts time.Duration, err error) {
	var order BanOrder
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(&order); err != nil {
		return s, "", 0, fmt.Errorf(`the order cannot be read: %w; write {"subject": "192.0.2.7", "why": "…", "for": "10m"}`, err)
	}
	if s, err = limit.ParseSubject(order.Subject); err != nil {
		return s, "", 0, err
	}
	if len([]rune(order.Why)) > whyMost || strings.ContainsFunc(order.Why, unicode.IsControl) {
		return s, "", 0, fmt.Errorf("why somebody is banned is told in a line of %d characters at most", whyMost)
	}
	if order.For != "" {
		if lasts, err = parseDuration(order.For); err != nil {
			return s, "", 0, err
		}
		if lasts < time.Second {
			return s, "", 0, fmt.Errorf("%v is too short for a ban; write 1s or more, or leave it out for one without an end", lasts)
		}
	}
	return s, order.Why, lasts, nil
}

// change keeps web pages from changing anything, whoever looks at them: a page of another site cannot send what is asked for
// without the browser asking first, and each browser says by Origin that it is a page that sends.
func change(do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		switch {
		case r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "":
			http.Error(w, errForeign.Error(), http.StatusForbidden)
		case kind != "application/json" && r.Header.Get("X-Actorsip") == "":
			http.Error(w, errNoMark.Error(), http.StatusUnsupportedMediaType)
		default:
			do(w, r)
		}
	}
}

func unavailable(why error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, why.Error(), http.StatusNotFound) })
}

func reply(w http.ResponseWriter, status int, what any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(what)
}
