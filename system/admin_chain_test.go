package system

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/limit"
	"github.com/actorsip/actorsip/location"
)

// curl asks a handler as a program does, with a body and header lines.
func curl(t *testing.T, h http.Handler, method, target, body string, headers ...string) (status int, answer string) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	r, err := http.NewRequest(method, server.URL+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got.StatusCode, string(text)
}

const asProgram = "X-Actorsip: 1"

// registered is a store with users u0 to u<n-1>, each with two contacts.
func registered(t *testing.T, n int) location.Store {
	t.Helper()
	store, err := location.Open(location.Config{File: location.Off})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	told := make(chan error, n)
	for i := range n {
		b := location.Binding{
			Contact: "sip:a@192.0.2.1", Q: 1000, Expires: time.Now().Add(time.Hour), Updated: time.Now(), Leg: "outside", CallID: "c", CSeq: 1,
			Received: netip.MustParseAddrPort("192.0.2.1:5060"), UserAgent: "phone",
		}
		second := b
		second.Contact, second.Q, second.Flow, second.Received = "sip:b@192.0.2.2;x=y&z", 500, 7, netip.AddrPort{}
		err := store.Update(fmt.Sprintf("sip:u%d@a.example", i), time.Now(), func([]location.Binding) ([]location.Binding, error) {
			return []location.Binding{b, second}, nil
		}, func(err error) { told <- err })
		if err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		if err := <-told; err != nil {
			t.Fatal(err)
		}
	}
	return store
}

func contacts(store location.Store, aor string) int {
	for _, r := range store.List(aor, "", 1, time.Now()) {
		return len(r.Bindings)
	}
	return 0
}

