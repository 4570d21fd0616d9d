package registrar

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/message"
)

// slow is a store whose updates are carried out when they are let go, each as often as the test wants.
type slow struct {
	location.Store
	held  []func()
	tries int
}

func (s *slow) Update(aor string, now time.Time, change location.Change, done func(error)) error {
	s.held = append(s.held, func() {
		for range s.tries { // as a store that finds out at the end that somebody else was first
			_, _ = change([]location.Binding{{Contact: "sip:tried@192.0.2.9", Expires: now.Add(time.Minute)}})
		}
		if err := s.Store.Update(aor, now, change, done); err != nil {
			done(err)
		}
	})
	return nil
}

// A REGISTER that was answered is on the disk.
func TestAnAcknowledgedRegistrationOutlivesTheProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bindings.db")
	store := open(t, location.Config{File: file})
	h := build(t, func(c *Config) { c.Store = store })
	text := register("1", contact(desk, ";q=0.5"), "User-Agent: Phone 1.0")
	h.registers(came{}, text, "200", contact(desk, ";q=0.500;expires=200"))
	store.Close()
	again := build(t, func(c *Config) { c.Store = open(t, location.Config{File: file}) })
	again.clock = h.clock
	again.goes(came{}, request("INVITE", alice), desk).Free()
	again.registers(came{}, text, "200", contact(desk, ";q=0.500;expires=200")) // the phone has not heard of its 200
	again.registers(came{}, register("0", contact(desk, "")), "500")
	if b := again.has(alice, desk); b[0].UserAgent != "Phone 1.0" || b[0].Leg != "udp" {
		t.Errorf("%+v", b[0])
	}
}

// Packets of one address of record, answered from another goroutine in one batch: each comes back once, with its own answer.
func TestManyRegistersInFlightAreAnsweredOnceEach(t *testing.T) {
	const n = 48
	h := build(t, func(c *Config) {
		c.Store = open(t, location.Config{File: filepath.Join(t.TempDir(), "b.db"), MaxPerAOR: n})
	})
	for i := range n {
		p := h.packet(came{}, register("1", fmt.Sprintf("Call-ID: c%d", i), contact(fmt.Sprintf("sip:%d@192.0.2.7", i), "")))
		o := h.locate(p)
		p.Settle(nil, message.AtLocate, o) // while the answer is being made
		if o != message.Await() {
			t.Fatal(o)
		}
	}
	seen := map[*message.Packet]bool{}
	for _, p := range h.back(n) {
		_, o, ok := p.Returned()
		if !ok || seen[p] || !strings.HasPrefix(o.String(), "answer 200") {
			t.Fatalf("%s, again %v", o, seen[p])
		}
		seen[p] = true
		answer := string(p.AppendReply(nil, nil))
		if own := strings.TrimPrefix(string(p.CallID()), "c"); !strings.Contains(answer, "<sip:"+own+"@192.0.2.7>;expires=200\r\n") {
			t.Errorf("the answer to the REGISTER of contact %s is\n%s", own, answer)
		}
	}
	for p := range seen {
		p.Free()
	}
	if left := h.pool.InUse(); left > 0 {
		t.Errorf("%d packets are left", left)
	}
}

// A store may ask for a change again and again, and from another goroutine; what it tries is not what it does.
func TestAChangeThatIsTriedAgainIsAnsweredAsItWasDone(t *testing.T) {
	s := &slow{tries: 3}
	h := build(t, func(c *Config) {
		s.Store = open(t, location.Config{File: location.Off})
		c.Store = s
	})
	p := h.packet(came{}, register("1", contact(desk, "")))
	if o := h.locate(p); o != message.Await() {
		t.Fatal(o)
	} else {
		p.Settle(nil, message.AtLocate, o)
	}
	go s.held[0]()
	if back := h.back(1); back[0] != p {
		t.Fatal("another packet")
	}
	if answer := string(p.AppendReply(nil, nil)); strings.Count(answer, "Contact:") != 1 || !strings.Contains(answer, "Contact: <"+desk+">;expires=200\r\n") {
		t.Errorf("the answer is\n%s", answer)
	}
}

func TestAStoreThatCloses(t *testing.T) {
	store := open(t, location.Config{File: filepath.Join(t.TempDir(), "b.db")})
	h := build(t, func(c *Config) { c.Store = store })
	const n = 20
	awaited := 0
	for i := range n {
		p := h.packet(came{}, register("1", fmt.Sprintf("To: <sip:u%d@example.com>", i), contact(desk, "")))
		if i == n/2 {
			store.Close()
		}
		switch o := h.locate(p); o {
		case message.Await():
			p.Settle(nil, message.AtLocate, o)
			awaited++
		case message.Answer(message.StoreFailed):
			p.Free()
		default:
			t.Fatal(o)
		}
	}
	if awaited != n/2 {
		t.Errorf("%d wait of %d", awaited, n/2)
	}
	for _, p := range h.back(awaited) {
		if _, o, ok := p.Returned(); !ok || !strings.HasPrefix(o.String(), "answer 200") {
			t.Errorf("%s, of what came before the end", o)
		}
		p.Free()
	}
	if left := h.pool.InUse(); left > 0 {
		t.Errorf("%d packets are left", left)
	}
	h.registers(came{}, register("1", "To: <sip:u1@example.com>"), "200", expires(desk, 200)) // what is there can be asked for
}

// A disk that hangs must not take all packets of the lane.
func TestOnlySoManyRegistersWait(t *testing.T) {
	s := &slow{}
	h := build(t, func(c *Config) {
		s.Store, c.Waiting = open(t, location.Config{File: location.Off}), 2
		c.Store = s
	})
	for i := range 3 {
		p := h.packet(came{}, register(fmt.Sprint(i), contact(desk, "")))
		want := message.Await()
		if i == 2 {
			want = message.Answer(message.TooManyWaiting)
		}
		o := h.locate(p)
		if o != want {
			t.Fatalf("REGISTER %d: %s, want %s", i, o, want)
		}
		if i < 2 {
			p.Settle(nil, message.AtLocate, o)
		}
	}
	h.registers(came{}, register("4"), "200") // a question does not wait
	for _, carryOut := range s.held {
		carryOut()
	}
	h.back(2)
	p := h.packet(came{}, register("5", contact(desk, "")))
	if o := h.locate(p); o != message.Await() {
		t.Errorf("%s, when there is room again", o)
	}
}

func TestAStoreThatIsFullIsNotOurPhonesFault(t *testing.T) {
	h := build(t, func(c *Config) { c.Store = open(t, location.Config{File: location.Off, MaxBindings: 1}) })
	h.registers(came{}, register("1", contact(desk, "")), "200", expires(desk, 200))
	h.registers(came{}, register("1", "To: <sip:bob@example.com>", contact(desk, "")), "503")
	h.registers(came{}, register("2", contact(desk, "")), "200", expires(desk, 200))
	h = build(t)
	h.registers(came{}, register("3", contact("sip:"+strings.Repeat("a", 5000)+"@192.0.2.7", "")), "400")
}
