package tests

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// swarm is many phones on the two sockets of a ring that do by themselves what phones do: they retransmit (RFC 3261 §17), and to
// another node each time, as RFC 3263 §4.3 has them try another server; they answer, and acknowledge.
type swarm struct {
	*ring
	t     testing.TB
	doors [][2]netip.AddrPort // of each node, for callers and callees
	turn  atomic.Uint32
	avoid []atomic.Bool // nodes that whoever spreads calls leaves out

	stop    chan struct{}
	hearing sync.WaitGroup

	mu     sync.Mutex
	calls  map[string]*swarmCall // by Call-ID
	asked  map[string][]asked    // by method
	failed []string
}

// asked is how a request went.
type asked struct {
	at    time.Time
	took  time.Duration
	tries int
}

// Timers of RFC 3261 §17.
const (
	t1       = 500 * time.Millisecond
	t2       = 4 * time.Second
	lifetime = 64 * t1
)

// gather has the phones of a ring be a swarm, until the test ends.
func (r *ring) gather(t testing.TB) *swarm {
	c := &swarm{
		ring: r, t: t, avoid: make([]atomic.Bool, len(r.nodes)), stop: make(chan struct{}), calls: map[string]*swarmCall{}, asked: map[string][]asked{},
	}
	for _, n := range r.nodes {
		c.doors = append(c.doors, [2]netip.AddrPort{n.inside, n.outside})
	}
	c.hearing.Go(func() { c.hear(r.caller, 0) })
	c.hearing.Go(func() { c.hear(r.callee, 1) })
	t.Cleanup(func() { close(c.stop); c.hearing.Wait() })
	return c
}

// hear gives what comes to a socket to the calls.
func (c *swarm) hear(phone *ua.Phone, side int) {
	for {
		m, came := phone.Next(50 * time.Millisecond)
		select {
		case <-c.stop:
			return
		default:
		}
		if !came {
			continue
		}
		c.mu.Lock()
		k := c.calls[m.First("Call-ID")]
		c.mu.Unlock()
		switch {
		case k == nil:
			c.fail("nobody knows the call of\n%s", m.Raw)
		case m.Status() != 0:
			k.ends[side].response(m)
		default:
			k.ends[side].request(m)
		}
	}
}

func (c *swarm) fail(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = append(c.failed, fmt.Sprintf(format, args...))
}

// failures says what went wrong since it was asked last; all but the first few are only counted.
func (c *swarm) failures(t testing.TB, what string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.failed); n > 0 {
		t.Errorf("%s: %d requests failed, as\n%q", what, n, c.failed[:min(n, 5)])
	}
	c.failed = nil
}

// next is the node that a phone tries after that one: the one whose turn it is when there was none.
func (c *swarm) next(after int) int {
	if after < 0 {
		after = int(c.turn.Add(1) % uint32(len(c.nodes)))
	}
	for range c.nodes {
		if after = (after + 1) % len(c.nodes); !c.avoid[after].Load() {
			break
		}
	}
	return after
}

// swarmCall is a call of the swarm.
type swarmCall struct {
	*swarm
	id   string
	ends [2]swarmEnd // caller, callee
}

// swarmEnd is one phone's part of a call.
type swarmEnd struct {
	*swarmCall
	phone   *ua.Phone
	side    int
	body    string
	voice   *voice // nil: it is silent
	answers chan ua.Message

	mu      sync.Mutex
	call    *ua.Call
	acks    map[uint32][]byte      // what acknowledged an answer to an INVITE, by CSeq
	waiting map[uint32]*time.Timer // answers to an INVITE that are not acknowledged, by CSeq
}

// numbered are calls so far, of all crowds.
var numbered atomic.Uint64

// silence is a description whose media nobody sends.
const silence = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

