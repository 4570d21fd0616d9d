package location

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorsip/actorsip/etcd"
	"github.com/actorsip/actorsip/tests/server"
)

func TestWhileEtcdIsAwayLookupsGoOnAndRegistrationsFail(t *testing.T) {
	e, c := server.StartEtcd(t), new(clock)
	a, log := join(t, e.Endpoint, c, SharedConfig{})
	register(t, a, user(1), phone("1"))
	for name, way := range map[string][2]func(){"killed": {e.Kill, e.Start}, "paused": {e.Pause, e.Resume}} {
		way[0]()
		began := time.Now()
		onTheWay := changing(t, a, user(2), to(phone("2")))
		if err := heard(t, onTheWay); !errors.Is(err, ErrAway) {
			t.Error(name, err)
		}
		t.Logf("%s: who was on the way has heard after %v", name, time.Since(began).Round(time.Millisecond))
		awayFor(t, a)
		if err := a.Update(user(3), c.now(), to(phone("3")), nil); !errors.Is(err, ErrAway) {
			t.Error(name, err)
		}
		finds(t, a, user(1), phone("1"))
		way[1]()
		backFor(t, a)
		register(t, a, user(3), phone(name))
	}
	c.move(time.Hour)
	finds(t, a, user(1))
	if n := strings.Count(log.String(), "level=ERROR"); n > 4 {
		t.Errorf("it was said %d times: %s", n, log)
	}
}

func TestWhatIsAcceptedWhileEtcdIsAwayIsWrittenLater(t *testing.T) {
	e := server.StartEtcd(t)
	cfg := SharedConfig{AcceptWhenAway: true}
	a, _ := join(t, e.Endpoint, nil, cfg)
	b, _ := join(t, e.Endpoint, nil, cfg)
	now := time.Now()
	of := func(name string, reg, cseq uint32) Binding {
		return with(phone(name), func(x *Binding) {
			x.RegID, x.CSeq, x.Updated, x.Expires = reg, cseq, time.Now(), now.Add(time.Hour)
		})
	}
	register(t, a, user(1), of("1", 1, 1))
	register(t, a, user(2), of("2", 1, 1), of("2", 2, 1))
	register(t, a, user(3), of("3", 1, 1))
	finds(t, b, user(3), a.Lookup([]byte(user(3)), now, nil)...)
	e.Kill()
	awayFor(t, a, b)
	higher := of("1b", 1, 7)
	register(t, b, user(1), higher)
	register(t, a, user(1), of("1a", 1, 6)) // later, but with a lower CSeq of the same Call-ID
	two := a.Lookup([]byte(user(2)), now, nil)
	register(t, a, user(2), two[0]) // a has one removed
	again := with(of("2c", 3, 1), func(x *Binding) { x.CallID = "other" })
	register(t, b, user(2), append(b.Lookup([]byte(user(2)), now, nil), again)...) // b has one come
	register(t, a, user(3))
	fresh := of("4", 1, 1)
	register(t, b, user(4), fresh)
	for n := range 500 {
		register(t, b, user(1000+n), fresh)
	}
	if a.Stats().Owed != 3 || b.Stats().Owed != 503 {
		t.Errorf("owed are %d and %d", a.Stats().Owed, b.Stats().Owed)
	}
	e.Start()
	backFor(t, a, b)
	for i, s := range []*Shared{a, b} {
		finds(t, s, user(1), higher)
		finds(t, s, user(2), two[0], again)
		finds(t, s, user(3))
		finds(t, s, user(4), fresh)
		eventually(t, func() string {
			if x := s.Stats(); x.Bindings != 504 || x.Registrations != 503 || x.Waiting != 0 {
				return fmt.Sprint(i, x)
			}
			return ""
		})
	}
}

// Whoever has been accepted, and unregisters when etcd is back, is not registered any more: whether what is owed was on its way by then or not.
func TestWhatIsOwedDoesNotUndoWhatCameLater(t *testing.T) {
	for name, isFirst := range map[string]bool{"paid before": true, "paid later": false} {
		t.Run(name, func(t *testing.T) {
			e, c := server.StartEtcd(t), new(clock)
			a, _ := join(t, e.Endpoint, c, SharedConfig{AcceptWhenAway: true})
			b, _ := join(t, e.Endpoint, c, SharedConfig{})
			register(t, a, user(2), phone("old"))
			finds(t, b, user(2), phone("old"))
			e.Kill()
			awayFor(t, a, b)
			a.clerk.Stop() // the test pays
			new := with(phone("new"), func(b *Binding) { b.RegID = 2 })
			register(t, a, user(1), phone("1"))
			register(t, a, user(2), phone("old"), new)
			e.Start()
			eventually(t, func() string {
				if a.Stats().Away {
					return "etcd is not back"
				}
				return ""
			})
			if isFirst {
				a.pay()
			}
			register(t, a, user(1))
			register(t, a, user(2), phone("old"))
			a.pay()
			backFor(t, a)
			register(t, a, user(3), phone("3")) // in the follower's order, behind all else
			finds(t, b, user(3), phone("3"))
			for _, s := range []*Shared{a, b} {
				finds(t, s, user(1))
				finds(t, s, user(2), phone("old"))
			}
		})
	}
}

