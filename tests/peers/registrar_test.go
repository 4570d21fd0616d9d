package peers

import (
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/system"
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

func (a account) aor() string { return "sip:" + a.user + "@example.com" }

// proxy is the URI of the registry.
func (a account) proxy() string {
	return "sip:" + a.home.at[a.transport].String() + ";transport=" + a.transport
}

// program is one of those that others wrote.
type program struct {
	name       string
	algorithms []string // that it knows: configurations that it can register with
	refreshes  bool     // by itself, when its time is nearly up
	join       func(t *testing.T, who account) member
}

var (
	netSIP   = program{"Net::SIP", []string{"MD5", "SHA-256, MD5"}, false, joinNetSIP}
	sipp     = program{"sipp", []string{"MD5"}, false, joinSipp}
	baresipS = program{"baresip", []string{"MD5"}, true, joinBaresip}
	linphone = program{"linphonec", []string{"SHA-256", "MD5"}, true, joinLinphone}
)

// Each program calls another one, and is called by a third.
var pairs = []struct{ callee, caller program }{
	{netSIP, sipp}, {sipp, baresipS}, {baresipS, linphone}, {linphone, netSIP},
}

// A phone that nobody asks for a password registers, is called by its address of record, and leaves; then it cannot be called.
func TestPhonesRegisterAndAreCalledByTheirAddressOfRecord(t *testing.T) {
	for _, p := range pairs {
		for _, transport := range []string{"udp", "tcp"} {
			t.Run(p.callee.name+" by "+transport, func(t *testing.T) {
				t.Parallel()
				home := opened(t, "", "")
				bob := p.callee.join(t, account{user: "bob", transport: transport, home: home})
				alice := p.caller.join(t, account{user: "alice", transport: "udp", home: home})
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

// A phone with a wrong password is refused. With the right one it registers; later it does so again, and the binding is the same, and
// lasts; it calls; it leaves. Once more it registers, and dies: the binding ends with its time.
func TestPhonesShowTheirPasswordAllTheirLife(t *testing.T) {
	for _, p := range pairs {
		for i, transport := range []string{"udp", "tcp"} {
			algorithms := p.callee.algorithms[i%len(p.callee.algorithms)]
			t.Run(p.callee.name+" by "+transport+" with "+algorithms, func(t *testing.T) {
				t.Parallel()
				offered := algorithms
				if !strings.Contains(offered, "MD5") {
					offered = "SHA-256"
				}
				home := opened(t, "", asks(offered))
				stranger := p.callee.join(t, account{user: "bob", password: wrong, transport: transport, home: home})
				stranger.refused()
				stranger.vanish()
				if b := home.bindings("bob"); len(b) > 0 {
					t.Fatalf("who does not know the password is registered: %+v", b)
				}

				who := account{user: "bob", password: secret, transport: transport, home: home}
				bob := p.callee.join(t, who)
				lasts := 60
				if p.callee.refreshes {
					lasts = 3
				}
				bob.register(lasts)
				first := home.bound("bob", time.Time{})
				if first.Leg != transport {
					t.Errorf("the binding is by %s: %+v", first.Leg, first)
				}
				bob.refresh()
				second := home.bound("bob", first.Updated)
				if second.Contact != first.Contact || !second.Expires.After(first.Expires) {
					t.Errorf("the binding was %+v, and is after it was refreshed %+v", first, second)
				}
				alice := p.caller.join(t, account{user: "alice", password: secret, transport: "udp", home: home})
				if len(p.caller.algorithms) > 0 && !knows(p.caller, offered) {
					alice = netSIP.join(t, account{user: "alice", password: secret, transport: "udp", home: home})
				}
				converse(alice, bob)
				bob.leave()
				home.unbound("bob")

				bob.register(3)
				last := home.bound("bob", time.Time{})
				bob.vanish()
				home.unbound("bob")
				if early := time.Until(last.Expires); early > 0 && !p.callee.refreshes {
					t.Errorf("the binding ended %v too early", early)
				}
				alice.fails("sip:bob@example.com", "404")
				portsComeBack(t, home.sys)
			})
		}
	}
}