// plan is a call that has not begun.
func (c *swarm) plan() *swarmCall {
	k := &swarmCall{swarm: c, id: fmt.Sprint("swarm-", numbered.Add(1))}
	for i, phone := range []*ua.Phone{c.caller, c.callee} {
		k.ends[i] = swarmEnd{
			swarmCall: k, phone: phone, side: i, body: silence, answers: make(chan ua.Message, 64), acks: map[uint32][]byte{}, waiting: map[uint32]*time.Timer{},
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[k.id] = k
	return k
}

// begin sets the call up; first by that node, or by the one whose turn it is.
func (k *swarmCall) begin(by int) bool {
	e := &k.ends[0]
	if by < 0 {
		by = k.next(-1)
	}
	ok := e.transact("call", by, func(proxy netip.AddrPort) ua.Message {
		e.call = e.phone.Invite("sip:bob@example.com", ua.Options{Proxy: proxy, CallID: k.id, Body: e.body})
		return e.call.Invite
	})
	return ok
}

// ask sends a request within the dialog, first by the node whose turn it is; it is true when it was answered 200.
func (e *swarmEnd) ask(method string) bool {
	body := ""
	if method == "INVITE" {
		body = e.body
	}
	return e.transact(method, e.next(-1), func(proxy netip.AddrPort) ua.Message {
		return e.call.Request(method, ua.Options{Proxy: proxy, Body: body})
	})
}

// end ends the call from one side. The phones forget it when what comes late has come.
func (k *swarmCall) end(side int) bool { return k.ends[side].ask("BYE") }

// transact is a client transaction.
func (e *swarmEnd) transact(what string, node int, send func(proxy netip.AddrPort) ua.Message) bool {
	began := time.Now()
	e.mu.Lock()
	sent := send(e.door(node))
	e.mu.Unlock()
	pause, timer := t1, time.NewTimer(t1)
	defer timer.Stop()
	for tries := 1; ; {
		select {
		case m := <-e.answers:
			if m.CSeq() != sent.CSeq() || m.Method() != sent.Method() {
				continue
			}
			if m.Status() != 200 {
				e.fail("%s by %s was answered\n%s", sent.Method(), e.door(node), m.Raw)
				return false
			}
			e.swarm.note(what, asked{began, time.Since(began), tries})
			if m.Method() == "INVITE" {
				e.acknowledge(m)
			}
			return true
		case <-timer.C:
			if time.Since(began) > lifetime {
				e.fail("%s was not answered, %d times\n%s", what, tries, sent.Raw)
				return false
			}
			if pause *= 2; sent.Method() != "INVITE" {
				pause = min(pause, t2)
			}
			timer.Reset(pause)
			node = e.next(node)
			e.phone.Send(sent.Raw, e.door(node))
			tries++
		}
	}
}

// door is where a node takes this end's packets.
func (e *swarmEnd) door(node int) netip.AddrPort { return e.doors[node][e.side] }

// acknowledge sends the ACK, by the node whose turn it is.
func (e *swarmEnd) acknowledge(m ua.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.call.Learn(m)
	e.voice.to(m)
	e.acks[m.CSeq()] = e.call.AckBy(m, e.door(e.next(-1))).Raw
}

// response takes a response from the reader. Who gets an answer to an INVITE again sends the ACK again (RFC 3261 §13.2.2.4).
func (e *swarmEnd) response(m ua.Message) {
	if m.Status() < 200 {
		return
	}
	e.mu.Lock()
	ack := e.acks[m.CSeq()]
	e.mu.Unlock()
	if ack != nil && m.Method() == "INVITE" {
		e.phone.Send(ack, e.door(e.next(-1)))
		return
	}
	select {
	case e.answers <- m:
	default: // a copy
	}
}

// request answers a request.
func (e *swarmEnd) request(m ua.Message) {
	switch m.Method() {
	case "ACK":
		e.mu.Lock()
		defer e.mu.Unlock()
		if w := e.waiting[m.CSeq()]; w != nil {
			w.Stop()
		}
		e.waiting[m.CSeq()] = nil
	case "INVITE":
		e.invited(m)
	default:
		e.phone.Answer(m, 200, ua.Options{})
	}
}

// invited answers an INVITE until there is an ACK (RFC 3261 §13.3.1.4).
func (e *swarmEnd) invited(m ua.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	call := e.phone.Answer(m, 200, ua.Options{Body: e.body})
	if e.call == nil {
		e.call = call
	} else {
		e.call.Learn(m)
	}
	e.voice.to(m)
	if w, known := e.waiting[m.CSeq()]; known {
		if w != nil {
			w.Stop()
		} else {
			return // it is acknowledged
		}
	}
	e.answer(m, t1)
}

// answer answers an INVITE again after a pause, and so on.
func (e *swarmEnd) answer(m ua.Message, pause time.Duration) {
	e.waiting[m.CSeq()] = time.AfterFunc(pause, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.waiting[m.CSeq()] == nil {
			return
		}
		select {
		case <-e.stop:
		default:
			e.phone.Answer(m, 200, ua.Options{Body: e.body})
			e.answer(m, min(2*pause, t2))
		}
	})
}

// acknowledged tells whether all answers to an INVITE were.
func (c *swarm) acknowledged() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.calls {
		for i := range k.ends {
			e := &k.ends[i]
			e.mu.Lock()
			for _, w := range e.waiting {
				if w != nil {
					e.mu.Unlock()
					return false
				}
			}
			e.mu.Unlock()
		}
	}
	return true
}

