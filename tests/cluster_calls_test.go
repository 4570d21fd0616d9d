package tests

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// Whichever node a request of a call comes to, its media are where they were.
func TestRequestsOfACallMayComeToAnyNode(t *testing.T) {
	r := newRing(t, "", all3, all3, all3)
	a, b, c := r.nodes[0], r.nodes[1], r.nodes[2]
	k := r.call(t, a)
	k.heardBothWays(t)
	for _, at := range []netip.AddrPort{k.at, k.away} {
		if at.Addr() != a.host {
			t.Errorf("media of a call by %s are at %s", a.host, at)
		}
	}
	same := func(what string, request, response ua.Message) {
		t.Helper()
		if now := only(t, request); now != k.away {
			t.Errorf("%s took the callee's stream from %s to %s", what, k.away, now)
		}
		if now := only(t, response); now != k.at {
			t.Errorf("%s took the caller's stream from %s to %s", what, k.at, now)
		}
		k.heardBothWays(t, what)
	}
	for _, n := range []*ringNode{b, c} {
		request, response := k.by(t, n, "INVITE", k.alice.Describe(), k.bob.Describe())
		k.talk.caller.Request("ACK", ua.Options{Proxy: c.inside})
		k.expect(t, "ACK")
		same("a re-INVITE", request, response)
		moved := ua.Hear(t, "127.0.0.1:0").To(k.at)
		request, response = k.by(t, n, "UPDATE", moved.Describe(), k.bob.Describe())
		k.alice = moved
		same("an UPDATE", request, response)
		k.by(t, n, "INFO", "", "")
		k.by(t, n, "OPTIONS", "", "")
	}
	// and those of the callee
	k.talk.callee.Request("INVITE", ua.Options{Proxy: b.outside, Body: k.bob.Describe()})
	request := r.caller.Receive()
	r.caller.Answer(request, 200, ua.Options{Body: k.alice.Describe()})
	response := k.talk.callee.Response()
	if only(t, request) != k.at || only(t, response) != k.away {
		t.Errorf("the callee's re-INVITE took the streams to %s and %s", only(t, request), only(t, response))
	}
	k.talk.callee.Request("ACK", ua.Options{Proxy: c.outside})
	r.caller.Receive()
	k.heardBothWays(t, "once more")

	k.bye(t, c)
	eventually(t, 5*time.Second, "the ports came back", func() bool { return a.leased() == 0 })
	for _, n := range r.nodes {
		if m := n.status(t).Media; m.Total != map[bool]uint64{true: 1}[n == a] || m.Sessions != 0 {
			t.Errorf("%s had %d calls, and has %d", n.host, m.Total, m.Sessions)
		}
	}
}

// A response may come to another node than its request has left from: it goes on, and its description is that of the call's node.
func TestAResponseMayComeToAnyNode(t *testing.T) {
	r := newRing(t, "", all3, all3, all3)
	a, c := r.nodes[0], r.nodes[2]
	k := &ringTalk{ring: r}
	k.alice, k.bob = ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.1:0")
	k.talk.caller = r.caller.Invite("sip:bob@example.com", ua.Options{Proxy: a.inside, Body: k.alice.Describe()})
	invite := r.callee.Receive()
	r.callee.Send(r.callee.Response(invite, 180, ua.Options{}).Raw, c.outside)
	if m := k.talk.caller.Response(); m.Status() != 180 || m.Source != c.inside {
		t.Fatalf("180 was expected from %s, but from %s came\n%s", c.inside, m.Source, m.Raw)
	}
	r.callee.Send(r.callee.Response(invite, 200, ua.Options{Body: k.bob.Describe()}).Raw, c.outside)
	ok := k.talk.caller.Response()
	if ok.Status() != 200 || len(ok.Vias()) != 1 || only(t, ok).Addr() != a.host {
		t.Fatalf("200 with a place at %s was expected, not\n%s", a.host, ok.Raw)
	}
	k.talk.caller.Ack(ok)
	k.expect(t, "ACK")
	k.alice.To(only(t, ok))
	k.bob.To(only(t, invite))
	k.heardBothWays(t)
	k.talk.caller.Request("BYE", ua.Options{Proxy: a.inside})
	r.callee.Send(r.callee.Response(k.expect(t, "BYE"), 200, ua.Options{}).Raw, c.outside)
	k.talk.caller.Response()
	eventually(t, 5*time.Second, "the ports came back", func() bool { return a.leased() == 0 })
	if n := r.nodes[1].status(t).Media.Total + c.status(t).Media.Total; n != 0 {
		t.Errorf("the other nodes had %d calls", n)
	}
}

