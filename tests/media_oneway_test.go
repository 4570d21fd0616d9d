package tests

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/ua"
)

// ledger keeps what is logged.
type ledger struct {
	with []slog.Attr
	*entries
}

type entries struct {
	mu  sync.Mutex
	all []entry
}

// entry is a log line.
type entry struct {
	at      time.Time
	level   slog.Level
	message string
	attrs   map[string]string
}

func newLedger() *ledger { return &ledger{entries: &entries{}} }

func (l *ledger) Enabled(context.Context, slog.Level) bool { return true }
func (l *ledger) WithGroup(string) slog.Handler            { return l }
func (l *ledger) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &ledger{append(l.with[:len(l.with):len(l.with)], attrs...), l.entries}
}

func (l *ledger) Handle(_ context.Context, r slog.Record) error {
	e := entry{r.Time, r.Level, r.Message, map[string]string{}}
	for _, a := range l.with {
		e.attrs[a.Key] = a.Value.String()
	}
	r.Attrs(func(a slog.Attr) bool {
		e.attrs[a.Key] = a.Value.String()
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, e)
	return nil
}

// unheard are the lines about sides of a call that are not heard.
func (l *ledger) unheard(call string) (out []entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.all {
		if e.message == "a side of a call is not heard" && e.attrs["call"] == call {
			out = append(out, e)
		}
	}
	return out
}

// buildLogged is build with a log that can be read.
func buildLogged(t testing.TB, more string) (*house, *ledger) {
	t.Helper()
	leavesNothing(t)
	h, log := &house{caller: ua.New(t, "127.0.0.1:0"), callee: ua.New(t, "127.0.0.1:0")}, newLedger()
	s, err := system.StartWith(config(t, v4, v4, h.caller, h.callee, more+"log: {level: debug}\n"), system.Options{Log: slog.New(log)})
	if err != nil {
		t.Fatal(err)
	}
	h.System = s
	t.Cleanup(s.Stop)
	return h, log
}

// silent is what is to be said of a side.
type silent struct{ leg, stream, why string }

// fault is a call in which something is wrong with the media.
type fault struct {
	name          string
	offer, answer func(describe string) string // nil: as it is
	talk          func(k *parted)              // once it is established
	want          []silent
	quietly       bool // it is counted, but nobody is warned
}

// says is a few packets of RTP.
func says(s *ua.Sound, words ...string) {
	for range 3 {
		s.Say(strings.Join(append([]string{"speech"}, words...), " "))
	}
}

// faults are a call each. It has audio, and video where the descriptions say so.
func faults(t *testing.T) []fault {
	line := func(more string) func(string) string { return func(d string) string { return d + more } }
	address := func(to string) func(string) string {
		return func(d string) string { return strings.Replace(d, "c=IN IP4 127.0.0.1", "c=IN IP4 "+to, 1) }
	}
	second := func(at *ua.Sound) func(string) string {
		return line(fmt.Sprintf("m=video %d RTP/AVP 96\r\n", at.Addr().Port()))
	}
	video, screen := ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.1:0")
	video.Type = 96
	elsewhere := func() *ua.Sound { return ua.Hear(t, "127.0.0.66:0") }
	good := func(k *parted) { says(k.alice); says(k.bob) }
	return []fault{
		{name: "all is well", talk: good},
		{name: "the caller says nothing", talk: func(k *parted) { says(k.bob) }, want: []silent{{"inside", "0", "nothing received"}}},
		{name: "the callee says nothing", talk: func(k *parted) { says(k.alice) }, want: []silent{{"outside", "0", "nothing received"}}},
		{
			name: "nobody says anything", talk: func(*parted) {},
			want: []silent{{"inside", "0", "nothing received"}, {"outside", "0", "nothing received"}},
		},
		{
			name: "the caller's come from elsewhere",
			talk: func(k *parted) { says(k.bob); says(elsewhere().To(only(t, k.callerSaw))) },
			want: []silent{{"inside", "0", "only from an unexpected source"}},
		},
		{
			name: "the callee's come from elsewhere",
			talk: func(k *parted) { says(k.alice); says(elsewhere().To(only(t, k.callee.Invite))) },
			want: []silent{{"outside", "0", "only from an unexpected source"}},
		},
		{
			name: "the caller's have the wrong version",
			talk: func(k *parted) { says(k.bob); k.alice.Send(versioned(k.alice.Packet("version 1"), 1)) },
			want: []silent{{"inside", "0", "all packets rejected"}},
		},
		{
			name: "the callee's are too long",
			talk: func(k *parted) { says(k.alice); k.bob.Send(append(k.bob.Packet("long"), make([]byte, 1400)...)) },
			want: []silent{{"outside", "0", "all packets rejected"}},
		},
		{
			name: "the caller sends RTP to the RTCP port",
			talk: func(k *parted) { says(k.bob); says(k.alice.To(above(only(t, k.callerSaw)))) },
			want: []silent{{"inside", "0", "all packets rejected"}},
		},
		{
			name: "the callee sends RTCP, and no RTP",
			talk: func(k *parted) { says(k.alice); k.bobRTCP.Send(k.bobRTCP.Report("bob")) },
			want: []silent{{"outside", "0", "nothing received"}},
		},
		{
			name: "the callee sends RTCP to the RTP port, and no RTP", offer: line("a=rtcp-mux\r\n"), answer: line("a=rtcp-mux\r\n"),
			talk: func(k *parted) { says(k.alice); k.bob.Send(k.bob.Report("bob")) },
			want: []silent{{"outside", "0", "nothing received"}},
		},
		{
			name: "the caller's payload type was not agreed on",
			talk: func(k *parted) { k.alice.Type = 18; good(k) },
			want: []silent{{"inside", "0", "wrong payload type"}},
		},
		{
			name: "the callee's payload type was not agreed on",
			talk: func(k *parted) { k.bob.Type = 8; good(k) },
			want: []silent{{"outside", "0", "wrong payload type"}},
		},
		{name: "one payload type was not agreed on", talk: func(k *parted) { good(k); k.alice.Type = 13; says(k.alice) }},
		{
			name: "the callee gave a name for its address", answer: address("phone.example.com"),
			talk: func(k *parted) { good(k) },
			want: []silent{{"inside", "0", "the other side's address is not known"}},
		},
		{
			name: "nothing can be sent to the callee", answer: address("255.255.255.255"),
			talk: func(k *parted) { says(k.alice) },
			want: []silent{{"inside", "0", "nothing can be sent to the other side"}, {"outside", "0", "nothing received"}},
		},
		{
			name: "the callee has no video", offer: second(video), answer: second(screen),
			talk: func(k *parted) { good(k); says(video.To(k.callerSaw.MediaAt()[1])) },
			want: []silent{{"outside", "1", "nothing received"}},
		},
		{name: "the callee has refused video", offer: second(video), answer: line("m=video 0 RTP/AVP 96\r\n"), talk: good},
		{
			name: "the caller holds", offer: line("a=sendonly\r\n"), answer: line("a=recvonly\r\n"),
			talk: func(k *parted) { says(k.alice, "music") },
			want: []silent{{"outside", "0", "held"}}, quietly: true,
		},
		{
			name: "the callee holds, the old way", answer: address("0.0.0.0"),
			talk: func(k *parted) { says(k.bob, "music") },
			want: []silent{{"inside", "0", "held"}}, quietly: true,
		},
		{
			name: "nobody sends", offer: line("a=inactive\r\n"), answer: line("a=inactive\r\n"), talk: func(*parted) {},
			want: []silent{{"inside", "0", "held"}, {"outside", "0", "held"}}, quietly: true,
		},
	}
}

func TestOneWayAudioIsNamedWithin3s(t *testing.T) {
	needsHosts(t)
	h, log := buildLogged(t, relayed)
	type call struct {
		fault
		*parted
		established time.Time
	}
	var calls []call
	for _, f := range faults(t) {
		k := &parted{talk: &talk{house: h}}
		k.alice, k.aliceRTCP = ua.HearPair(t, "127.0.0.1")
		k.bob, k.bobRTCP = ua.HearPair(t, "127.0.0.1")
		offer, answer := k.alice.Describe(), k.bob.Describe()
		if f.offer != nil {
			offer = f.offer(offer)
		}
		if f.answer != nil {
			answer = f.answer(answer)
		}
		k.connect(t, offer, answer)
		c := call{f, k, time.Now()}
		k.aliceRTCP.To(above(k.callerSaw.MediaAt()[0]))
		k.bobRTCP.To(above(k.callee.Invite.MediaAt()[0]))
		f.talk(k)
		calls = append(calls, c)
	}
	last := calls[len(calls)-1].established
	counted := map[string]uint64{}
	for _, c := range calls {
		within := max(3*time.Second-time.Since(c.established), 0)
		if c.want == nil {
			within = max(3*time.Second-time.Since(last), 0) // nothing may come
		}
		eventuallyOr(within, func() bool { return c.want != nil && len(log.unheard(c.caller.Invite.First("Call-ID"))) >= len(c.want) })
		got := log.unheard(c.caller.Invite.First("Call-ID"))
		if len(got) != len(c.want) {
			t.Errorf("%s: it is said %v, and expected %v", c.name, got, c.want)
			continue
		}
		for i, e := range got {
			is := silent{e.attrs["leg"], e.attrs["stream"], e.attrs["why"]}
			counted[is.why]++
			if is != c.want[i] {
				t.Errorf("%s: it is said %v, not %v: %v", c.name, is, c.want[i], e.attrs)
			}
			if took := e.at.Sub(c.established); took > 3*time.Second {
				t.Errorf("%s: it is said after %v", c.name, took)
			}
			if warned := e.level >= slog.LevelWarn; warned == c.quietly {
				t.Errorf("%s: it is said at level %v", c.name, e.level)
			}
		}
	}
	for why, n := range h.Media().Silent {
		if counted[why] != n {
			t.Errorf("%q is counted %d times, and was said %d times", why, n, counted[why])
		}
		delete(counted, why)
	}
	for why := range counted {
		t.Errorf("%q is not counted", why)
	}
}

// eventuallyOr waits until something is so, or the time is over.
func eventuallyOr(within time.Duration, is func() bool) {
	over := time.NewTimer(within)
	defer over.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-over.C:
			return
		}
	}
}