func (c *swarm) note(what string, a asked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[what] = append(c.asked[what], a)
}

// since are the requests that have begun since then, by what they were.
func (c *swarm) since(then time.Time) map[string][]asked {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[string][]asked{}
	for what, all := range c.asked {
		for _, a := range all {
			if !a.at.Before(then) {
				found[what] = append(found[what], a)
			}
		}
	}
	return found
}

// report logs how requests have gone since then, and gives how long the slowest of each kind took.
func (c *swarm) report(t testing.TB, what string, then time.Time) (slowest map[string]time.Duration) {
	t.Helper()
	slowest = map[string]time.Duration{}
	for method, all := range c.since(then) {
		slices.SortFunc(all, func(a, b asked) int { return int(a.took - b.took) })
		again := 0
		for _, a := range all {
			if a.tries > 1 {
				again++
			}
		}
		slowest[method] = all[len(all)-1].took
		round := func(part int) time.Duration { return all[(len(all)-1)*part/1000].took.Round(100 * time.Microsecond) }
		t.Logf("%s: %5d × %-6s %4d sent again; half within %v, 99 %% within %v, all within %v", what, len(all), method, again, round(500), round(990), round(1000))
	}
	return slowest
}

// each does something for all of those calls at once, at that many a second, and waits until it is done.
func (c *swarm) each(calls []*swarmCall, perSecond int, do func(i int, k *swarmCall)) {
	var all sync.WaitGroup
	pace := time.NewTicker(time.Second / time.Duration(perSecond))
	defer pace.Stop()
	for i, k := range calls {
		all.Go(func() { do(i, k) })
		<-pace.C
	}
	all.Wait()
}

// keepCalling has new calls come at a rate, each of them as long as that, with a request in its middle, from either side in turn, as is
// its end. It ends when stop is called, which waits for the calls and gives how many there were.
func (c *swarm) keepCalling(perSecond int, long time.Duration) (stop func() int) {
	quit, over := make(chan struct{}), make(chan int)
	go func() {
		var all sync.WaitGroup
		pace := time.NewTicker(time.Second / time.Duration(perSecond))
		defer pace.Stop()
		for n := 0; ; n++ {
			select {
			case <-quit:
				all.Wait()
				over <- n
				return
			case <-pace.C:
			}
			all.Go(func() {
				k := c.plan()
				if !k.begin(-1) {
					return
				}
				<-time.After(long / 2)
				k.ends[n%2].ask("INFO")
				<-time.After(long / 2)
				k.end(n / 2 % 2)
			})
		}
	}()
	return func() int { close(quit); return <-over }
}