// A node is killed with calls up. Their requests are served by the others, and a new offer moves the media there.
func TestCallsOfANodeThatWasKilledGoOn(t *testing.T) {
	const calls = 30
	r := newRing(t, "", all3, all3, all3)
	a, others := r.nodes[0], r.nodes[1:]
	var all []*ringTalk
	for range calls {
		k := r.call(t, a)
		k.heardBothWays(t)
		all = append(all, k)
	}
	if n := a.leased(); n != 2*calls {
		t.Fatalf("%d pairs are leased", n)
	}
	all[0].bob.Quiet(time.Second) // the journal is written behind the calls
	a.kill(t)
	killed := time.Now()
	for i, k := range all { // the first of them before the others know
		n := others[i%2]
		if i%3 == 0 {
			k.by(t, n, "INFO", "", "")
		}
		if i < calls-5 { // five stay as they are
			k.offer(t, n, others[(i+1)%2])
			if k.at.Addr() != n.host || k.away.Addr() != n.host {
				t.Errorf("media of a call whose new offer came to %s are at %s and %s", n.host, k.at, k.away)
			}
			k.heardBothWays(t, "again")
		}
	}
	t.Logf("all calls were heard again %v after their node was killed", time.Since(killed).Round(time.Millisecond))
	fresh := r.call(t, others[0])
	fresh.heardBothWays(t)
	fresh.bye(t, others[1])
	all[0].bye(t, others[0])
	r.together()
	all[1].by(t, others[0], "INFO", "", "")
	all[2].bye(t, others[0])

	a.start(r)
	r.together()
	for _, k := range all[calls-5:] {
		k.heardBothWays(t, "on the ports that it had")
		at, away := k.at, k.away
		k.offer(t, others[0], others[1])
		if k.at != at || k.away != away {
			t.Errorf("a call was at %s and %s and is at %s and %s after its node is back", at, away, k.at, k.away)
		}
		k.heardBothWays(t, "still")
		before := a.leased()
		k.bye(t, others[1])
		eventually(t, 5*time.Second, "its ports came back", func() bool { return a.leased() < before })
	}
	for i, k := range all[1 : calls-5] {
		if i != 1 { // it has ended
			k.by(t, others[i%2], "INFO", "", "")
			k.heardBothWays(t, "elsewhere")
		}
	}
	again := r.call(t, a)
	again.heardBothWays(t)
	again.bye(t, others[0])
}

// A node that hangs is not waited for longer than a retransmission takes, and is given up; when it goes on it joins again, and has its
// calls.
func TestANodeThatHangsJoinsAgain(t *testing.T) {
	r := newRing(t, "", all3, all3, all3)
	a, b, c := r.nodes[0], r.nodes[1], r.nodes[2]
	k, kept := r.call(t, a), r.call(t, a)
	k.heardBothWays(t)
	kept.heardBothWays(t)
	life := a.status(t).Cluster.Life
	if err := a.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	k.offer(t, b, c) // nobody knows yet
	if took := time.Since(asked); took > 2*time.Second {
		t.Errorf("the node that hangs was waited for %v", took)
	}
	if k.at.Addr() != b.host {
		t.Errorf("the media are at %s", k.at)
	}
	k.heardBothWays(t, "again")
	eventually(t, 10*time.Second, "it is given up", func() bool { return b.sees() == 2 && c.sees() == 2 })
	k.by(t, c, "INFO", "", "")
	if err := a.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "it has joined again", func() bool {
		s := a.status(t).Cluster
		return s != nil && s.Life != life && s.Fenced == "" && a.sees() == 3 && b.sees() == 3 && c.sees() == 3
	})
	at := kept.at
	kept.heardBothWays(t, "here")
	kept.offer(t, b, c)
	if kept.at != at {
		t.Errorf("a call was at %s and is at %s", at, kept.at)
	}
	kept.heardBothWays(t, "still")
	before := a.leased()
	kept.bye(t, c)
	eventually(t, 5*time.Second, "its ports came back", func() bool { return a.leased() == before-2 })
	fresh := r.call(t, a)
	fresh.offer(t, c, b)
	fresh.heardBothWays(t)
	fresh.bye(t, b)
}

