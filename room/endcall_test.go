package room

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// calls is a house whose parent ends calls that keep failing. Its clock stands until the test moves it.
type calls struct {
	*house
	policy *Patience
	clock  time.Time
	log    bytes.Buffer
	ended  []string
}

func buildCalls(t testing.TB) *calls {
	c := &calls{clock: time.Unix(1_000_000, 0)}
	c.house = &house{t: t, restarts: NewRestarts(slog.New(slog.NewTextHandler(&c.log, nil)))}
	c.policy = EndCall(c.restarts, func(child *actor.PID) { c.ended = append(c.ended, child.Id) })
	c.policy.now = func() time.Time { return c.clock }
	c.buildUnder(c.policy)
	return c
}

// pass moves the clock, and lets the parent look at it.
func (c *calls) pass(d time.Duration) {
	c.clock = c.clock.Add(d)
	c.inside(func(actor.Context) { c.policy.Due(c.clock) })
}

// inside does something as a step of the parent.
func (c *calls) inside(step func(actor.Context)) { c.tell(c.parent, step) }

// diary is a room that panics when it is told 0 and notes what else happens to it. What it notes survives it.
type diary struct{ notes []string }

func (d *diary) make() actor.Actor {
	return actor.ReceiveFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *actor.Started:
			d.notes = append(d.notes, "started")
		case *actor.Stopped:
			d.notes = append(d.notes, "stopped")
		case parcel:
			if m.n == 0 {
				panic("poison")
			}
			d.notes = append(d.notes, fmt.Sprint(m.n))
		}
	})
}

// since is what was noted since it was asked last.
func (d *diary) since() string {
	s := strings.Join(d.notes, " ")
	d.notes = nil
	return s
}

func TestACallThatKeepsFailingIsEnded(t *testing.T) {
	c := buildCalls(t)
	var d, other diary
	var lost []int
	call := c.room("call", 8, nil, d.make)
	neighbour := c.room("neighbour", 8, nil, other.make)
	d.since()
	fail := func() { c.tell(call, parcel{0, &lost}) }
	expect := func(when, want string) {
		t.Helper()
		if got := d.since(); got != want {
			t.Fatalf("%s: it went by %q, want %q", when, got, want)
		}
	}
	for n := 1; n <= 2; n++ {
		fail()
		expect(fmt.Sprintf("failure %d", n), "started")
	}
	for n, pause := range []time.Duration{100, 200, 400} {
		pause *= time.Millisecond
		fail()
		c.tell(call, parcel{n + 1, &lost})
		c.pass(pause - time.Millisecond)
		expect("before its pause is over", "")
		c.pass(time.Millisecond)
		expect("after its pause", fmt.Sprintf("started %d", n+1))
	}
	if len(c.ended) > 0 {
		t.Fatal("it was ended too early")
	}
	fail()
	expect("failure 6", "stopped")
	if !slices.Equal(c.ended, []string{"house/call"}) {
		t.Fatalf("ended were %v", c.ended)
	}
	c.pass(20 * time.Second)
	c.tell(neighbour, parcel{7, &lost})
	expect("long after", "")
	if got := other.since(); got != "started 7" {
		t.Errorf("the call beside it went by %q", got)
	}
	if by := c.restarts.ByRoom(); len(by) != 1 || by["house/*"] != 5 || c.restarts.Total() != 5 {
		t.Errorf("restarts are counted as %v, want 5 of house/*", by)
	}
	if len(c.policy.calls) != 0 {
		t.Error("it is not forgotten")
	}
}

// The log says which call it was, though all are counted together.
func TestAnEndedCallIsNamed(t *testing.T) {
	c := buildCalls(t)
	var d diary
	for _, name := range []string{"a", "b"} {
		call := c.room(name, 4, nil, d.make)
		c.restarts.window = time.Time{} // another second
		for range tooMany {
			c.tell(call, parcel{0, new([]int)})
			c.pass(time.Second)
			c.restarts.window = time.Time{}
		}
	}
	for _, want := range []string{"room=house/a", "room=house/b", "and was restarted", "stopped for good", "panic=poison"} {
		if !strings.Contains(c.log.String(), want) {
			t.Errorf("%q is not in the log\n%s", want, c.log.String())
		}
	}
}

