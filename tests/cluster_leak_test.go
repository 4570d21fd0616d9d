package tests

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// What the nodes do for one another leaves nothing behind.
func TestCallsByOtherNodesLeaveNothing(t *testing.T) {
	const calls = 1000
	r := newRing(t, "", all3, all3, all3)
	a, b, c := r.nodes[0], r.nodes[1], r.nodes[2]
	call := func(i int) {
		k := &ringTalk{ring: r}
		body := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
		k.talk.caller = r.caller.Invite("sip:bob@example.com", ua.Options{Proxy: a.inside, Body: body})
		invite := r.callee.Receive()
		if i%10 == 0 { // refused, by another node
			r.callee.Send(r.callee.Response(invite, 486, ua.Options{Body: body}).Raw, b.outside)
			if m := k.talk.caller.Response(); m.Status() != 486 {
				t.Fatalf("486 was expected, not\n%s", m.Raw)
			}
			return
		}
		r.callee.Send(r.callee.Response(invite, 200, ua.Options{Body: body}).Raw, c.outside)
		ok := k.talk.caller.Response()
		if only(t, ok).Addr() != a.host {
			t.Fatalf("the media are not at %s:\n%s", a.host, ok.Raw)
		}
		k.talk.caller.Request("ACK", ua.Options{Proxy: b.inside})
		k.expect(t, "ACK")
		k.by(t, b, "INVITE", body, body)
		k.talk.caller.Request("ACK", ua.Options{Proxy: c.inside})
		k.expect(t, "ACK")
		k.bye(t, c)
	}
	const first = 200
	for i := range first {
		call(i)
	}
	type state struct{ sessions, leased, packets, waiting, goroutines, lost float64 }
	now := func(n *ringNode) state {
		return state{
			float64(n.status(t).Media.Sessions), float64(n.leased()), n.metric("actorsip_pool_packets", `"used"`), n.metric("actorsip_mailbox_depth", ""),
			n.metric("go_goroutine_count", ""), n.metric("actorsip_dead_letters_total", ""),
		}
	}
	settled := func() bool { return a.leased()+b.leased()+c.leased() == 0 }
	eventually(t, 10*time.Second, "the ports came back", settled)
	var before []state
	for _, n := range r.nodes {
		now(n) // this opens a connection or two itself
		before = append(before, now(n))
	}
	start := time.Now()
	for i := range calls {
		call(i)
	}
	t.Logf("%d calls took %v", calls, time.Since(start).Round(time.Millisecond))
	eventually(t, 10*time.Second, "the ports came back", settled)
	for i, n := range r.nodes {
		was := before[i]
		asItWas := func() bool {
			is := now(n)
			return is.sessions == 0 && is.packets <= was.packets && is.waiting == 0 && is.goroutines <= was.goroutines+4
		}
		for deadline := time.Now().Add(10 * time.Second); !asItWas(); <-time.After(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("%s is not as it was", n.host)
				break
			}
		}
		t.Logf("%s was %+v and is %+v; it has taken %d messages", n.host, was, now(n), n.status(t).Cluster.Taken)
		for room, count := range n.status(t).Restarts {
			t.Errorf("%s was restarted %d times", room, count)
		}
	}
	if n := a.status(t).Media; n.Refused != 0 || n.Total != calls+first {
		t.Errorf("%d calls had media, %d were refused", n.Total, n.Refused)
	}
	if n := b.status(t).Media.Total + c.status(t).Media.Total; n != 0 {
		t.Errorf("the other nodes had %d calls", n)
	}
	// and one after the other leaves in order
	for i, n := range r.nodes {
		if err := n.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := n.Wait(); err != nil {
			t.Errorf("%s left with %v", n.host, err)
		}
		isEmpty(t, filepath.Join(filepath.Dir(n.file), "media.db"))
		for _, other := range r.nodes[i+1:] {
			eventually(t, time.Second, "the others know", func() bool { return other.sees() == len(r.nodes)-1-i })
		}
	}
}