// A node that has begun just now has not heard of the others yet. It leaves their calls where they are.
func TestANodeThatHasJustBegunLeavesCallsWhereTheyAre(t *testing.T) {
	r := newRing(t, "", all3, all3, all3)
	a, b, c := r.nodes[0], r.nodes[1], r.nodes[2]
	k := r.call(t, a)
	for range 3 {
		c.kill(t)
		k.by(t, b, "INFO", "", "")
		c.start(r)
		at, away := k.at, k.away
		k.offer(t, c, c)
		if k.at != at || k.away != away {
			t.Errorf("the media were at %s and %s and are at %s and %s", at, away, k.at, k.away)
		}
		k.heardBothWays(t, "still")
		k.talk.caller.Request("UPDATE", ua.Options{Proxy: b.inside, Body: k.alice.Describe()})
		update := k.expect(t, "UPDATE")
		c.kill(t)
		c.start(r)
		r.callee.Send(r.callee.Response(update, 200, ua.Options{Body: k.bob.Describe()}).Raw, c.outside)
		if m := k.talk.caller.Response(); m.Status() != 200 || only(t, m) != at {
			t.Errorf("the UPDATE was answered\n%s", m.Raw)
		}
	}
	k.bye(t, c)
	eventually(t, 5*time.Second, "the ports came back", func() bool { return a.leased() == 0 })
	if n := c.status(t).Media.Total; n != 0 {
		t.Errorf("it has taken %d calls to itself", n)
	}
}

// Two nodes take SIP, two others relay. A call's media are on one of these, whichever of those its requests come to.
func TestMediaMayBeOnOtherNodes(t *testing.T) {
	r := newRing(t, "", "signalling", "signalling", "media", "media")
	a, b, media := r.nodes[0], r.nodes[1], r.nodes[2:]
	var all []*ringTalk
	used := map[netip.Addr]int{}
	for i := range 12 {
		k := r.call(t, r.nodes[i%2])
		k.heardBothWays(t)
		if k.at.Addr() != k.away.Addr() || k.at.Addr() != media[0].host && k.at.Addr() != media[1].host {
			t.Fatalf("the media are at %s and %s", k.at, k.away)
		}
		used[k.at.Addr()]++
		at := k.at
		k.offer(t, r.nodes[1-i%2], a)
		if k.at != at {
			t.Errorf("a re-INVITE by another node took the media from %s to %s", at, k.at)
		}
		k.heardBothWays(t, "still")
		all = append(all, k)
	}
	if len(used) != 2 {
		t.Errorf("12 calls are on %v", used)
	}
	media[0].kill(t)
	for i, k := range all {
		was := k.at
		k.by(t, r.nodes[i%2], "INFO", "", "")
		k.offer(t, r.nodes[i%2], b)
		if was.Addr() == media[1].host && k.at != was || k.at.Addr() != media[1].host {
			t.Errorf("the media were at %s and are at %s", was, k.at)
		}
		k.heardBothWays(t, "again")
		k.bye(t, r.nodes[1-i%2])
	}
	eventually(t, 5*time.Second, "the ports came back", func() bool { return media[1].leased() == 0 })
	media[1].kill(t)
	k := r.caller.Invite("sip:bob@example.com", ua.Options{Proxy: a.inside, Body: ua.Hear(t, "127.0.0.1:0").Describe()})
	if m := k.Response(); m.Status() != 503 || m.First("Retry-After") == "" {
		t.Errorf("without a node that relays a call is answered\n%s", m.Raw)
	}
	quiet := r.caller.Invite("sip:bob@example.com", ua.Options{Proxy: b.inside})
	r.callee.Answer(r.callee.Receive(), 200, ua.Options{})
	if m := quiet.Response(); m.Status() != 200 {
		t.Errorf("a call without media is answered\n%s", m.Raw)
	}
}

