package peers

import (
	"testing"
	"time"
)

// member is a program with a phone of a user: it registers him, calls, and is called.
type member interface {
	register(seconds int) // and says so when it is
	refused()             // registers, and is told that the password is wrong
	refresh()             // registers again
	leave()               // unregisters
	vanish()              // ends without a word

	ready()                // a call may come
	answered()             // it has come, and has been answered
	over()                 // it has been ended
	call(to string)        // calls, until that is answered
	hangUp()               // ends the call
	fails(to, code string) // calls, and is told that
}

// account is who a phone is of, and by what transport it speaks to whom.
type account struct {
	user, password string
	transport      string
	home           *registry
}

// proxy is the URI of the registry.
func (a account) proxy() string {
	return "sip:" + a.home.at[a.transport].String() + ";transport=" + a.transport
}

// program is one of those that others wrote.
type program struct {
	name      string
	refreshes bool // by itself, when its time is nearly up
	join      func(t *testing.T, who account) member
}

var (
	netSIP    = program{"Net::SIP", false, joinNetSIP}
	sipp      = program{"sipp", false, joinSipp}
	bareSIP   = program{"baresip", true, joinBaresip}
	linphonec = program{"linphonec", true, joinLinphonec}
)

// A phone that nobody asks for a password registers, is called by its address of record, and leaves; then it cannot be called.
func TestPhonesAreCalledByTheirAddressOfRecord(t *testing.T) {
	for _, p := range []struct{ callee, caller program }{
		{netSIP, sipp}, {sipp, bareSIP}, {bareSIP, linphonec}, {linphonec, netSIP},
	} {
		for _, transport := range []string{"udp", "tcp"} {
			t.Run(p.callee.name+" by "+transport, func(t *testing.T) {
				t.Parallel()
				home := opened(t, "", "")
				bob := p.callee.join(t, account{user: "bob", transport: transport, home: home})
				alice := p.caller.join(t, account{user: "alice", transport: transport, home: home})
				bob.register(60)
				home.bound("bob", time.Time{})
				converse(alice, bob)
				bob.leave()
				home.unbound("bob")
				alice.fails("sip:bob@example.com", "404")
				portsComeBack(t, home.sys)
			})
		}
	}
}

// A phone with a wrong password is refused. With the right one it registers; later it does so again, and the binding is the same and
// lasts longer; it is called by one who has a password too; it leaves. Once more it registers, and dies: the binding ends with its time.
func TestPhonesShowTheirPasswordAllTheirLife(t *testing.T) {
	for _, p := range []struct {
		callee, caller  program
		transport, asks string
	}{
		{netSIP, sipp, "udp", "algorithms: [MD5], uri: any"}, // sipp cannot say the URI of a re-INVITE in its credentials
		{netSIP, linphonec, "tcp", "algorithms: [SHA-256, MD5]"},
		{sipp, bareSIP, "udp", "algorithms: [MD5]"},
		{sipp, netSIP, "tcp", "algorithms: [MD5]"},
		{bareSIP, netSIP, "udp", "algorithms: [MD5]"},
		{bareSIP, sipp, "tcp", "algorithms: [MD5], uri: any"},
		{linphonec, netSIP, "udp", "algorithms: [SHA-256, MD5]"},
		{linphonec, linphonec, "tcp", "algorithms: [SHA-256]"},
	} {
		t.Run(p.callee.name+" by "+p.transport+", "+p.asks, func(t *testing.T) {
			t.Parallel()
			home := opened(t, "", asks(p.asks))
			who := account{user: "bob", password: wrong, transport: p.transport, home: home}
			stranger := p.callee.join(t, who)
			stranger.refused()
			stranger.vanish()
			if b := home.bindings("bob"); len(b) > 0 {
				t.Fatalf("who does not know the password is registered: %+v", b)
			}

			who.password = secret
			bob, lasts := p.callee.join(t, who), 60
			if p.callee.refreshes {
				lasts = 3
			}
			alice := p.caller.join(t, account{user: "alice", password: secret, transport: "udp", home: home})
			bob.register(lasts)
			first := home.bound("bob", time.Time{})
			bob.refresh()
			second := home.bound("bob", first.Updated)
			if second.Contact != first.Contact || second.Leg != p.transport || !second.Expires.After(first.Expires) {
				t.Errorf("the binding was %+v, and when it was refreshed %+v", first, second)
			}
			converse(alice, bob)
			bob.leave()
			home.unbound("bob")

			bob.register(3)
			home.bound("bob", second.Updated)
			bob.vanish()
			last := home.bindings("bob")
			home.unbound("bob")
			if len(last) == 1 && time.Now().Before(last[0].Expires) {
				t.Errorf("the binding is gone before its time: %+v", last)
			}
			alice.fails("sip:bob@example.com", "404")
			portsComeBack(t, home.sys)
		})
	}
}

// converse is a call that alice makes and ends.
func converse(alice, bob member) {
	bob.ready()
	alice.call("sip:bob@example.com")
	bob.answered()
	alice.hangUp()
	bob.over()
}