func TestRegistrationsAreListedPageByPage(t *testing.T) {
	h := bindingsHandler(registered(t, 5))
	var seen []string
	for after := ""; ; {
		status, text := curl(t, h, "GET", "/bindings?limit=2&prefix=sip:u&after="+url.QueryEscape(after), "")
		var page Registrations
		if err := json.Unmarshal([]byte(text), &page); err != nil || status != 200 {
			t.Fatalf("%d %v: %s", status, err, text)
		}
		for _, r := range page.Registrations {
			seen = append(seen, r.AOR)
			if len(r.Bindings) != 2 || r.Bindings[0].Q != 1 || r.Bindings[0].Received != "192.0.2.1:5060" || r.Bindings[1].Q != 0.5 || !r.Bindings[1].Flow ||
				r.Bindings[1].Received != "" || time.Until(r.Bindings[0].Expires) < 50*time.Minute {
				t.Fatalf("%+v", r)
			}
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if got := strings.Join(seen, " "); got != "sip:u0@a.example sip:u1@a.example sip:u2@a.example sip:u3@a.example sip:u4@a.example" {
		t.Error(got)
	}
	if status, text := curl(t, h, "GET", "/bindings?prefix=sip:x", ""); status != 200 || !strings.Contains(text, `"registrations": []`) {
		t.Errorf("%d %s", status, text)
	}
	for _, bad := range []string{"0", "1001", "x"} {
		if status, text := curl(t, h, "GET", "/bindings?limit="+bad, ""); status != 400 || !strings.Contains(text, "write 1 to 1000") {
			t.Errorf("%d %s", status, text)
		}
	}
}

func TestARegistrationIsDeletedAsAWholeOrByOneContact(t *testing.T) {
	store := registered(t, 2)
	h := bindingsHandler(store)
	count := func(aor string) int { return contacts(store, aor) }
	if status, text := curl(t, h, "DELETE", "/bindings/sip:u0@a.example?contact="+url.QueryEscape("sip:b@192.0.2.2;x=y&z"), "", asProgram); status != 204 {
		t.Fatalf("%d %s", status, text)
	}
	if n := count("sip:u0@a.example"); n != 1 {
		t.Errorf("%d contacts are left", n)
	}
	if status, text := curl(t, h, "DELETE", "/bindings/"+url.PathEscape("sip:u1@a.example"), "", asProgram); status != 204 || count("sip:u1@a.example") != 0 {
		t.Errorf("%d %s", status, text)
	}
	for _, gone := range []string{"sip:u1@a.example", "sip:u0@a.example?contact=sip:none@a.example", "sip:u9@a.example", "sip:a%2Fb@a.example"} {
		if status, text := curl(t, h, "DELETE", "/bindings/"+gone, "", asProgram); status != 404 || !strings.Contains(text, "there is no such binding") {
			t.Errorf("%s: %d %s", gone, status, text)
		}
	}
	store.Close()
	if status, text := curl(t, h, "DELETE", "/bindings/sip:u0@a.example", "", asProgram); status != 503 || !strings.Contains(text, "closed") {
		t.Errorf("%d %s", status, text)
	}
}

// clock is the monotonic clock of bans.
func clock() func() time.Duration {
	began := time.Now()
	return func() time.Duration { return time.Since(began) }
}

func TestBansAreMadeListedAndDeleted(t *testing.T) {
	now := clock()
	bans := limit.Open(now(), limit.Options{Max: 3, Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	h := bansHandler(bans, now)
	order := func(body string) (int, string) {
		return curl(t, h, "POST", "/bans", body, "Content-Type: application/json; charset=utf-8")
	}
	for _, body := range []string{
		`{"subject": "192.0.2.0/24", "why": "scanners", "for": "1h"}`, `{"subject": "user:alice@a.example"}`, `{"subject": "2001:db8::7", "for": "90m"}`,
	} {
		if status, text := order(body); status != 204 {
			t.Fatalf("%s: %d %s", body, status, text)
		}
	}
	if !bans.HasSource(now(), netip.MustParseAddr("192.0.2.99")) || !bans.HasUser(now(), []byte("alice@a.example")) {
		t.Error("who was banned is not")
	}
	status, text := curl(t, h, "GET", "/bans", "")
	var list BanList
	if err := json.Unmarshal([]byte(text), &list); err != nil || status != 200 || len(list.Bans) != 3 {
		t.Fatalf("%d %v: %s", status, err, text)
	}
	first, last := list.Bans[0], list.Bans[2]
	if first.Subject != "192.0.2.0/24" || first.Why != "scanners" || !first.ByHand || first.Hits != 1 || time.Until(first.Until) < 59*time.Minute {
		t.Errorf("%+v", first)
	}
	if list.Bans[1].Subject != "2001:db8::/64" || last.Subject != "user:alice@a.example" || !last.Until.IsZero() || strings.Count(text, `"until"`) != 2 {
		t.Errorf("%s", text)
	}

	for _, c := range []struct {
		body, want string
		status     int
	}{
		{`{"subject": "198.51.100.7"}`, "there is no room for another ban", 507},
		{`{"subject": "10.1.2.3"}`, "10.1.2.3 cannot be banned: it would ban a trusted network", 409},
		{`{"subject": "somebody"}`, `"somebody" is no address, no network and no user`, 400},
		{`{"subject": "192.0.2.1", "for": "10"}`, `"10" has no unit`, 400},
		{`{"subject": "192.0.2.1", "for": "-1h"}`, `too short for a ban`, 400},
		{`{"subject": "192.0.2.1", "for": "2000000h"}`, `a ban ends in the future, or never`, 400},
		{`{"subject": "192.0.2.1", "why": "a\nb"}`, "in a line of 200 characters", 400},
		{`{"subject": "192.0.2.1", "until": "x"}`, `unknown field "until"`, 400},
		{`192.0.2.1`, "the order cannot be read", 400},
		{`{"subject": "` + strings.Repeat("1", bodyMost) + `"}`, "too large", 400},
	} {
		if status, text := order(c.body); status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%.80s: %d %s", c.body, status, text)
		}
	}

	for _, subject := range []string{"192.0.2.0/24", "2001:db8::%2F64", "user:alice@a.example"} {
		if status, text := curl(t, h, "DELETE", "/bans/"+subject, "", asProgram); status != 204 {
			t.Errorf("%s: %d %s", subject, status, text)
		}
	}
	if status, text := curl(t, h, "DELETE", "/bans/192.0.2.0/24", "", asProgram); status != 404 || text != "192.0.2.0/24 is not banned\n" {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := curl(t, h, "DELETE", "/bans/nobody", "", asProgram); status != 400 {
		t.Errorf("%d", status)
	}
	if n := len(bans.List(now())); n != 0 {
		t.Errorf("%d bans are left", n)
	}
}

// A page that an operator looks at sends what it likes to the admin port of his machine.
func TestAWebPageChangesNothing(t *testing.T) {
	store, now := registered(t, 1), clock()
	bans := limit.Open(now(), limit.Options{Max: 3})
	mux := http.NewServeMux()
	for _, path := range []string{"/bindings", "/bindings/"} {
		mux.Handle(path, bindingsHandler(store))
	}
	for _, path := range []string{"/bans", "/bans/"} {
		mux.Handle(path, bansHandler(bans, now))
	}
	if err := bans.Add(now(), limit.Subject{User: "a"}, "", 0); err != nil {
		t.Fatal(err)
	}
	const order = `{"subject": "192.0.2.7"}`
	for _, c := range []struct {
		method, target string
		headers        []string
		status         int
	}{
		{"POST", "/bans", []string{"Content-Type: text/plain"}, 415},
		{"POST", "/bans", []string{"Content-Type: application/x-www-form-urlencoded"}, 415},
		{"POST", "/bans", nil, 415},
		{"POST", "/bans", []string{"Content-Type: application/json", "Origin: https://evil.example"}, 403},
		{"POST", "/bans", []string{"Content-Type: application/json", "Origin: null"}, 403},
		{"POST", "/bans", []string{asProgram, "Sec-Fetch-Site: same-origin"}, 403},
		{"DELETE", "/bans/user:a", nil, 415},
		{"DELETE", "/bans/user:a", []string{asProgram, "Origin: http://rebound.example:8060"}, 403},
		{"DELETE", "/bindings/sip:u0@a.example", nil, 415},
		{"DELETE", "/bindings/sip:u0@a.example", []string{asProgram, "Origin: https://evil.example"}, 403},
		{"GET", "/bans/user:a", nil, 405},
		{"POST", "/bindings/sip:u0@a.example", []string{asProgram}, 405},
		{"OPTIONS", "/bans", []string{"Origin: https://evil.example", "Access-Control-Request-Method: POST"}, 405},
	} {
		if status, text := curl(t, mux, c.method, c.target, order, c.headers...); status != c.status {
			t.Errorf("%s %s %q: %d %s", c.method, c.target, c.headers, status, text)
		}
	}
	if len(bans.List(now())) != 1 || contacts(store, "sip:u0@a.example") != 2 {
		t.Error("something was changed")
	}
}

func TestWhatIsNotConfiguredIsSaid(t *testing.T) {
	if status, text := curl(t, bindingsHandler(nil), "GET", "/bindings", ""); status != 404 || !strings.Contains(text, "no leg of the configuration has a registrar") {
		t.Errorf("%d %s", status, text)
	}
	if status, text := curl(t, bansHandler(nil, nil), "GET", "/bans", ""); status != 404 || !strings.Contains(text, "the configuration has no chain") {
		t.Errorf("%d %s", status, text)
	}
}