// Who registers and unregisters again and again while etcd is away, each time another contact, is not remembered without end.
func TestWhatIsOwedOfOneUserIsBounded(t *testing.T) {
	e, c := server.StartEtcd(t), new(clock)
	a, _ := join(t, e.Endpoint, c, SharedConfig{AcceptWhenAway: true, Config: Config{MaxPerAOR: 2}})
	e.Kill()
	awayFor(t, a)
	taken := 0
	for n := range 100 {
		b := with(phone(fmt.Sprint(n)), func(b *Binding) { b.RegID = uint32(n + 1) })
		for _, now := range [][]Binding{{b}, nil} {
			switch err := heard(t, changing(t, a, user(1), to(now...))); {
			case err == nil:
				taken++
			case !errors.Is(err, ErrAway):
				t.Fatal(err)
			}
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if d := a.owed[user(1)]; len(d.written)+len(d.removed) != 2*mostOwed {
		t.Errorf("after %d changes %d are written and %d removed", taken, len(d.written), len(d.removed))
	}
}

// What is owed is on its way, and something that removes it behind; the follower hears of both before the writer does.
func TestAFollowerThatHearsFirstDoesNotShowWhatWasPaid(t *testing.T) {
	e, c := server.StartEtcd(t), new(clock)
	a, _ := join(t, e.Endpoint, c, SharedConfig{AcceptWhenAway: true})
	a.clerk.Stop() // the test pays
	two := with(phone("2"), func(b *Binding) { b.RegID = 2 })
	a.mu.Lock()
	a.owe(user(1), nil, []Binding{phone("1"), two}, c.now())
	r, err := a.record(user(1), []Binding{phone("1")})
	if err != nil {
		t.Fatal(err)
	}
	it := &intent{aor: user(1), record: r, pays: a.owed[user(1)].version}
	a.mu.Unlock()
	w := etcd.Write{Name: bindingPrefix + user(1), Value: sealValue(r.bindings())}
	outcomes, revision, err := a.cfg.Etcd.Commit(t.Context(), []etcd.Write{w})
	if err != nil {
		t.Fatal(err)
	}
	finds(t, a, user(1), phone("1"), two)
	a.land([]*intent{it}, []etcd.Write{w}, outcomes, revision)
	finds(t, a, user(1), phone("1"))
}

func TestAnEtcdThatHasLostItsDataGetsThemBack(t *testing.T) {
	e, c := server.StartEtcd(t), new(clock)
	a, _ := join(t, e.Endpoint, c, SharedConfig{})
	b, _ := join(t, e.Endpoint, c, SharedConfig{})
	for n := range 300 {
		register(t, a, user(n), phone(fmt.Sprint(n)))
	}
	finds(t, b, user(299), phone("299"))
	e.Kill()
	e.Forget()
	e.Start()
	eventually(t, func() string {
		all, _, err := a.cfg.Etcd.List(t.Context(), bindingPrefix)
		if len(all) == 300 {
			return ""
		}
		return fmt.Sprint(len(all), err)
	})
	backFor(t, a, b)
	late, _ := join(t, e.Endpoint, c, SharedConfig{})
	last := phone("1")
	for _, s := range []*Shared{a, b, late} {
		for n := range 300 {
			if n != 1 {
				finds(t, s, user(n), phone(fmt.Sprint(n)))
			}
		}
		finds(t, s, user(1), last)
		for _, contact := range []string{"again", "1"} { // what is still owed is older, as its CSeq says
			last.Contact, last.CSeq = phone(contact).Contact, last.CSeq+1
			register(t, s, user(1), last)
		}
	}
}

func TestANodeThatIsStartedWhileEtcdIsAwayHasItsCopy(t *testing.T) {
	e, c := server.StartEtcd(t), new(clock)
	place := path(t)
	a, _ := join(t, e.Endpoint, c, SharedConfig{Config: Config{File: place}})
	b, _ := join(t, e.Endpoint, c, SharedConfig{})
	register(t, a, user(1), phone("1"))
	register(t, b, user(2), phone("2"))
	register(t, b, user(3), phone("3"))
	finds(t, a, user(3), phone("3"))
	a.Close()
	register(t, b, user(3))
	e.Kill()
	again, log := join(t, e.Endpoint, c, SharedConfig{Config: Config{File: place}})
	finds(t, again, user(1), phone("1"))
	finds(t, again, user(2), phone("2"))
	if !strings.Contains(log.String(), "not known") {
		t.Error("it was not said")
	}
	select {
	case <-again.Synced():
		t.Error("it is synced with an etcd that is away")
	default:
	}
	e.Start()
	<-again.Synced()
	finds(t, again, user(3))
	finds(t, again, user(1), phone("1"))
}

// Who registers before etcd was read has no bindings added that only the copy has.
func TestWhatACopyHasIsNotWrittenToEtcd(t *testing.T) {
	e, c := server.StartEtcd(t), new(clock)
	place := path(t)
	a, _ := join(t, e.Endpoint, c, SharedConfig{Config: Config{File: place}})
	b, _ := join(t, e.Endpoint, c, SharedConfig{})
	gone, fresh := phone("gone"), with(phone("new"), func(b *Binding) { b.RegID = 2 })
	for n := range 2 {
		register(t, a, user(n), gone)
		finds(t, b, user(n), gone)
	}
	a.Close()
	register(t, b, user(0))
	register(t, b, user(1))
	e.Kill()
	again, _ := join(t, e.Endpoint, c, SharedConfig{Config: Config{File: place}})
	again.follower.Stop()
	e.Start()
	backFor(t, again)
	changing(t, again, user(0), func(present []Binding) ([]Binding, error) { return append(present, fresh), nil })
	finds(t, b, user(0), fresh)
	if err := heard(t, changing(t, again, user(1), to())); err != nil {
		t.Error(err)
	}
}

// Three nodes refresh their users as fast as it goes, while etcd is killed, started, paused and resumed: none that was
// acknowledged is lost, and no lookup fails.
func TestInAllThatHappensToEtcdNoAcknowledgedUpdateIsLost(t *testing.T) {
	for _, accept := range []bool{false, true} {
		t.Run(fmt.Sprintf("accept=%v", accept), func(t *testing.T) {
			t.Parallel()
			storm(t, accept)
		})
	}
}

func storm(t *testing.T, accept bool) {
	e := server.StartEtcd(t)
	const nodes, users = 3, 300
	stores := make([]*Shared, nodes)
	for n := range nodes {
		stores[n], _ = join(t, e.Endpoint, nil, SharedConfig{AcceptWhenAway: accept})
	}
	var acked [nodes * users]atomic.Uint32
	var told, failed, looked atomic.Int64
	over := make(chan struct{})
	var all sync.WaitGroup
	for n, s := range stores {
		for k := range users {
			register(t, s, user(n*users+k), with(phone("x"), func(b *Binding) { b.CSeq, b.Expires = 1, time.Now().Add(time.Hour) }))
			acked[n*users+k].Store(1)
		}
		all.Add(2)
		go func() { // refreshes
			defer all.Done()
			free := make(chan struct{}, 100)
			for cseq := uint32(2); ; cseq++ {
				for k := range users {
					select {
					case <-over:
						for range cap(free) {
							free <- struct{}{}
						}
						return
					case free <- struct{}{}:
					}
					who := n*users + k
					err := s.Update(user(who), time.Now(), func(present []Binding) ([]Binding, error) {
						b := present[0]
						b.CSeq, b.Updated = cseq, time.Now()
						return []Binding{b}, nil
					}, func(err error) {
						if err == nil {
							acked[who].Store(cseq)
							told.Add(1)
						} else {
							failed.Add(1)
						}
						<-free
					})
					if err != nil {
						failed.Add(1)
						<-free
						time.Sleep(time.Millisecond) // a phone would wait longer
					}
				}
			}
		}()
		go func() { // calls
			defer all.Done()
			var into []Binding
			for who := 0; ; who = (who + 1) % (nodes * users) {
				select {
				case <-over:
					return
				default:
				}
				if who/users != n {
					runtime.Gosched()
				}
				least := uint32(1)
				if who/users == n {
					least = acked[who].Load()
				}
				into = s.Lookup([]byte(user(who)), time.Now(), into[:0])
				if len(into) != 1 && acked[nodes*users-1].Load() > 1 || len(into) == 1 && into[0].CSeq < least {
					t.Errorf("node %d finds %+v of user %d, who has registered with CSeq %d", n, into, who, least)
					return
				}
				looked.Add(1)
			}
		}()
	}
	pause := func(d time.Duration) { <-time.After(d) }
	pause(time.Second)
	rounds := 2
	if testing.Short() {
		rounds = 1
	}
	for range rounds {
		e.Kill()
		pause(1500 * time.Millisecond)
		e.Start()
		pause(2 * time.Second)
		e.Pause()
		pause(4 * time.Second)
		e.Resume()
		pause(2 * time.Second)
		e.Pause() // shorter than anybody notices
		pause(200 * time.Millisecond)
		e.Resume()
		pause(500 * time.Millisecond)
	}
	close(over)
	all.Wait()
	backFor(t, stores...)
	late, _ := join(t, e.Endpoint, nil, SharedConfig{})
	for i, s := range append(stores, late) {
		for who := range nodes * users {
			eventually(t, func() string {
				got := s.Lookup([]byte(user(who)), time.Now(), nil)
				if len(got) == 1 && got[0].CSeq >= acked[who].Load() {
					return ""
				}
				return fmt.Sprintf("CSeq %d of user %d was acknowledged, node %d has %+v", acked[who].Load(), who, i, got)
			})
		}
	}
	t.Logf("%d updates acknowledged, %d failed, %d lookups", told.Load(), failed.Load(), looked.Load())
	if told.Load() < 1000 || !accept && failed.Load() == 0 {
		t.Error("nothing was tried")
	}
}