// An offer may be in the answer: the node that will have the media is known before there are any.
func TestADelayedOfferByNodesThatDoNotRelay(t *testing.T) {
	r := newRing(t, "", "signalling", "signalling", "media", "media")
	for range 4 {
		alice, bob := ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.1:0")
		caller := r.caller.Invite("sip:bob@example.com", ua.Options{Proxy: r.nodes[0].inside})
		invite := r.callee.Receive()
		r.callee.Send(r.callee.Response(invite, 200, ua.Options{Body: bob.Describe()}).Raw, r.nodes[1].outside)
		ok := caller.Response()
		alice.To(only(t, ok))
		caller.Request("ACK", ua.Options{Proxy: r.nodes[1].inside, Body: alice.Describe()})
		bob.To(only(t, r.callee.Receive()))
		k := &talk{alice: alice, bob: bob}
		k.heardBothWays(t)
		caller.Request("BYE", ua.Options{Proxy: r.nodes[0].inside})
		r.callee.Answer(r.callee.Receive(), 200, ua.Options{})
		caller.Response()
	}
	eventually(t, 5*time.Second, "the ports came back", func() bool { return r.nodes[2].leased()+r.nodes[3].leased() == 0 })
}

// What the nodes do for one another leaves nothing behind.
func TestCallsByOtherNodesLeaveNothing(t *testing.T) {
	const calls = 1000
	r := newRing(t, "", all3, all3, all3)
	a, b, c := r.nodes[0], r.nodes[1], r.nodes[2]
	call := func(i int) {
		k := &ringTalk{ring: r}
		k.alice, k.bob = nil, nil
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

// A node dies, and comes back, while the others ask it without pause: what they have asked about comes to an end all the same.
func TestWhatADyingNodeWasAskedEnds(t *testing.T) {
	r := newRing(t, "", all3, all3, all3)
	a, others := r.nodes[0], r.nodes[1:]
	var calls []*ringTalk
	for range 10 {
		calls = append(calls, r.call(t, a))
	}
	used := func(n *ringNode) float64 { return n.metric("actorsip_pool_packets", `"used"`) }
	before := []float64{used(others[0]), used(others[1])}
	updates := func(count int) {
		for i := range count {
			k := calls[i%len(calls)]
			k.talk.caller.Request("UPDATE", ua.Options{Proxy: others[i%2].inside, Body: k.alice.Describe()})
		}
	}
	for range 3 {
		updates(150)
		a.kill(t)
		updates(150)
		r.callee.Pending()
		a.start(r)
		updates(150)
		r.callee.Pending()
	}
	for i, n := range others {
		eventually(t, 10*time.Second, n.host.String()+" has its packets again", func() bool { return used(n) <= before[i] && n.metric("actorsip_mailbox_depth", "") == 0 })
	}
	r.together()
	r.callee.Pending()
	r.caller.Pending()
	k := r.call(t, others[0])
	k.offer(t, others[1], a)
	k.heardBothWays(t)
	k.bye(t, a)
}

// A node that cannot be reached, or has nothing to show, does not start.
func TestANodeThatCannotJoinSaysSo(t *testing.T) {
	r := newRing(t, "", all3)
	text, err := os.ReadFile(r.nodes[0].file)
	if err != nil {
		t.Fatal(err)
	}
	other := func(from, to string) string {
		path := filepath.Join(filepath.Dir(r.nodes[0].file), "other.yaml")
		moved := regexp.MustCompile(`(udp|ws|tcp):127.0.0.11:\d+`).ReplaceAllString(string(text), "$1:127.0.0.14:0")
		write(t, path, strings.Replace(strings.Replace(moved, "journal: media.db", "journal: other.db", 1), from, to, 1))
		return path
	}
	for _, c := range []struct{ from, to, want string }{
		{"node: a", "node: z", "address already in use"},
		{"cert: ", "cert: /nowhere", "certificate"},
	} {
		out, code := actorsip(t, "serve", "--config", other(c.from, c.to))
		if code != 1 || !strings.Contains(out, c.want) || strings.Contains(out, "panic") {
			t.Errorf("exit code %d, %s", code, out)
		}
	}
}
