package tests

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/actorsip/actorsip/journal"
	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/ua"
)

// relaying is a configuration file for a proxy with media, which keeps its journal beside it.
func relaying(t testing.TB, caller, callee *ua.Phone, media string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "actorsip.yaml")
	write(t, path, `
legs:
  - {name: inside, listen: "udp:127.0.0.1:`+freePort(t)+`", reach: ["`+caller.Addr().String()+`"]}
  - {name: outside, listen: "udp:127.0.0.1:`+freePort(t)+`", reach: ["`+callee.Addr().String()+`"]}
next_hops: {"*": "sip:`+callee.Addr().String()+`"}
admin: {listen: "127.0.0.1:0"}
media: {relay: true`+media+`}
`)
	return path
}

// kill ends a process as the kernel does when memory runs out.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait()
}

// status is what /status says.
func (p *process) status(t testing.TB) (s system.Status) {
	t.Helper()
	resp, err := http.Get(p.admin + "/status")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// portsOut is how many pairs of ports a process has leased.
func (p *process) portsOut(t testing.TB) (n int) {
	for _, pool := range p.status(t).Media.Ports {
		n += pool.Leased
	}
	return n
}

// endsEmpty waits until a process has no call left, ends it in order, and looks into its journal.
func (p *process) endsEmpty(t testing.TB, configFile string) {
	t.Helper()
	eventually(t, 10*time.Second, "all ports came back", func() bool { return p.portsOut(t) == 0 && p.status(t).Media.Sessions == 0 })
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatalf("it left with %v", err)
	}
	isEmpty(t, filepath.Join(filepath.Dir(configFile), "media.db"))
}

// isEmpty looks into a journal that nobody writes.
func isEmpty(t testing.TB, path string) {
	t.Helper()
	j, err := journal.Open(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for id, text := range j.All() {
		t.Errorf("the journal still has the call %s: %s", id, text)
	}
}

// The process is killed with 200 calls up. The next one has them all, on the same ports, and nobody has to say a word.
func TestCallsAreHeardAgainAfterKill9(t *testing.T) {
	const calls = 200
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	path := relaying(t, caller, callee, ", ports: 6000-7999")
	p := serve(t, path)
	board := connect(t, p.inside, p.outside, caller, callee)
	flow := &traffic{t: t}
	for range calls {
		flow.pair()
	}
	var up sync.WaitGroup
	up.Add(calls)
	restarted, over := make(chan struct{}), make(chan struct{})
	hangUp := sync.OnceFunc(func() { close(restarted) })
	defer hangUp()
	go func() {
		defer close(over)
		all(t, calls, func(i int) error {
			once := sync.OnceFunc(up.Done)
			defer once()
			return board.play(func(c *conversation) {
				c.setUp(flow.ends[2*i], flow.ends[2*i+1])
				once()
				<-restarted
				c.bye(near, far, c.calls[near])
			})
		})
	}()
	up.Wait()
	quiet := make(chan struct{})
	done := flow.flow(100*time.Millisecond, quiet)
	eventually(t, 10*time.Second, "everybody hears everybody", func() bool { return flow.deaf(3, make([]uint32, 2*calls)) == 0 })

	messages := board.heard.Load()
	p.kill(t)
	said := flow.marks()
	p = serve(t, path)
	ready := time.Now()
	if r, err := http.Get(p.admin + "/readyz"); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("it says it is ready, and /readyz says %v, %v", r, err)
	} else {
		r.Body.Close()
	}
	for deadline := ready.Add(10 * time.Second); flow.deaf(1, said) > 0; <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d ends do not hear their peers; the new process says %+v", flow.deaf(1, said), len(flow.ends), p.status(t).Media)
		}
	}
	took := time.Since(ready)
	t.Logf("%d calls were heard both ways %v after the new process was ready", calls, took.Round(time.Millisecond))
	if took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	if n, now := p.status(t).Written, board.heard.Load(); n != 0 || now != messages {
		t.Errorf("%d SIP messages were sent, %d came to the phones", n, now-messages)
	}
	if n := p.portsOut(t); n != 2*calls {
		t.Errorf("%d pairs are leased", n)
	}
	close(quiet)
	done()
	for _, e := range flow.ends {
		if n := e.foreign.Load() + e.again.Load(); n > 0 {
			t.Errorf("end %d heard %d packets that are not its own, or not from where its call was", e.number, n)
		}
	}
	hangUp()
	<-over
	p.endsEmpty(t, path)
}

// marks is how many packets each end has said.
func (f *traffic) marks() (said []uint32) {
	for _, e := range f.ends {
		said = append(said, e.sent.Load())
	}
	return said
}

// deaf is how many ends have not heard the n-th packet that their peer has said after those marks.
func (f *traffic) deaf(n uint32, marks []uint32) (deaf int) {
	for _, e := range f.ends {
		if e.heard.Load() < marks[e.peer.number]+n {
			deaf++
		}
	}
	return deaf
}

// quietTalk is a call through a process, whose ends say a word when they are told.
type quietTalk struct {
	talk
	proxy *process
}

