package digest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// service knows the users of a Callback.
type service struct {
	*httptest.Server
	asked   atomic.Int32
	atOnce  atomic.Int32
	most    atomic.Int32
	answers func(w http.ResponseWriter, user, realm string, a Algorithm)
}

// known answers for people.
func known(p people) func(w http.ResponseWriter, user, realm string, a Algorithm) {
	return func(w http.ResponseWriter, user, realm string, a Algorithm) {
		if password, ok := p[user]; ok {
			fmt.Fprintf(w, `{"ha1": %q}`, hexOf(a, user, realm, password))
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}
}

func serve(t testing.TB, answers func(w http.ResponseWriter, user, realm string, a Algorithm)) *service {
	t.Helper()
	s := &service{answers: answers}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := s.atOnce.Add(1)
		defer s.atOnce.Add(-1)
		for m := s.most.Load(); n > m && !s.most.CompareAndSwap(m, n); m = s.most.Load() {
		}
		s.asked.Add(1)
		q := struct{ User, Realm, Algorithm string }{r.URL.Query().Get("user"), r.URL.Query().Get("realm"), r.URL.Query().Get("algorithm")}
		if r.Method == http.MethodPost {
			if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%v, %v", err, r.Header)
			}
		}
		a, err := ParseAlgorithm(q.Algorithm)
		if err != nil {
			t.Error(err)
		}
		s.answers(w, q.User, q.Realm, a)
	}))
	t.Cleanup(s.Close)
	return s
}

