package location

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/actorsip/actorsip/etcd"
	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/tests/server"
	"github.com/actorsip/actorsip/tests/stage"
)

func clientOf(t testing.TB, endpoints string, timeout time.Duration, log *stage.Log) *etcd.Client {
	t.Helper()
	c, err := etcd.Open(etcd.Config{
		Endpoints: strings.Fields(endpoints), Timeout: timeout, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// join opens a node's store by a clock that stands; it is closed when the test ends.
func join(t testing.TB, endpoint string, c *clock, cfg SharedConfig) (*Shared, *stage.Log) {
	t.Helper()
	log := new(stage.Log)
	timeout := 500 * time.Millisecond
	if strings.Contains(endpoint, " ") {
		timeout = 0 // the default: time to choose a leader
	}
	if cfg.Etcd = clientOf(t, endpoint, timeout, log); cfg.File == "" {
		cfg.File = Off
	}
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	now := time.Now
	if c != nil {
		now = c.now
	}
	s, err := openShared(cfg, 5*time.Millisecond, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, log
}

// changing starts an update whose outcome can be received.
func changing(t testing.TB, s *Shared, aor string, change Change) <-chan error {
	t.Helper()
	told := make(chan error, 2) // room for a second, forbidden call
	if err := s.Update(aor, s.now(), change, func(err error) { told <- err }); err != nil {
		told <- err
	}
	return told
}

func register(t testing.TB, s *Shared, aor string, bindings ...Binding) {
	t.Helper()
	if err := heard(t, changing(t, s, aor, to(bindings...))); err != nil {
		t.Fatal(err)
	}
	if got := s.Lookup([]byte(aor), s.now(), nil); !equal(got, bindings) {
		t.Fatalf("who was told of his update does not find it: %+v", got)
	}
}

// finds waits until a node finds them.
func finds(t testing.TB, s *Shared, aor string, want ...Binding) {
	t.Helper()
	eventually(t, func() string {
		if got := s.Lookup([]byte(aor), s.now(), nil); !equal(got, want) {
			return fmt.Sprintf("%s has %+v, want %+v", aor, got, want)
		}
		return ""
	})
}

func eventually(t testing.TB, missing func() string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(2 * time.Millisecond) { // nothing announces it
		what := missing()
		if what == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

func awayFor(t testing.TB, nodes ...*Shared) {
	t.Helper()
	for _, s := range nodes {
		eventually(t, func() string {
			if s.Stats().Away {
				return ""
			}
			return "etcd is not away"
		})
	}
}

func backFor(t testing.TB, nodes ...*Shared) {
	t.Helper()
	for _, s := range nodes {
		eventually(t, func() string {
			if x := s.Stats(); !x.Away && x.Owed == 0 {
				return ""
			}
			return "etcd is not back"
		})
	}
}

func TestAnotherNodeFindsWhatOneHasRegistered(t *testing.T) {
	e, c := server.StartEtcd(t), new(clock)
	a, _ := join(t, e.Endpoint, c, SharedConfig{})
	b, _ := join(t, e.Endpoint, c, SharedConfig{})
	one, two := phone("alice"), with(phone("bob"), func(b *Binding) { b.Node, b.RegID = "two", 2 })
	register(t, a, user(1), one)
	finds(t, b, user(1), one)
	register(t, b, user(1), one, two)
	finds(t, a, user(1), one, two)
	late, _ := join(t, e.Endpoint, c, SharedConfig{})
	if got := late.Lookup([]byte(user(1)), c.now(), nil); !equal(got, []Binding{one, two}) {
		t.Fatalf("who comes later does not find it at once: %+v", got)
	}
	register(t, a, user(1))
	finds(t, b, user(1))
	finds(t, late, user(1))
	register(t, b, user(1)) // of nobody
	if x := b.Stats(); x.Registrations != 0 || x.Bindings != 0 || x.Waiting != 0 {
		t.Fatal(x)
	}
}

func TestOfNodesThatChangeOneUserAtOnceNoneIsLost(t *testing.T) {
	e := server.StartEtcd(t)
	const nodes, each = 3, 60
	var all sync.WaitGroup
	stores := make([]*Shared, nodes)
	for n := range nodes {
		stores[n], _ = join(t, e.Endpoint, nil, SharedConfig{})
	}
	for n, s := range stores {
		all.Add(1)
		go func() {
			defer all.Done()
			for range each {
				err := heard(t, changing(t, s, user(1), func(present []Binding) ([]Binding, error) {
					b := phone(fmt.Sprint(n))
					if len(present) > 0 {
						b.CSeq = present[0].CSeq + 1
					} else {
						b.CSeq = 1
					}
					return []Binding{b}, nil
				}))
				if err != nil {
					t.Error(err)
				}
			}
		}()
	}
	all.Wait()
	conflicts := uint64(0)
	for _, s := range stores {
		eventually(t, func() string {
			if got := s.Lookup([]byte(user(1)), s.now(), nil); len(got) != 1 || got[0].CSeq != nodes*each {
				return fmt.Sprintf("after %d updates: %+v", nodes*each, got)
			}
			return ""
		})
		conflicts += s.Stats().Conflicts
	}
	if conflicts == 0 {
		t.Error("no node was faster than another: nothing was tried")
	}
	t.Logf("%d conflicts in %d updates", conflicts, nodes*each)
}

func TestWhatAnotherNodeForbidsIsRefused(t *testing.T) {
	e, c := server.StartEtcd(t), new(clock)
	a, _ := join(t, e.Endpoint, c, SharedConfig{})
	b, _ := join(t, e.Endpoint, c, SharedConfig{})
	first := phone("alice")
	register(t, a, user(1), first)
	finds(t, b, user(1), first)
	older := errors.New("older")
	// Both have the first; b's comes to etcd before a's, which then finds itself to be older.
	hold := make(chan struct{})
	told := make(chan error, 2)
	asked := 0
	a.mu.Lock() // a's follower and writers wait
	go func() {
		register(t, b, user(1), with(first, func(b *Binding) { b.CSeq += 2 }))
		close(hold)
	}()
	<-hold
	next := step{done: func(err error) { told <- err }, change: func(present []Binding) ([]Binding, error) {
		if asked++; present[0].CSeq > first.CSeq+1 {
			return nil, older
		}
		return []Binding{with(first, func(b *Binding) { b.CSeq++ })}, nil
	}}
	r, err := a.result(user(1), a.latest(user(1)), next, c.now())
	if err != nil {
		t.Fatal(err)
	}
	a.enqueue(user(1), r, next)
	a.mu.Unlock()
	if err := heard(t, told); !errors.Is(err, older) || asked != 2 {
		t.Fatalf("%v after %d questions", err, asked)
	}
	finds(t, a, user(1), with(first, func(b *Binding) { b.CSeq += 2 }))
}

func TestADamagedValueCostsOnlyItself(t *testing.T) {
	e, c := server.StartEtcd(t), new(clock)
	a, log := join(t, e.Endpoint, c, SharedConfig{})
	for n := range 3 {
		register(t, a, user(n), phone(fmt.Sprint(n)))
	}
	good := sealValue([]Binding{phone("1")})
	for i, bad := range [][]byte{{0}, []byte("text"), good[:len(good)-1], append([]byte{9}, good[1:]...)} {
		was, err := a.cfg.Etcd.Read(t.Context(), bindingPrefix+user(1))
		if err != nil {
			t.Fatal(err)
		}
		if o, _, err := a.cfg.Etcd.Commit(t.Context(), []etcd.Write{{Name: was.Name, Seen: was.Revision, Value: bad}}); err != nil || !o[0].Done {
			t.Fatal(o, err)
		}
		finds(t, a, user(1))
		late, _ := join(t, e.Endpoint, c, SharedConfig{})
		finds(t, late, user(1))
		finds(t, late, user(0), phone("0"))
		finds(t, a, user(2), phone("2"))
		register(t, a, user(1), phone("again"))
		finds(t, late, user(1), phone("again"))
		if got := a.Stats().Damaged; got != uint64(i+1) {
			t.Errorf("%d are damaged", got)
		}
	}
	if n := strings.Count(log.String(), "damaged"); n != 1 {
		t.Errorf("it was said %d times: %s", n, log)
	}
}

func TestWhatLapsesIsToldOnceAndLeavesByItsLease(t *testing.T) {
	e, c := server.StartEtcd(t), new(clock)
	told := &tellings{}
	a, _ := join(t, e.Endpoint, c, SharedConfig{Config: Config{Expired: told.add}})
	b, _ := join(t, e.Endpoint, c, SharedConfig{})
	short, long := phone("short"), with(phone("long"), func(b *Binding) { b.RegID, b.Expires = 2, start.Add(2*time.Hour) })
	register(t, a, user(1), long, short)
	register(t, a, user(2), short)
	finds(t, b, user(2), short)
	c.move(time.Hour)
	finds(t, a, user(1), long)
	finds(t, b, user(1), long)
	finds(t, b, user(2))
	eventually(t, func() string {
		if x := a.Stats(); x.Bindings != 1 || x.Registrations != 1 || x.Expired != 2 {
			return fmt.Sprint(x)
		}
		return ""
	})
	if told.count() != 2 {
		t.Error(told.count(), "were told")
	}
	// Nobody has removed them from etcd: that is for their lease. Who registers meanwhile is not held up.
	left, _, err := a.cfg.Etcd.List(t.Context(), bindingPrefix)
	if err != nil || len(left) != 2 {
		t.Fatal(left, err)
	}
	again := with(short, func(b *Binding) { b.Expires = start.Add(3 * time.Hour) })
	register(t, b, user(2), again)
	finds(t, a, user(2), again)
	a.leases.mu.Lock()
	defer a.leases.mu.Unlock()
	for _, lease := range a.leases.granted { // as time would
		if err := a.cfg.Etcd.Revoke(t.Context(), lease); err != nil {
			t.Fatal(err)
		}
	}
	finds(t, b, user(1))
	finds(t, b, user(2), again)
}

type tellings struct {
	mu   sync.Mutex
	many int
}

func (o *tellings) add(string, Binding) {
	o.mu.Lock()
	o.many++
	o.mu.Unlock()
}

func (o *tellings) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.many
}

func TestManyBindingsShareFewLeases(t *testing.T) {
	e, c := server.StartEtcd(t), new(clock)
	a, _ := join(t, e.Endpoint, c, SharedConfig{})
	var all sync.WaitGroup
	for n := range 3600 {
		b := phone(fmt.Sprint(n))
		b.Expires = start.Add(time.Minute + time.Duration(n)*time.Second)
		all.Add(1)
		if err := a.Update(user(n), c.now(), to(b), func(err error) {
			if err != nil {
				t.Error(err)
			}
			all.Done()
		}); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	if n := len(a.leases.granted); n > 40 {
		t.Errorf("%d leases", n)
	}
	for left := time.Duration(0); left < 400*24*time.Hour; left = left*3/2 + time.Second {
		at := start.Add(left)
		end, ok := stretch(at, start)
		if over := time.Unix(end, 0).Sub(at); !ok || over <= 0 || over > max(shortest*time.Second, left/share)+time.Second {
			t.Errorf("what lapses in %v lies %v before the end of its lease", left, over)
		}
	}
}

func TestALeaseThatIsLostIsGrantedAnew(t *testing.T) {
	e, c := server.StartEtcd(t), new(clock)
	a, _ := join(t, e.Endpoint, c, SharedConfig{})
	register(t, a, user(1), phone("1"))
	for _, lease := range a.leases.granted {
		if err := a.cfg.Etcd.Revoke(t.Context(), lease); err != nil {
			t.Fatal(err)
		}
	}
	finds(t, a, user(1))
	register(t, a, user(1), phone("1"))
}

func TestBoundsOfANode(t *testing.T) {
	e, c := server.StartEtcd(t), new(clock)
	a, _ := join(t, e.Endpoint, c, SharedConfig{Config: Config{MaxBindings: 3, MaxPerAOR: 2}})
	one, two := phone("1"), with(phone("2"), func(b *Binding) { b.RegID = 2 })
	three := with(phone("3"), func(b *Binding) { b.RegID = 3 })
	if err := heard(t, changing(t, a, user(1), to(one, two, three))); !errors.Is(err, ErrTooMany) {
		t.Error(err)
	}
	register(t, a, user(1), one, two)
	register(t, a, user(2), one)
	if err := heard(t, changing(t, a, user(3), to(one))); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	long := with(one, func(b *Binding) { b.Contact = strings.Repeat("x", maxBinding) })
	if err := heard(t, changing(t, a, user(2), to(long))); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	register(t, a, user(2))
	b, _ := join(t, e.Endpoint, c, SharedConfig{Config: Config{MaxBindings: 4}})
	register(t, b, user(2), one) // counts for a
	finds(t, a, user(2), one)
	if err := heard(t, changing(t, a, user(3), to(one))); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	register(t, a, user(2))
	register(t, a, user(3), one)
	a.Close()
	if err := heard(t, changing(t, a, user(3), to())); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	finds(t, a, user(3), one)
}

func TestCloseKeepsWhatWasChangedBeforeIt(t *testing.T) {
	e, c := server.StartEtcd(t), new(clock)
	a, _ := join(t, e.Endpoint, c, SharedConfig{})
	var told []<-chan error
	for n := range 500 {
		told = append(told, changing(t, a, user(n%200), to(phone(fmt.Sprint(n)))))
	}
	a.Close()
	for n := range told {
		select {
		case err := <-told[n]:
			if err != nil {
				t.Fatal(n, err)
			}
		default:
			t.Fatal(n, "was not told")
		}
	}
	b, _ := join(t, e.Endpoint, c, SharedConfig{})
	for n := 300; n < 500; n++ {
		finds(t, a, user(n%200), phone(fmt.Sprint(n)))
		finds(t, b, user(n%200), phone(fmt.Sprint(n)))
	}
}

func TestCloseDoesNotWaitForAFollowerThatHearsNothing(t *testing.T) {
	e, c := server.StartEtcd(t), new(clock)
	a, _ := join(t, e.Endpoint, c, SharedConfig{})
	a.follower.Stop()
	first := changing(t, a, user(1), to(phone("1")))
	eventually(t, func() string {
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.landed) == 0 {
			return "it has not landed"
		}
		return ""
	})
	second := changing(t, a, user(1), to(phone("2"))) // waits for the first
	closed := loop.Start("close", func(<-chan struct{}) { a.Close() }, nil)
	if err := heard(t, first); err != nil {
		t.Error(err)
	}
	if err := heard(t, second); err != nil {
		t.Error(err)
	}
	<-closed.Done()
	b, _ := join(t, e.Endpoint, c, SharedConfig{})
	finds(t, b, user(1), phone("2"))
}

// The answer that says what was gone may come after the word of what has come since.
func TestWhatWasFoundToBeGoneDoesNotHideWhatHasComeSince(t *testing.T) {
	e, c := server.StartEtcd(t), new(clock)
	a, _ := join(t, e.Endpoint, c, SharedConfig{})
	register(t, a, user(1), phone("1"))
	now, err := a.cfg.Etcd.Read(t.Context(), bindingPrefix+user(1))
	if err != nil {
		t.Fatal(err)
	}
	gone := func(revision int64) {
		a.land([]*intent{{aor: user(1), doubt: true}}, []etcd.Write{{Name: now.Name}}, []etcd.Outcome{{}}, revision)
	}
	gone(now.Revision - 1)
	finds(t, a, user(1), phone("1"))
	gone(now.Revision)
	finds(t, a, user(1))
}
