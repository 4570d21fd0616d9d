package tests

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// switchboard has many conversations at a time between the same phones. It reads what comes to them and hands it to the
// conversation that it belongs to.
type switchboard struct {
	phones [3]*ua.Phone      // by party
	gates  [3]netip.AddrPort // where they find the proxy
	heard  atomic.Uint64     // messages that came
	begun  atomic.Uint64     // conversations

	closing chan struct{}  // the test is over
	playing sync.WaitGroup // scripts

	mu    sync.Mutex // guards calls
	calls map[string]*conversation
}

// The parties of a conversation.
const (
	near   = iota // who calls
	far           // who is called
	beside        // where the call was forked to
)

// connect takes the phones over; nobody else reads from them any more. There may be no phone beside. The end of the test
// ends all conversations.
func connect(t testing.TB, inside, outside netip.AddrPort, phones ...*ua.Phone) *switchboard {
	b := &switchboard{
		gates: [3]netip.AddrPort{inside, outside, outside}, closing: make(chan struct{}), calls: map[string]*conversation{},
	}
	copy(b.phones[:], phones)
	t.Cleanup(func() {
		close(b.closing)
		b.playing.Wait()
	})
	for party := range phones {
		conn := phones[party].Conn()
		go func() { // until the phone is closed
			buf := make([]byte, 1<<16)
			for {
				n, err := conn.Read(buf)
				if err != nil {
					return
				}
				if m, err := ua.Parse(slices.Clone(buf[:n])); err == nil {
					b.deliver(word{party, m})
				}
			}
		}()
	}
	return b
}

// word is a message and who heard it.
type word struct {
	party int
	ua.Message
}

func (b *switchboard) deliver(w word) {
	b.heard.Add(1)
	b.mu.Lock()
	c := b.calls[w.First("Call-ID")]
	b.mu.Unlock()
	if c == nil {
		return // it comes late
	}
	select {
	case c.inbox <- w:
	default: // lost, as in a socket's buffer that is full
	}
}

// conversation is one call as a script plays it, both ends of it. A script says what happens next; what was lost on the way
// is sent again behind its back, as user agents do (RFC 3261 §17, §13.3.1.4).
type conversation struct {
	*switchboard
	id    string
	inbox chan word
	calls [3]*ua.Call       // by party; near's is its dialog with far
	known map[string]func() // what was heard before, and how it is answered once more; nil: it is not
	again []*unanswered
}

// unanswered is what is sent until it is answered.
type unanswered struct {
	by    string // the answer
	party int
	raw   []byte
	wait  time.Duration
	at    time.Time
	times int // it was sent again
}

// Timers of RFC 3261 §17.1.1.1. A script waits for the next message as long as a transaction lasts.
const (
	timer1  = 500 * time.Millisecond
	timer2  = 4 * time.Second
	lasting = 64 * timer1
)

var (
	errScript = errors.New("the script was not followed")
	errOver   = fmt.Errorf("%w: the test is over", errScript)
)

// play plays a script. A script that is not followed ends there.
func (b *switchboard) play(script func(c *conversation)) (err error) {
	b.playing.Add(1)
	defer b.playing.Done()
	c := &conversation{
		switchboard: b, id: fmt.Sprintf("%d-%d", b.begun.Add(1), time.Now().UnixNano()),
		inbox: make(chan word, 32), known: map[string]func(){},
	}
	b.mu.Lock()
	b.calls[c.id] = c
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.calls, c.id)
		b.mu.Unlock()
		if r := recover(); r != nil {
			is := false
			if err, is = r.(error); !is || !errors.Is(err, errScript) {
				panic(r)
			}
			if errors.Is(err, errOver) {
				err = nil // why it is over was said
			}
		}
	}()
	script(c)
	return nil
}

func (c *conversation) fail(format string, args ...any) {
	panic(fmt.Errorf("%w: call %s: %s", errScript, c.id, fmt.Sprintf(format, args...)))
}

// invite begins the call.
func (c *conversation) invite(body string) {
	c.calls[near] = c.phones[near].Invite("sip:bob@example.com", ua.Options{Proxy: c.gates[near], CallID: c.id, Body: body})
	c.repeat(near, c.calls[near].Invite)
}

// request sends a request within a dialog of a party.
func (c *conversation) request(party int, of *ua.Call, method, body string) {
	c.repeat(party, of.Request(method, ua.Options{Body: body}))
}

func (c *conversation) repeat(party int, m ua.Message) { c.repeatUntil(answerTo(m), party, m.Raw) }

func (c *conversation) repeatUntil(answered string, party int, raw []byte) {
	c.again = append(c.again, &unanswered{answered, party, raw, timer1, time.Now().Add(timer1), 0})
}

// answer answers what a party has heard.
func (c *conversation) answer(party int, to ua.Message, code int, o ua.Options) {
	phone := c.phones[party]
	raw := phone.Response(to, code, o).Raw
	if call := phone.Answer(to, code, o); call != nil && c.calls[party] == nil {
		c.calls[party] = call
	}
	c.known[name(word{party, to})] = func() { phone.Send(raw, c.gates[party]) }
	if code >= 200 && to.Method() == "INVITE" {
		c.repeatUntil(ackTo(to), party, raw)
	}
}

