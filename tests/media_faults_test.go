package tests

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/ua"
)

const (
	mediaRoom  = "actorsip/media"
	sessionsIn = mediaRoom + "/"
	workersIn  = "actorsip/relay/"
)

// misfortune is chaos in the media: sessions, the room of all sessions and the relay's workers panic, some more often than
// others.
type misfortune struct {
	sessions, rooms atomic.Uint64 // messages so far
	panics          [3]atomic.Uint64
	workers         sync.Map // by room: *atomic.Int64, when it panicked last
}

const (
	sessionsPanic = 100                    // one message in so many
	roomPanics    = 900                    // the room of all sessions gets more of them
	workersPanic  = 150 * time.Millisecond // one panic of each worker in so long
)

func (m *misfortune) strike(room string, _ any) (swallow bool) {
	switch {
	case strings.HasPrefix(room, sessionsIn):
		if m.sessions.Add(1)%sessionsPanic == 0 {
			m.panics[0].Add(1)
			panic("a session")
		}
	case room == mediaRoom:
		if m.rooms.Add(1)%roomPanics == 0 {
			m.panics[1].Add(1)
			panic("the room of all sessions")
		}
	case strings.HasPrefix(room, workersIn):
		v, _ := m.workers.LoadOrStore(room, new(atomic.Int64))
		last, now := v.(*atomic.Int64), time.Now().UnixNano()
		if was := last.Load(); now-was > int64(workersPanic) && last.CompareAndSwap(was, now) {
			m.panics[2].Add(1)
			panic("a worker")
		}
	}
	return false
}

// A failure of what looks after calls costs no call a packet: neither the calls beside it, nor its own.
func TestPanicsCostNoRTP(t *testing.T) {
	const calls, packets = 100, 400
	var m misfortune
	h := build(t, v4, v4, relayed, m.strike)
	board := connect(t, h.Addr("inside"), h.Addr("outside"), h.caller, h.callee)
	flow := &traffic{t: t}
	for range calls {
		flow.pair()
	}
	var up sync.WaitGroup // calls that are being set up
	up.Add(calls)
	isUp, stop, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		up.Wait()
		close(isUp)
	}()
	var offers atomic.Uint64
	go func() {
		defer close(over)
		all(t, calls, func(i int) error {
			a, b, once := flow.ends[2*i], flow.ends[2*i+1], sync.OnceFunc(up.Done)
			defer once()
			return board.play(func(c *conversation) {
				c.setUp(a, b)
				once()
				<-isUp
				pause := time.NewTicker(200*time.Millisecond + time.Duration(i)*time.Millisecond)
				defer pause.Stop()
				for from := near; ; from = 1 - from {
					select {
					case <-stop:
						c.bye(from, 1-from, c.calls[from])
						return
					case <-pause.C:
					}
					c.offerAgain(from, a, b)
					offers.Add(1)
				}
			})
		})
	}()
	<-isUp
	quiet := make(chan struct{})
	begun := time.Now()
	done := flow.flow(20*time.Millisecond, quiet)
	eventually(t, time.Minute, "all packets are said", func() bool { return flow.ends[0].sent.Load() >= packets })
	close(quiet)
	done()
	took := time.Since(begun)
	flow.settle(5 * time.Second)
	close(stop)
	<-over
	eventually(t, 10*time.Second, "all ports came back", func() bool { return leased(h.System) == 0 && h.Media().Sessions == 0 })

	t.Logf("%d calls, %.0f packets/s for %v, %d further offers; panics of sessions %d, of their room %d, of workers %d; restarts %v",
		calls, float64(flow.said())/took.Seconds(), took.Round(time.Millisecond), offers.Load(),
		m.panics[0].Load(), m.panics[1].Load(), m.panics[2].Load(), h.Restarts())
	restarts := h.Restarts()
	for i, room := range []string{mediaRoom + "/*", mediaRoom, "actorsip/relay"} {
		if n := m.panics[i].Load(); n == 0 || restarts[room] != n {
			t.Errorf("%d panics of %s, %d restarts are counted", n, room, restarts[room])
		}
	}
}

func (f *traffic) said() (n int) {
	for _, e := range f.ends {
		n += int(e.sent.Load())
	}
	return n
}

