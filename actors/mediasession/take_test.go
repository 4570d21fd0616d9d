package mediasession

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/journal"
	"github.com/actorsip/actorsip/relay"
	"github.com/actorsip/actorsip/room"
)

// upHouse is the sessions with an engine and a journal, away at first.
type upHouse struct {
	t      testing.TB
	cfg    Config
	actors *actor.ActorSystem
	pid    *actor.PID
	moves  chan struct{}
	kept   *journal.Journal
}

func newUpHouse(t testing.TB) *upHouse {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	var pools []relay.Pool
	for _, a := range []string{"127.78.0.1", "127.78.0.2"} {
		pools = append(pools, relay.Pool{Addr: netip.MustParseAddr(a), Low: 20000, High: 31999})
	}
	engine, err := relay.New(relay.Config{Pools: pools, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := journal.Open(filepath.Join(t.TempDir(), "media.db"), log)
	if err != nil {
		t.Fatal(err)
	}
	h := &upHouse{t: t, kept: kept, moves: make(chan struct{}, 8)}
	sites := []Site{{"inside", 0, pools[0].Addr}, {"outside", 1, pools[1].Addr}}
	h.cfg = Config{
		Sites: sites, Engine: engine, Book: NewBook(kept, sites), Unused: time.Hour, Silent: time.Hour, Closed: time.Second,
		Moved: func() { h.moves <- struct{}{} }, Restarts: room.NewRestarts(log), Log: log,
	}
	h.cfg.Book.SendAway()
	h.actors = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return log }))
	make, policy := New(h.cfg)
	root := h.actors.Root.Copy().WithGuardian(room.CarryOn(h.cfg.Restarts))
	if h.pid, err = root.SpawnNamed(room.Props(make, 64, policy, nil), "media"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = h.actors.Root.PoisonFuture(h.pid).Wait()
		h.actors.Shutdown()
		engine.Close()
		kept.Close()
	})
	return h
}

// tell tells the sessions, and waits until it is done.
func (h *upHouse) tell(what any) {
	h.actors.Root.Send(h.pid, what)
	<-h.moves
}

// up is the text of a call that is up, on the n-th pair of both legs.
func up(t testing.TB, n int) []byte {
	t.Helper()
	port := uint16(20000 + 2*n)
	side := func(last byte) []line {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, last}), 4000)
		return []line{{Remote: at, Pairs: 1, Types: [2]uint64{1, 0}, Signalled: at.Addr(), Believed: true}}
	}
	now := time.Now()
	text, err := json.Marshal(&call{Passes: []*pass{{
		Tag: "a", Near: "inside", Far: "outside", Seq: 2, Offer: side(1), Hop: netip.MustParseAddr("192.0.2.2"), Ports: []relay.Lease{{Pool: 1, Port: port, Pairs: 1}},
		Dialogs: []*dialog{{
			Tag: "b", Ports: []relay.Lease{{Pool: 0, Port: port, Pairs: 1}}, Sides: [2][]line{side(1), side(2)}, Offer: offer{near, near, 2, true},
			Made: now, Since: now, Changed: now, Relays: []stream{{Locks: [2]relay.Lock{{Source: side(1)[0].Remote, SSRC: 7}, {Source: side(2)[0].Remote, SSRC: 8}}}},
		}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (h *upHouse) want(sessions, leased int) {
	h.t.Helper()
	if n := h.cfg.Book.Tally.Sessions.Load(); int(n) != sessions {
		h.t.Fatalf("%d calls are there, not %d", n, sessions)
	}
	for pool := range 2 {
		if now := h.cfg.Engine.Ports(pool); now.Leased != leased {
			h.t.Fatalf("pool %d has %+v, not %d leased", pool, now, leased)
		}
	}
}

// A place comes, goes and comes back at once: its calls have the same ports each time, and nothing of them is forgotten.
func TestCallsThatLeaveComeBackAsTheyWere(t *testing.T) {
	h := newUpHouse(t)
	calls := map[string][]byte{}
	for n := range 100 {
		id := fmt.Sprint("call", n)
		calls[id] = up(t, n)
		h.kept.Put(id, calls[id])
	}
	h.want(0, 0)
	for range 5 {
		h.tell(Take{calls})
		h.tell(Take{calls}) // as told again
		h.want(100, 100)
		if h.cfg.Book.Away() {
			t.Fatal("the media are away")
		}
		for _, g := range h.cfg.Book.pages {
			if s := g.call.Passes[0].Dialogs[0].Relays[0]; s.rule.Locked[near].SSRC != 7 || s.rule.Locked[far].SSRC != 8 {
				t.Fatalf("what was learned is forgotten: %+v", s.rule)
			}
		}
		h.tell(Leave{})
		h.want(0, 0)
		if !h.cfg.Book.Away() {
			t.Fatal("the media are here")
		}
	}
	if kept := h.kept.All(); len(kept) != 100 {
		t.Errorf("the journal has %d calls", len(kept))
	}
	if n := h.cfg.Book.Tally.EndedBy()["moved"]; n != 500 {
		t.Errorf("%d calls were counted as moved", n)
	}
}

// What cannot be taken up because the address has gone again stays in the journal, what can never be does not.
func TestACallWithoutAPlaceStaysInTheJournal(t *testing.T) {
	h := newUpHouse(t)
	noLeg := []byte(`{"Passes":[{"Tag":"\"a\"","Near":"gone","Far":"gone","Ports":[{"pool":0,"port":20000,"pairs":1}]}]}`)
	beyond := []byte(`{"Passes":[{"Tag":"\"a\"","Near":"absent","Far":"absent","Ports":[{"pool":0,"port":20000,"pairs":1}]}]}`)
	h.cfg.Sites = append(h.cfg.Sites, Site{Leg: "absent", Pool: 7}) // as an address that is not here: nothing can be had there
	calls := map[string][]byte{"no leg": noLeg, "damaged": []byte("{"), "no address": beyond, "good": up(t, 1)}
	for id, text := range calls {
		h.kept.Put(id, text)
	}
	if n := h.cfg.Book.Restore(calls, h.cfg); n != 1 {
		t.Fatalf("%d calls were taken up", n)
	}
	if kept := h.kept.All(); len(kept) != 2 || kept["good"] == nil || kept["no address"] == nil {
		t.Errorf("the journal has %q", kept)
	}
}

// How long the calls of a large place are silent while another node takes them up.
func TestThousandsOfCallsAreTakenUp(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	many := min(5000, (int(limit.Cur)-200)/4) // a call has four sockets
	h := newUpHouse(t)
	calls := map[string][]byte{}
	for n := range many {
		calls[fmt.Sprint("call", n)] = up(t, n)
	}
	for _, what := range []struct {
		name   string
		tell   any
		leased int
	}{{"taken up", Take{calls}, many}, {"given up", Leave{}, 0}, {"taken up again at once", Take{calls}, many}} {
		began := time.Now()
		h.tell(what.tell)
		t.Logf("%d calls, each of %d bytes, were %s in %v", many, len(calls["call0"]), what.name, time.Since(began).Round(time.Millisecond))
		h.want(what.leased, what.leased)
	}
}