// hands are a clock that a test moves.
type hands struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hands) time() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hands) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func callback(t testing.TB, s *service, change func(*CallbackConfig)) (*Callback, *hands) {
	t.Helper()
	cfg := CallbackConfig{URL: s.URL}
	if change != nil {
		change(&cfg)
	}
	c, err := NewCallback(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	clock := &hands{now: started}
	c.now = clock.time
	return c, clock
}

// resolve asks and waits.
func resolve(t testing.TB, c *Callback, user string, a Algorithm) (HA1, Found) {
	t.Helper()
	if h, found := c.Lookup([]byte(user), "r", a); found != Unasked {
		return h, found
	}
	done := make(chan struct{})
	if err := c.Resolve(user, "r", a, func() { close(done) }); err != nil {
		t.Fatal(err)
	}
	<-done
	return c.Lookup([]byte(user), "r", a)
}

func TestAServiceIsAskedForUsers(t *testing.T) {
	for _, method := range []string{"", http.MethodPost, http.MethodGet} {
		s := serve(t, known(people{"alice & bob": "secret"}))
		c, _ := callback(t, s, func(cfg *CallbackConfig) { cfg.Method = method })
		for a := range numAlgorithms {
			for range 3 {
				if h, found := resolve(t, c, "alice & bob", a); found != Present || h != a.HA1Of("alice & bob", "r", "secret") {
					t.Errorf("%s %s: %d", method, a, found)
				}
				if _, found := resolve(t, c, "nobody", a); found != Absent {
					t.Errorf("%s %s: %d", method, a, found)
				}
			}
		}
		if n := s.asked.Load(); n != 2*int32(numAlgorithms) {
			t.Errorf("%s: asked %d times", method, n)
		}
	}
}

func TestAPacketWaitsForItsUserAndNobodyElseDoes(t *testing.T) {
	release := make(chan struct{})
	answer := known(people{"alice": "secret"})
	s := serve(t, func(w http.ResponseWriter, user, realm string, a Algorithm) { <-release; answer(w, user, realm, a) })
	c, _ := callback(t, s, nil)
	h := houseOf(t, func(cfg *Config) { cfg.Users = c })
	raw := register(h.challenge(SHA256), 1)
	r := h.verify(raw)
	if r.Verdict != Waiting {
		t.Fatal(r.Verdict)
	}
	done := make(chan struct{})
	if err := h.v.Resolve(r, func() { close(done) }); err != nil {
		t.Fatal(err)
	}
	h.want(Waiting, raw)
	close(release)
	<-done
	h.want(OK, raw)
}

func TestWhatIsSaidIsRememberedForItsTime(t *testing.T) {
	var failing atomic.Bool
	answer := known(people{"alice": "secret"})
	s := serve(t, func(w http.ResponseWriter, user, realm string, a Algorithm) {
		if failing.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		answer(w, user, realm, a)
	})
	var failed atomic.Int32
	c, clock := callback(t, s, func(cfg *CallbackConfig) {
		cfg.TTL, cfg.AbsentTTL = time.Minute, 10*time.Second
		cfg.Failed = func(err error) {
			if !errors.Is(err, errAnswer) {
				t.Error(err)
			}
			failed.Add(1)
		}
	})
	step := func(user string, want Found, asked int32) {
		t.Helper()
		if _, found := resolve(t, c, user, MD5); found != want || s.asked.Load() != asked {
			t.Errorf("%s: %d, asked %d times; want %d and %d", user, found, s.asked.Load(), want, asked)
		}
	}
	step("alice", Present, 1)
	step("nobody", Absent, 2)
	clock.move(10*time.Second - 1)
	step("nobody", Absent, 2)
	clock.move(1)
	step("nobody", Absent, 3)
	step("alice", Present, 3)
	failing.Store(true)
	clock.move(50 * time.Second)
	step("alice", Failed, 4)
	step("alice", Failed, 4)
	h := houseOf(t, func(cfg *Config) { cfg.Users, cfg.Realm = c, "r" })
	h.want(Unavailable, register(h.challenge(MD5), 1))
	failing.Store(false)
	clock.move(failedTTL)
	step("alice", Present, 5)
	if failed.Load() != 1 {
		t.Errorf("%d failures were told", failed.Load())
	}
}

func TestAnAnswerThatMeansNothingIsAFailure(t *testing.T) {
	md5 := hexOf(MD5, "a", "r", "p")
	for name, answer := range map[string]func(w http.ResponseWriter){
		"not JSON":        func(w http.ResponseWriter) { fmt.Fprint(w, md5) },
		"no HA1":          func(w http.ResponseWriter) { fmt.Fprint(w, `{}`) },
		"another hash":    func(w http.ResponseWriter) { fmt.Fprintf(w, `{"ha1": %q}`, md5) },
		"too long":        func(w http.ResponseWriter) { fmt.Fprintf(w, `{"ha1": "%s"}`, strings.Repeat("0", maxAnswer)) },
		"403":             func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) },
		"a redirection":   func(w http.ResponseWriter) { w.Header().Set("Location", "/x"); w.WriteHeader(http.StatusFound) },
		"broken off":      func(w http.ResponseWriter) { w.Header().Set("Content-Length", "99"); fmt.Fprint(w, `{"ha1"`) },
		"nothing in time": nil,
	} {
		s := serve(t, func(w http.ResponseWriter, _, _ string, _ Algorithm) { answer(w) })
		if answer == nil {
			held := make(chan struct{})
			s.answers = func(http.ResponseWriter, string, string, Algorithm) { <-held }
			t.Cleanup(func() { close(held) })
		}
		c, _ := callback(t, s, func(cfg *CallbackConfig) { cfg.Timeout = 200 * time.Millisecond })
		if _, found := resolve(t, c, "a", SHA256); found != Failed {
			t.Errorf("%s: %d", name, found)
		}
	}
}

func TestTheSameQuestionIsAskedOnceAndNotTooManyAtOnce(t *testing.T) {
	release := make(chan struct{})
	answer := known(people{"alice": "secret"})
	s := serve(t, func(w http.ResponseWriter, user, realm string, a Algorithm) { <-release; answer(w, user, realm, a) })
	c, _ := callback(t, s, func(cfg *CallbackConfig) { cfg.Connections, cfg.MaxWaiting = 3, 100 })
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Add(1)
		if err := c.Resolve(fmt.Sprint("user", i%10), "r", MD5, wg.Done); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Resolve("alice", "r", MD5, func() {}); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	close(release)
	wg.Wait()
	if s.asked.Load() != 10 || s.most.Load() > 3 {
		t.Errorf("asked %d times, %d at once", s.asked.Load(), s.most.Load())
	}
	if _, found := resolve(t, c, "alice", MD5); found != Present {
		t.Error("no place is free again:", found)
	}
}