// offerAgain offers in the middle of a call what is in force already. Its ports stay.
func (c *conversation) offerAgain(from int, a, b *end) {
	ends := [2]*end{a, b}
	asker, asked := ends[from], ends[1-from]
	atAsker, atAsked := c.reInvite(from, 1-from, describe(asker.addr(), ""), describe(asked.addr(), ""))
	if len(atAsker) != 1 || len(atAsked) != 1 || atAsker[0] != asker.to || atAsked[0] != asked.to {
		c.fail("its ports were %v and %v, a further offer has %v and %v", asker.to, asked.to, atAsker, atAsked)
	}
}

// curse panics on every message to the session of one call.
type curse struct {
	id   atomic.Value // string: the Call-ID
	room atomic.Pointer[string]
	on   atomic.Bool
}

func (s *curse) strike(room string, msg any) (swallow bool) {
	if v, ok := msg.(message.Anchor); ok && strings.HasPrefix(room, sessionsIn) && string(v.CallID()) == s.id.Load() {
		s.room.Store(&room)
	}
	if its := s.room.Load(); its != nil && *its == room && s.on.Load() {
		panic("cursed")
	}
	return false
}

// A session that keeps failing ends the media of its call, and says so. Its SIP goes on, and so do all others.
func TestASessionThatKeepsFailingEndsItsOwnMedia(t *testing.T) {
	leavesNothing(t)
	spell := &curse{}
	h := &house{caller: ua.New(t, "127.0.0.1:0"), callee: ua.New(t, "127.0.0.1:0")}
	var log lockedBuffer
	var err error
	h.System, err = system.StartWith(config(t, v4, v4, h.caller, h.callee, relayed), system.Options{
		Chaos: spell.strike, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	board := connect(t, h.Addr("inside"), h.Addr("outside"), h.caller, h.callee)
	flow := &traffic{t: t}
	a, b := flow.pair()
	others := &traffic{t: t}
	c, d := others.pair()
	isUp, stop := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		all(t, 1, func(int) error {
			return board.play(func(talk *conversation) {
				spell.id.Store(talk.id)
				talk.setUp(a, b)
				close(isUp)
				<-stop
				talk.bye(near, far, talk.calls[near])
			})
		})
	})
	<-isUp
	neighbour := make(chan struct{})
	wg.Go(func() {
		all(t, 1, func(int) error {
			return board.play(func(talk *conversation) {
				talk.setUp(c, d)
				close(neighbour)
				<-stop
				talk.offerAgain(far, c, d)
				talk.bye(far, near, talk.calls[far])
			})
		})
	})
	<-neighbour
	quiet := make(chan struct{})
	done, otherDone := flow.flow(20*time.Millisecond, quiet), others.flow(20*time.Millisecond, quiet)
	spell.on.Store(true)
	eventually(t, 20*time.Second, "its session was given up", func() bool { return h.Media().Sessions == 1 })
	if n := leased(h.System); n != 2 {
		t.Errorf("%d pairs are leased to the call that goes on", n)
	}
	heard := b.heard.Load()
	eventually(t, 5*time.Second, "the other call goes on", func() bool { return d.heard.Load() > 20+heard })
	close(quiet)
	done()
	otherDone()
	others.settle(5 * time.Second)
	if heard == 0 || b.heard.Load() > heard+5 {
		t.Errorf("%d packets were heard when its relay ended, then %d more", heard, b.heard.Load()-heard)
	}
	close(stop)
	wg.Wait()

	var status system.Status
	resp, err := http.Get("http://" + h.AdminAddr().String() + "/status")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&status); err != nil {
		t.Fatal(err)
	}
	if status.Media.Ended["session failed"] != 1 {
		t.Errorf("/status says %v", status.Media.Ended)
	}
	if !strings.Contains(log.String(), "a call's media was given up: its session keeps failing") || !strings.Contains(log.String(), "call="+spell.id.Load().(string)) {
		t.Errorf("the log does not say which call was given up:\n%s", log.String())
	}
	eventually(t, 5*time.Second, "all ports came back", func() bool { return leased(h.System) == 0 })
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
