package tests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

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
			if h := k.at.Addr(); h != k.away.Addr() || h != others[0].host && h != others[1].host {
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
	if h := k.at.Addr(); h != b.host && h != c.host {
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