func TestAPanicInOneThatWaitsKeepsNoOtherFromHearing(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, _, _ string, _ Algorithm) { <-release; w.WriteHeader(404) })
	told := make(chan error, 1)
	c, _ := callback(t, s, func(cfg *CallbackConfig) { cfg.Connections, cfg.Failed = 1, func(err error) { told <- err } })
	heard := make(chan struct{}, 2)
	for _, done := range []func(){func() { panic("ouch") }, func() { heard <- struct{}{} }} {
		if err := c.Resolve("a", "r", MD5, done); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Resolve("b", "r", MD5, func() { heard <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	close(release)
	<-heard
	<-heard
	if err := <-told; !strings.Contains(err.Error(), "ouch") {
		t.Error(err)
	}
	if _, found := resolve(t, c, "c", MD5); found != Absent {
		t.Error("nobody asks any more:", found)
	}
}

func TestCloseTellsThoseWhoWait(t *testing.T) {
	held := make(chan struct{})
	began := make(chan struct{}, 10)
	s := serve(t, func(http.ResponseWriter, string, string, Algorithm) { began <- struct{}{}; <-held })
	defer close(held)
	c, _ := callback(t, s, func(cfg *CallbackConfig) { cfg.Connections = 1 })
	var heard atomic.Int32
	for _, user := range []string{"a", "b"} {
		if err := c.Resolve(user, "r", MD5, func() { heard.Add(1) }); err != nil {
			t.Fatal(err)
		}
	}
	<-began
	c.Close()
	if heard.Load() != 2 {
		t.Errorf("%d of 2 heard", heard.Load())
	}
	if err := c.Resolve("a", "r", MD5, func() {}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestAFloodOfNamesDrivesNobodyOut(t *testing.T) {
	s := serve(t, known(people{"alice": "secret"}))
	c, clock := callback(t, s, func(cfg *CallbackConfig) { cfg.Users = 100 })
	if _, found := resolve(t, c, "alice", MD5); found != Present {
		t.Fatal(found)
	}
	for i := range 10000 {
		c.others.put(fmt.Sprint(i), remembered{found: Absent, expires: clock.time().Add(time.Minute)})
	}
	if n := len(c.others.young) + len(c.others.old); n > 100 {
		t.Errorf("%d are remembered", n)
	}
	if _, found := c.Lookup([]byte("alice"), "r", MD5); found != Present {
		t.Error("alice is forgotten")
	}
}

func TestWhoIsInUseStaysRemembered(t *testing.T) {
	c := newCache(100)
	r := remembered{found: Present, expires: started.Add(time.Hour)}
	c.put("used", r)
	for i := range 10000 {
		c.put(fmt.Sprint(i), r)
		if i%40 == 0 {
			if _, ok := c.find([]byte("used"), started); !ok {
				t.Fatalf("forgotten after %d others", i)
			}
		}
	}
}

func TestNamesThatNoQuestionCanHoldAreNobody(t *testing.T) {
	s := serve(t, known(people{"\uFFFD": "secret"}))
	c, _ := callback(t, s, nil)
	if _, found := c.Lookup([]byte("\xff"), "r", MD5); found != Absent {
		t.Error(found)
	}
}

func TestAWrongCallbackIsRefusedInASentence(t *testing.T) {
	for want, cfg := range map[string]CallbackConfig{
		`"ftp://x" is no http or https URL`:         {URL: "ftp://x"},
		`"" is no http or https URL`:                {},
		`asked for by POST or GET, not by "DELETE"`: {URL: "http://x", Method: "DELETE"},
		"are not negative":                          {URL: "http://x", TTL: -1},
	} {
		if _, err := NewCallback(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