// One failure in three seconds is bad, but the call is worth more.
func TestACallThatFailsNowAndThenLives(t *testing.T) {
	c := buildCalls(t)
	var d diary
	call := c.room("call", 4, nil, d.make)
	d.since()
	for n := range 100 {
		c.tell(call, parcel{0, new([]int)})
		c.pass(3 * time.Second)
		if d.since() != "started" || len(c.ended) > 0 {
			t.Fatalf("failure %d was too much: %v", n, c.ended)
		}
	}
	c.pass(patience)
	for range 2 {
		c.tell(call, parcel{0, new([]int)})
		if d.since() != "started" {
			t.Fatal("what was long ago is not forgotten")
		}
	}
}

// A call that was stopped while its restart is due stays so, and a new one of its name is left in peace.
func TestACallThatWasStoppedIsNotRestarted(t *testing.T) {
	c := buildCalls(t)
	var d, next diary
	var lost []int
	call := c.room("call", 4, nil, d.make)
	for range 3 {
		c.tell(call, parcel{0, &lost})
	}
	c.tell(call, parcel{1, &lost})
	d.since()
	c.inside(func(ctx actor.Context) { ctx.Stop(call) })
	if got := d.since(); got != "stopped" || !slices.Equal(lost, []int{0, 0, 0, 1}) {
		t.Fatalf("it went by %q, given back was %v", got, lost)
	}
	again := c.room("call", 4, nil, next.make)
	c.pass(time.Second)
	c.tell(again, parcel{2, &lost})
	if got := d.since(); got != "" {
		t.Errorf("the one that was stopped went on by %q", got)
	}
	if got := next.since(); got != "started 2" {
		t.Errorf("the next one of its name went by %q", got)
	}
}

// A room that panics when it is told to leave leaves nevertheless, or is left alone: nothing goes round for ever.
func TestACallThatPanicsOnItsWayOut(t *testing.T) {
	for _, times := range []int{1, 3, 1000} {
		c := buildCalls(t)
		stopping, stopped := 0, 0
		call := c.room("call", 4, nil, stateless(func(ctx actor.Context) {
			switch ctx.Message().(type) {
			case *actor.Stopping:
				if stopping++; stopping <= times {
					panic("on its way out")
				}
			case *actor.Stopped:
				stopped++
			}
		}))
		c.inside(func(ctx actor.Context) { ctx.Stop(call) })
		switch {
		case times < tooMany && (stopped != 1 || len(c.ended) != 0):
			t.Errorf("%d panics: stopped %d times, ended %v", times, stopped, c.ended)
		case times > tooMany && (stopped != 0 || len(c.ended) != 1 || stopping > 10):
			t.Errorf("it never stops: it was told %d times, ended %v", stopping, c.ended)
		}
	}
	c := buildCalls(t) // it fails until it is ended, and then once more
	stopping, stopped := 0, 0
	call := c.room("call", 4, nil, stateless(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case int:
			panic("poison")
		case *actor.Stopping:
			if stopping++; stopping == 1 {
				panic("on its way out")
			}
		case *actor.Stopped:
			stopped++
		}
	}))
	for range tooMany {
		c.tell(call, 1)
		c.pass(time.Second)
	}
	if stopping != 2 || stopped != 1 || len(c.ended) != 1 {
		t.Errorf("told to stop %d times, stopped %d times, ended %v", stopping, stopped, c.ended)
	}
}

