package tests

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/ua"
)

// service is an HTTP service that knows the users of example.com.
type service struct {
	*httptest.Server
	asked atomic.Int64
	sick  atomic.Bool
	slow  chan struct{} // who asks for the user slow waits for its end
}

// knows starts a service: it knows all users but nobody, and answers for slow when it is told.
func knows(t testing.TB) *service {
	t.Helper()
	s := &service{slow: make(chan struct{})}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var question struct{ User, Realm, Algorithm string }
		if err := json.NewDecoder(r.Body).Decode(&question); err != nil || r.Header.Get("Authorization") != "Bearer token" {
			http.Error(w, "who asks?", http.StatusForbidden)
			return
		}
		s.asked.Add(1)
		switch {
		case s.sick.Load():
			http.Error(w, "the database is away", http.StatusInternalServerError)
			return
		case question.User == "nobody":
			http.NotFound(w, r)
			return
		case question.User == "slow":
			select {
			case <-s.slow:
			case <-r.Context().Done():
				return
			}
		}
		ha1 := sha256.Sum256([]byte(question.User + ":" + question.Realm + ":" + secret))
		fmt.Fprintf(w, `{"ha1": %q}`, hex.EncodeToString(ha1[:]))
	}))
	t.Cleanup(s.Close)
	return s
}

// demandOf is a proxy that asks a service for its users.
func demandOf(t testing.TB, s *service, more string) *system.System {
	t.Helper()
	return demand(t, "url: "+strconv.Quote(s.URL)+`, authorization: "Bearer token"`+more, ", algorithms: [SHA-256]", "")
}

func TestAServiceSaysWhoIsLetIn(t *testing.T) {
	leavesNothing(t)
	service := knows(t)
	s, phone := demandOf(t, service, ""), ua.New(t, "127.0.0.1:0")
	for range 3 {
		if m := ask(t, phone, s, "alice").send(); m.Status() != 200 {
			t.Fatalf("alice is answered\n%s", m.Raw)
		}
	}
	if n := service.asked.Load(); n != 1 {
		t.Errorf("it was asked %d times for one user", n)
	}
	for range 3 {
		if m := ask(t, phone, s, "nobody").send(); m.Status() != 401 {
			t.Fatalf("who is unknown is answered\n%s", m.Raw)
		}
	}
	if n := service.asked.Load(); n != 2 {
		t.Errorf("it was asked %d times for two users", n)
	}
	c := ask(t, phone, s, "bob")
	c.login.Password = "a guess"
	if m := c.send(); m.Status() != 401 {
		t.Errorf("a wrong password is answered\n%s", m.Raw)
	}
}

// A service that fails lets nobody in, and says so by 503; who was in stays in, and when it is well again all goes on.
func TestAServiceThatFailsLetsNobodyIn(t *testing.T) {
	leavesNothing(t)
	service := knows(t)
	s, phone := demandOf(t, service, ""), ua.New(t, "127.0.0.1:0")
	if m := ask(t, phone, s, "alice").send(); m.Status() != 200 {
		t.Fatalf("alice is answered\n%s", m.Raw)
	}
	service.sick.Store(true)
	if m := ask(t, phone, s, "bob").send(); m.Status() != 503 {
		t.Errorf("bob is answered\n%s", m.Raw)
	}
	if m := ask(t, phone, s, "alice").send(); m.Status() != 200 {
		t.Errorf("alice, who is remembered, is answered\n%s", m.Raw)
	}
	service.sick.Store(false)
	eventually(t, 10*time.Second, "bob is let in", func() bool { return ask(t, phone, s, "bob").send().Status() == 200 })
}

// While a user is asked for who takes long, all others are let in; his answer comes when the service has answered.
func TestASlowServiceHoldsUpNobodyElse(t *testing.T) {
	leavesNothing(t)
	service := knows(t)
	s := demandOf(t, service, ", timeout: 30s")
	phone := ua.New(t, "127.0.0.1:0")
	waits := ask(t, phone, s, "slow")
	o := waits.options
	o.CSeq, o.Headers = 2, []string{waits.challenge.Credentials(waits.login, "REGISTER", waits.uri, 1)}
	phone.Request("REGISTER", "sip:example.com", o)
	eventually(t, 5*time.Second, "the service is asked", func() bool { return service.asked.Load() == 1 })
	for i := range 10 {
		if m := ask(t, phone, s, fmt.Sprint("quick", i)).send(); m.Status() != 200 {
			t.Fatalf("somebody else is answered\n%s", m.Raw)
		}
	}
	close(service.slow)
	if m := phone.Receive(); m.Status() != 200 || m.First("Call-ID") != "slow" {
		t.Errorf("who has waited is answered\n%s", m.Raw)
	}
}

// Who is never answered for is told so, when the time for that is over.
func TestAServiceThatSaysNothingIsGivenUp(t *testing.T) {
	leavesNothing(t)
	s := demandOf(t, knows(t), ", timeout: 200ms")
	if m := ask(t, ua.New(t, "127.0.0.1:0"), s, "slow").send(); m.Status() != 503 {
		t.Errorf("it was answered\n%s", m.Raw)
	}
}