// ack acknowledges a final response to an INVITE.
func (c *conversation) ack(party int, of *ua.Call, m ua.Message) {
	raw := of.Ack(m).Raw
	c.known[name(word{party, m})] = func() { c.phones[party].Send(raw, c.gates[party]) }
}

// next is the next message that was not heard before.
func (c *conversation) next() word {
	for deadline := time.Now().Add(lasting); ; {
		wake := deadline
		for _, u := range c.again {
			if u.at.Before(wake) {
				wake = u.at
			}
		}
		timer := time.NewTimer(time.Until(wake))
		select {
		case <-c.closing:
			panic(errOver)
		case w := <-c.inbox:
			timer.Stop()
			if c.isNew(w) {
				return w
			}
		case now := <-timer.C:
			if now.After(deadline) {
				var open []string
				for _, u := range c.again {
					open = append(open, fmt.Sprintf("%d waits for the %s, and has asked again %d times", u.party, u.by, u.times))
				}
				c.fail("nothing is heard any more; %s", strings.Join(open, "; "))
			}
			c.resend(now)
		}
	}
}

func (c *conversation) resend(now time.Time) {
	for _, u := range c.again {
		if now.Before(u.at) {
			continue
		}
		c.phones[u.party].Send(u.raw, c.gates[u.party])
		u.wait, u.times = min(2*u.wait, timer2), u.times+1
		u.at = now.Add(u.wait)
	}
}

// isNew is false for what was heard before.
func (c *conversation) isNew(w word) bool {
	if w.Status() > 100 || w.Method() == "ACK" {
		c.again = slices.DeleteFunc(c.again, func(u *unanswered) bool { return u.party == w.party && u.by == answeredBy(w) })
	}
	key := name(w)
	answer, known := c.known[key]
	if !known {
		c.known[key] = nil
	} else if answer != nil {
		answer()
	}
	return !known
}

// name is the same for a message and its retransmission.
func name(w word) string {
	return fmt.Sprint(w.party, " ", w.First("CSeq"), " ", w.Status(), " ", ua.Param(w.First("To"), "tag"))
}

func answerTo(m ua.Message) string { return "response to " + m.First("CSeq") }
func ackTo(m ua.Message) string    { return fmt.Sprint("ACK ", m.CSeq()) }

func answeredBy(w word) string {
	if w.Status() == 0 {
		return ackTo(w.Message)
	}
	return answerTo(w.Message)
}

// hears waits for a party to hear a request.
func (c *conversation) hears(party int, method string) ua.Message {
	w := c.next()
	if w.party != party || w.Status() != 0 || w.Method() != method {
		c.fail("%s was expected at %d, not at %d\n%s", method, party, w.party, w.Raw)
	}
	return w.Message
}

// told waits for a party to hear a response, and has its dialog learn from it.
func (c *conversation) told(party int, of *ua.Call, code int) ua.Message {
	w := c.next()
	if w.party != party || w.Status() != code {
		c.fail("%d was expected at %d, not at %d\n%s", code, party, w.party, w.Raw)
	}
	of.Learn(w.Message)
	return w.Message
}

// bye ends the dialog of two parties.
func (c *conversation) bye(from, to int, of *ua.Call) {
	c.request(from, of, "BYE", "")
	c.answer(to, c.hears(to, "BYE"), 200, ua.Options{})
	c.told(from, of, 200)
}

// reInvite offers once more, and gives where the answer and the offer want media.
func (c *conversation) reInvite(from, to int, offer, answer string) (atFrom, atTo []netip.AddrPort) {
	c.request(from, c.calls[from], "INVITE", offer)
	m := c.hears(to, "INVITE")
	c.answer(to, m, 200, ua.Options{Body: answer})
	r := c.told(from, c.calls[from], 200)
	c.ack(from, c.calls[from], r)
	c.hears(to, "ACK")
	return r.MediaAt(), m.MediaAt()
}

// setUp sets up a call with media at two ends.
func (c *conversation) setUp(a, b *end) {
	c.invite(describe(a.addr(), ""))
	m := c.hears(far, "INVITE")
	b.to = c.one(m)
	c.answer(far, m, 200, ua.Options{Body: describe(b.addr(), "")})
	r := c.told(near, c.calls[near], 200)
	a.to = c.one(r)
	c.ack(near, c.calls[near], r)
	c.hears(far, "ACK")
}

func (c *conversation) one(m ua.Message) netip.AddrPort {
	places := m.MediaAt()
	if len(places) != 1 || !places[0].Addr().IsLoopback() && !places[0].Addr().IsPrivate() {
		c.fail("one stream was expected in\n%s", m.Raw)
	}
	return places[0]
}

// all plays scripts at the same time and waits for them.
func all(t testing.TB, scripts int, play func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make(chan error, scripts)
	for i := range scripts {
		wg.Go(func() {
			if err := play(i); err != nil {
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}