// A room that was told to stop and to restart, in this order, has stopped: it would live on in no tree.
func TestARestartThatComesTooLateDoesNothing(t *testing.T) {
	c := buildCalls(t)
	var life []string
	call := c.room("call", 4, nil, stateless(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case func(actor.Context):
			m(ctx)
		case *actor.Started:
			life = append(life, "started")
		case *actor.Restarting:
			life = append(life, "restarting")
		case *actor.Stopped:
			life = append(life, "stopped")
		}
	}))
	c.tell(call, func(actor.Context) { // the room is busy: both orders wait
		c.inside(func(ctx actor.Context) {
			s := ctx.(actor.Supervisor)
			s.StopChildren(call)
			s.RestartChildren(call)
		})
	})
	if got := strings.Join(life, " "); got != "started stopped" {
		t.Fatalf("it went by %q", got)
	}
}

// Calls come without end, and some of them fail: nothing remembers them all.
func TestFailedCallsAreForgotten(t *testing.T) {
	c := buildCalls(t)
	all, most := 100_000, 0
	if testing.Short() {
		all = 10_000
	}
	for n := range all {
		call := c.room(fmt.Sprint("call ", n), 2, nil, stateless(func(ctx actor.Context) {
			if _, ok := ctx.Message().(int); ok {
				panic("poison")
			}
		}))
		c.tell(call, n)
		for range n % 50 / 47 * 2 { // some have a restart due when they are stopped
			c.tell(call, n)
		}
		c.inside(func(ctx actor.Context) { ctx.Stop(call) })
		c.clock = c.clock.Add(10 * time.Millisecond)
		if n%100 == 0 {
			c.pass(0)
		}
		most = max(most, len(c.policy.calls))
	}
	if most > 1200 { // what fails within patience
		t.Errorf("up to %d of %d calls were remembered", most, all)
	}
	c.pass(patience)
	if len(c.policy.calls) != 0 || len(c.restarts.ByRoom()) != 1 {
		t.Errorf("%d calls are remembered, counted are %v", len(c.policy.calls), c.restarts.ByRoom())
	}
	c.inside(func(ctx actor.Context) {
		if n := len(ctx.Children()); n != 0 {
			t.Errorf("%d children are left", n)
		}
	})
}

// Lanes tell calls poison while the parent restarts what is due: each message is handled once or given back once.
func TestCallsFailWhileOthersAreRestarted(t *testing.T) {
	h := &house{t: t, restarts: NewRestarts(slog.New(slog.DiscardHandler))}
	ended := 0
	policy := EndCall(h.restarts, func(*actor.PID) { ended++ })
	h.buildUnder(policy)
	h.system.EventStream.Subscribe(Undelivered) // what is told to a call that was ended
	const senders, each = 4, 500
	handled := make([]int, senders)
	rooms := make([]*actor.PID, senders)
	for i := range rooms {
		rooms[i] = h.room(fmt.Sprint("call ", i), 1<<12, nil, stateless(func(ctx actor.Context) {
			if m, ok := ctx.Message().(marked); ok {
				if m.n%100 == 0 {
					panic("poison")
				}
				handled[i]++
			}
		}))
	}
	var lost [senders]sync.Mutex
	given := make([]int, senders)
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for n := 1; n <= each; n++ {
				for i := range rooms {
					h.tell(rooms[i], marked{n*senders + s, &lost[s], &given[s]})
				}
			}
		})
	}
	over := make(chan struct{})
	go func() { wg.Wait(); close(over) }()
	tick := func() {
		h.tell(h.parent, func(actor.Context) { policy.Due(time.Now().Add(lastPause)) })
	}
	for isOver := false; !isOver; tick() {
		select {
		case <-over:
			isOver = true
		default:
		}
	}
	for range tooMany { // what waits for one restart may lead to the next
		tick()
	}
	total := 0
	for i := range senders {
		total += handled[i] + given[i]
	}
	if total != senders*senders*each {
		t.Errorf("%d of %d messages were handled or given back; %d calls were ended", total, senders*senders*each, ended)
	}
	t.Logf("%d restarts, %d calls ended", h.restarts.Total(), ended)
}

// marked may be given back on any goroutine.
type marked struct {
	n    int
	mu   *sync.Mutex
	lost *int
}

func (m marked) Lost() {
	m.mu.Lock()
	*m.lost++
	m.mu.Unlock()
}