// What was heard before a re-INVITE says nothing of what is heard after it.
func TestOneWayAudioAfterAReInviteIsNamed(t *testing.T) {
	h, log := buildLogged(t, relayed)
	var calls []*parted
	for i := range 3 {
		k := part(t, h, "127.0.0.1", "127.0.0.1")
		says(k.alice)
		says(k.bob)
		k.heardBothWays(t, "the last word")
		k.caller.Request("INVITE", ua.Options{Body: k.alice.Describe()})
		m := h.callee.Receive()
		h.callee.Answer(m, 200, ua.Options{Body: strings.Replace(k.bob.Describe(), "RTP/AVP 0 101", "RTP/AVP 8 101", 1)})
		k.caller.Ack(k.caller.Response())
		h.callee.Receive()
		switch i {
		case 0:
			k.alice.Type = 8
			says(k.alice)
			says(k.bob)
		case 1: // still what was agreed on before
			says(k.alice)
			says(k.bob)
		case 2: // nothing any more, but RTCP
			says(k.bob)
			k.aliceRTCP.Send(k.aliceRTCP.Report("alice"))
		}
		calls = append(calls, k)
	}
	said := func(i int) string {
		for _, e := range log.unheard(calls[i].caller.Invite.First("Call-ID")) {
			return e.attrs["leg"] + ": " + e.attrs["why"]
		}
		return ""
	}
	eventuallyOr(3*time.Second, func() bool { return said(1) != "" && said(2) != "" })
	for i, want := range []string{"", "inside: wrong payload type", "inside: nothing received"} {
		if got := said(i); got != want {
			t.Errorf("of call %d it is said %q, not %q", i, got, want)
		}
	}
}
