package peers

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

// since is what a phone has said from its line n on.
func (m *netsipMember) since(n int) string { return strings.Join(m.lines[n:], "\n") }

// Net::SIP's 08_register_with_auth and 18_register_with_auth_step_by_step: two who know their passwords register the same user, the
// realm being none of his domain; a challenge that was answered late is as good as a fresh one; where nobody is asked, no password is
// shown.
func TestNetSIPRegistersWithAChallengeOfBefore(t *testing.T) {
	for _, ask := range []struct{ asked, free string }{{"udp", "tcp"}, {"tcp", "udp"}} {
		t.Run(ask.asked, func(t *testing.T) {
			t.Parallel()
			home := opened(t, "", "chain:\n  - authorize: {legs: ["+ask.asked+"], methods: [REGISTER], realm: example.com, users: {file: \"{users}\"}}\n")
			me := netsipJoins(t, account{user: "me", transport: ask.asked, home: home})
			me.say("register 60")
			me.until("^in 401 REGISTER$")
			me.until("^refused 401$")
			if b := home.bindings("me"); len(b) > 0 {
				t.Fatalf("who shows no password is registered: %+v", b)
			}

			me.say("as wolf " + secret)
			before := len(me.lines)
			me.say("retry 60")
			me.until("^registered 60$")
			if said := me.since(before); !strings.Contains(said, "asked by example.com") || strings.Contains(said, "in 401") {
				t.Errorf("a challenge of before was to be enough:\n%s", said)
			}
			first := home.bound("me", time.Time{})

			me.say("as 007 " + secret)
			before = len(me.lines)
			me.register(60)
			if said := me.since(before); !strings.Contains(said, "in 401 REGISTER\nasked by example.com\nin 200 REGISTER") {
				t.Errorf("a REGISTER without credentials was to be asked for some:\n%s", said)
			}
			home.bound("me", first.Updated)

			me.say("as nobody " + wrong)
			me.say("register 60")
			me.until("^refused 401$")
			home.bound("me", first.Updated) // is as it was

			noauth := netsipJoins(t, account{user: "noauth", password: wrong, transport: ask.free, home: home})
			before = len(noauth.lines)
			noauth.register(60)
			if said := noauth.since(before); strings.Contains(said, "asked by") {
				t.Errorf("nobody was to be asked here:\n%s", said)
			}
			home.bound("noauth", time.Time{})
		})
	}
}

// Net::SIP's 17_call_with_reinvite_and_auth, with the proxy in place of the callee asking for passwords: for the INVITE, and for the
// re-INVITE of either side.
func TestNetSIPShowsItsPasswordForEachINVITE(t *testing.T) {
	for _, transports := range [][2]string{{"udp", "udp"}, {"udp", "tcp"}, {"tcp", "udp"}, {"tcp", "tcp"}} {
		t.Run(transports[0]+" to "+transports[1], func(t *testing.T) {
			t.Parallel()
			home := opened(t, "", asks("algorithms: [SHA-256, MD5]"))
			alice := netsipJoins(t, account{user: "alice", password: secret, transport: transports[0], home: home})
			bob := netsipJoins(t, account{user: "bob", password: secret, transport: transports[1], home: home})
			bob.register(60)
			alice.say("call sip:bob@example.com")
			alice.until("^in 407 INVITE$")
			alice.until("^asked by example.com$")
			alice.until("^in 200 INVITE$")
			alice.until("^established$")
			bob.answered()
			for _, side := range []*netsipMember{alice, bob} {
				side.say("reinvite")
				side.until("^in 407 INVITE$")
				side.until("^asked by example.com$")
				side.until("^in 200 INVITE$")
				side.until("^session change: OK$")
			}
			alice.hangUp()
			bob.over()

			stranger := netsipJoins(t, account{user: "alice", password: wrong, transport: transports[0], home: home})
			stranger.fails("sip:bob@example.com", "407")
			other := netsipJoins(t, account{user: "carol", password: secret, transport: transports[0], home: home})
			other.say("as alice " + secret)
			other.fails("sip:bob@example.com", "403")
		})
	}
}

// Net::SIP's 25_register_tcp_timeout, with the proxy as the one that cannot connect: a phone is told in time.
func TestNetSIPIsToldThatTheRegistrarCannotBeReachedByTCP(t *testing.T) {
	full := unaccepting(t)
	at := serve(t, []leg{
		{name: "tcp", transport: "tcp", listen: "127.0.0.1"},
		{name: "registrar", transport: "tcp", listen: "127.0.0.1", reach: []string{full.String()}},
	}, fmt.Sprintf("next_hops: {\"*\": \"sip:%s;transport=tcp\"}\nstreams: {connect: 500ms}\n", full))
	me := netsipJoins(t, account{user: "me", password: secret, transport: "tcp", home: &registry{at: at}})
	start := time.Now()
	me.say("register 60")
	me.until("^in 503 REGISTER$")
	me.until("^refused 503$")
	if took := time.Since(start); took < 400*time.Millisecond || took > 5*time.Second {
		t.Errorf("the phone was told after %v, and a connection may take half a second", took)
	}
}

// unaccepting is an address where connections are neither taken nor refused: SYN goes unanswered.
func unaccepting(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	at := freePort(t, "127.0.0.1")
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		conn, err := net.DialTimeout("tcp", at.String(), 300*time.Millisecond)
		if err != nil {
			return at
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Skip("this system takes connections that nobody has accepted")
	return at
}