// call sets up a call; what the caller's description says is written by describe.
func (p *process) call(t testing.TB, caller, callee *ua.Phone, describe func(alice *ua.Sound) string) *quietTalk {
	t.Helper()
	k := &quietTalk{proxy: p}
	k.house = &house{caller: caller, callee: callee}
	k.alice, k.bob = ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.1:0")
	k.caller = caller.Invite("sip:bob@example.com", ua.Options{Proxy: p.inside, Body: describe(k.alice)})
	invite := callee.Receive()
	k.bob.To(only(t, invite))
	k.callee = callee.Answer(invite, 200, ua.Options{Body: k.bob.Describe()})
	ok := k.caller.Response()
	k.alice.To(only(t, ok))
	k.caller.Ack(ok)
	callee.Receive()
	return k
}

func plain(s *ua.Sound) string { return s.Describe() }

// journalled waits until what was learned is in the journal: a session looks once a second, and the disk is soon told.
func (k *quietTalk) journalled(t testing.TB) {
	t.Helper()
	k.bob.Quiet(1500 * time.Millisecond)
}

// A phone behind NAT is heard where its packets came from, though the next process has never heard it.
func TestALearnedSourceSurvivesKill9(t *testing.T) {
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	path := relaying(t, caller, callee, "")
	p := serve(t, path)
	k := p.call(t, caller, callee, func(s *ua.Sound) string {
		return strings.ReplaceAll(s.Describe(), "IN IP4 127.0.0.1", "IN IP4 10.11.12.13") // nobody is there
	})
	k.heardBothWays(t, "from", "elsewhere")
	k.journalled(t)
	p.kill(t)
	p = serve(t, path)
	k.bob.Say("do you hear me")
	k.alice.Hears("do you hear me")
	k.heardBothWays(t, "yes")
	bye(t, k.caller, callee)
	p.endsEmpty(t, path)
}

// A stranger who sends first does not take the place of a source that was learned.
func TestAStrangerGainsNothingByKill9(t *testing.T) {
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	path := relaying(t, caller, callee, "")
	p := serve(t, path)
	k := p.call(t, caller, callee, plain)
	k.heardBothWays(t)
	k.journalled(t)
	p.kill(t)
	serve(t, path)
	stranger := ua.Hear(t, "127.0.0.2:0")
	stranger.To(k.aliceSendsTo(t))
	for range 20 {
		stranger.Say("it is me")
	}
	k.bob.Quiet(200 * time.Millisecond)
	k.bob.Say("for alice only")
	k.alice.Hears("for alice only")
	stranger.Quiet(100 * time.Millisecond)
	k.heardBothWays(t)
}

// aliceSendsTo is the relay's port on the caller's leg: what bob says comes from there.
func (k *quietTalk) aliceSendsTo(t testing.TB) netip.AddrPort {
	k.bob.Say("where")
	return k.alice.Hears("where")
}

// A call on hold is still there, one that had ended is not, and one that begins with a pause is not taken for silent.
func TestEachCallIsAsItWasAfterKill9(t *testing.T) {
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	path := relaying(t, caller, callee, ", unused: 2s, silent: 2s, closed: 100ms")
	p := serve(t, path)
	held, slow, ended := p.call(t, caller, callee, plain), p.call(t, caller, callee, plain), p.call(t, caller, callee, plain)
	for _, k := range []*quietTalk{held, slow, ended} {
		k.heardBothWays(t)
	}
	held.caller.Request("INVITE", ua.Options{Body: held.alice.Describe("a=sendonly", "")})
	callee.Answer(callee.Receive(), 200, ua.Options{Body: held.bob.Describe("a=recvonly", "")})
	held.caller.Ack(held.caller.Response())
	callee.Receive()
	bye(t, ended.caller, callee)
	for at := time.Now(); time.Since(at) < 3*time.Second || p.status(t).Media.Sessions != 2; { // longer than silence may last
		slow.alice.Say("on and on")
		slow.bob.Hears("on and on")
		slow.bob.Quiet(200 * time.Millisecond)
	}
	p.kill(t)
	p = serve(t, path)
	slow.bob.Quiet(1200 * time.Millisecond)
	if n := p.status(t).Media.Sessions; n != 2 {
		t.Errorf("%d calls are there, not the one on hold and the one that pauses", n)
	}
	slow.heardBothWays(t, "as I said")
	slow.bob.Quiet(1500 * time.Millisecond)
	slow.heardBothWays(t)
	held.alice.Say("music")
	held.bob.Hears("music")
	bye(t, held.caller, callee)
	bye(t, slow.callee, caller)
	p.endsEmpty(t, path)
}

// A call that rings while the process is killed is answered through the next one, with the ports that the callee was told.
func TestACallThatRingsSurvivesKill9(t *testing.T) {
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	path := relaying(t, caller, callee, "")
	p := serve(t, path)
	k := &talk{house: &house{caller: caller, callee: callee}, alice: ua.Hear(t, "127.0.0.1:0"), bob: ua.Hear(t, "127.0.0.1:0")}
	k.caller = caller.Invite("sip:bob@example.com", ua.Options{Proxy: p.inside, Body: k.alice.Describe()})
	invite := callee.Receive()
	k.bob.To(only(t, invite))
	callee.Answer(invite, 180, ua.Options{})
	k.caller.Response()
	callee.Quiet(200 * time.Millisecond)
	p.kill(t)
	p = serve(t, path)
	k.callee = callee.Answer(invite, 200, ua.Options{Body: k.bob.Describe()})
	ok := k.caller.Response()
	k.alice.To(only(t, ok))
	k.caller.Ack(ok)
	callee.Receive()
	k.heardBothWays(t)
	bye(t, k.caller, callee)
	p.endsEmpty(t, path)
}
