package tests

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// parted is a call whose caller has its media at an address of its own.
type parted struct {
	*talk
	callerSaw          ua.Message // the answer to the INVITE
	aliceRTCP, bobRTCP *ua.Sound
}

// away is an address at which nobody is: what a phone behind NAT says of itself.
const away = "10.99.99.9"

// part sets up a call. The caller's media are at an address, and its description says another one.
func part(t testing.TB, h *house, at, says string) *parted {
	t.Helper()
	k := &parted{talk: &talk{house: h}}
	k.alice, k.aliceRTCP = ua.HearPair(t, at)
	k.bob, k.bobRTCP = ua.HearPair(t, "127.0.0.1")
	k.connect(t, strings.ReplaceAll(k.alice.Describe(), at, says), k.bob.Describe())
	k.aliceRTCP.To(above(only(t, k.callerSaw)))
	k.bobRTCP.To(above(only(t, k.callee.Invite)))
	return k
}

// connect sets up a call with these descriptions.
func (k *parted) connect(t testing.TB, offer, answer string) {
	t.Helper()
	k.caller = k.house.caller.Invite("sip:bob@example.com", ua.Options{Proxy: k.Addr("inside"), Body: offer})
	k.accept(t, answer)
}

// accept has the callee take the call that the caller makes.
func (k *parted) accept(t testing.TB, answer string) {
	t.Helper()
	invite := k.house.callee.Receive()
	k.bob.To(invite.MediaAt()[0])
	k.callee = k.house.callee.Answer(invite, 200, ua.Options{Body: answer})
	k.callerSaw = k.caller.Response()
	k.alice.To(k.callerSaw.MediaAt()[0])
	k.caller.Ack(k.callerSaw)
	if m := k.house.callee.Receive(); m.Method() != "ACK" {
		t.Fatalf("the callee expected the ACK, not\n%s", m.Raw)
	}
}

// settle has both ends talk until both are heard for good: whoever nothing speaks for has to prove itself, and is doubted
// for a second.
func (k *parted) settle(t testing.TB) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i, inARow := 0, 0; inARow < 8; i++ {
		if i == 100 {
			t.Fatal("after two seconds the ends do not hear one another")
		}
		<-tick.C
		word := fmt.Sprintf("word %d ", i)
		k.alice.Say(word)
		k.bob.Say(word)
		if k.came(k.alice, word) && k.came(k.bob, word) {
			inARow++
		} else {
			inARow = 0
		}
	}
}

// came tells whether an end hears a word soon; what came before it is forgotten.
func (k *parted) came(at *ua.Sound, word string) bool {
	for deadline := time.Now().Add(15 * time.Millisecond); ; {
		b, _, came := at.Next(time.Until(deadline))
		if !came {
			return false
		}
		if len(b) > 12 && bytes.HasPrefix(b[12:], []byte(word)) {
			return true
		}
	}
}

func above(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), a.Port()+1) }

// speak has both ends talk, n packets each; whatever else is heard meanwhile fails the test.
func (k *talk) speak(t testing.TB, n int) {
	t.Helper()
	for range n {
		a, b := k.alice.Packet("alice"), k.bob.Packet("bob")
		k.alice.Send(a)
		k.bob.HearsBytes(a)
		k.bob.Send(b)
		k.alice.HearsBytes(b)
	}
}

// stranger is somebody who knows the ports of a call.
type stranger struct {
	name      string
	rtp, rtcp *ua.Sound
}

// strangers want the caller's media, and to be heard in the caller's place: from another host, from the caller's own, and
// from the callee's.
func (k *parted) strangers(t testing.TB, hosts ...string) (all []stranger) {
	for _, host := range hosts {
		rtp, rtcp := ua.HearPair(t, host)
		rtp.To(only(t, k.callerSaw))
		rtcp.To(above(only(t, k.callerSaw)))
		all = append(all, stranger{host, rtp, rtcp})
	}
	return all
}

// spray sends all that a stranger can think of: a stream of its own, the caller's with other sequence numbers and with the right ones,
// RTCP, a DTLS handshake, and what is nothing at all.
func (s *stranger) spray(like *ua.Sound) {
	for range 8 {
		s.rtp.Say("stranger")
	}
	own, sequence := s.rtp.SSRC, s.rtp.Sequence
	s.rtp.SSRC, s.rtp.Sequence = like.SSRC, like.Sequence+9000
	for range 8 {
		s.rtp.Say("in disguise")
	}
	s.rtp.Sequence = like.Sequence
	for range 8 {
		s.rtp.Say("in good disguise")
	}
	s.rtp.Send(s.rtp.Report("stranger"))
	s.rtcp.Send(s.rtcp.Report("stranger"))
	s.rtp.Send(clientHello)
	s.rtcp.Send(clientHello)
	s.rtp.Send([]byte("\r\n"))
	s.rtp.SSRC, s.rtp.Sequence = own, sequence
}

// clientHello begins as a DTLS handshake does (RFC 6347 §4.1).
var clientHello = append([]byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 1, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 8}, make([]byte, 8)...)

// unheard fails the test when a stranger was told anything, or anybody heard more than was said.
func (k *parted) unheard(t testing.TB, all []stranger) {
	t.Helper()
	for _, s := range all {
		if n, m := s.rtp.Pending(), s.rtcp.Pending(); n+m > 0 {
			t.Errorf("a stranger at %s got %d packets of RTP and %d of RTCP", s.name, n, m)
		}
	}
	for _, end := range []*ua.Sound{k.alice, k.aliceRTCP, k.bob, k.bobRTCP} {
		if n := end.Pending(); n > 0 {
			t.Errorf("%d packets were injected to %s", n, end.Addr())
		}
	}
}

// needsHosts skips the test where only one address of loopback is there.
func needsHosts(t testing.TB) {
	conn, err := net.ListenPacket("udp", "127.0.0.2:0")
	if err != nil {
		t.Skip("the kernel has 127.0.0.1 only: sudo ifconfig lo0 alias 127.0.0.2, and so on to 127.0.0.99")
	}
	conn.Close()
}

// The caller's phone is at 127.0.0.1.
func TestAStrangerIsNotHeardAndGetsNothing(t *testing.T) {
	needsHosts(t)
	for _, c := range []struct {
		name, at, says string
		strangers      []string
		before         bool // they may try before the phone has said anything
	}{
		{"it is where it says", "127.0.0.1", "127.0.0.1", []string{"127.0.0.77", "127.0.0.78"}, true},
		{"it is where it says, strangers on its host", "127.0.0.1", "127.0.0.1", []string{"127.0.0.1", "127.0.0.77"}, false},
		{"behind NAT", "127.0.0.1", away, []string{"127.0.0.77", "127.0.0.78", "127.0.0.1"}, false},
		{"behind NAT, and apart from its SIP", "127.0.0.55", away, []string{"127.0.0.77", "127.0.0.55"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t, v4, v4, relayed, nil)
			k := part(t, h, c.at, c.says)
			all := k.strangers(t, c.strangers...)
			if c.before {
				for i := range all {
					all[i].spray(k.alice)
				}
				k.bob.Say("is anybody there?")
				k.alice.Hears("is anybody there?")
				k.unheard(t, all)
			}
			k.settle(t)
			k.aliceRTCP.Send(k.aliceRTCP.Report("alice"))
			k.bobRTCP.HearsBytes(k.aliceRTCP.Report("alice"))
			for range 10 {
				k.speak(t, 2)
				for i := range all {
					all[i].spray(k.alice)
				}
				k.bobRTCP.Send(k.bobRTCP.Report("bob"))
				k.aliceRTCP.HearsBytes(k.bobRTCP.Report("bob"))
				k.aliceRTCP.Send(k.aliceRTCP.Report("alice"))
				k.bobRTCP.HearsBytes(k.aliceRTCP.Report("alice"))
			}
			k.speak(t, 2)
			k.unheard(t, all)
		})
	}
}

// Nothing is learned of a phone with a public address: if it is not there, nobody is.
func TestNobodyTakesThePlaceOfAPublicAddress(t *testing.T) {
	needsHosts(t)
	h := build(t, v4, v4, relayed, nil)
	k := part(t, h, "127.0.0.1", "203.0.113.9") // what goes there the kernel does not take: it would leave loopback
	all := k.strangers(t, "127.0.0.77", "127.0.0.1")
	for range 20 {
		for i := range all {
			all[i].spray(k.alice)
		}
		k.bob.Say("bob")
		k.bobRTCP.Send(k.bobRTCP.Report("bob"))
	}
	k.bob.Say("barrier")
	eventually(t, time.Second, "the relay has dealt with all of it", func() bool { return k.alice.Pending() == 0 && k.bob.Pending() == 0 })
	k.unheard(t, all)
}

// Strangers race with the phone from the first moment on. They send ten times as fast.
func TestAStrangerGetsAtMostFivePacketsWhileLearning(t *testing.T) {
	needsHosts(t)
	for _, c := range []struct {
		name, at, says string
		strangers      []string
	}{
		{"it is where it says", "127.0.0.1", "127.0.0.1", []string{"127.0.0.77", "127.0.0.78", "127.0.0.1"}},
		{"behind NAT", "127.0.0.1", away, []string{"127.0.0.77", "127.0.0.78"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t, v4, v4, relayed, nil)
			k := part(t, h, c.at, c.says)
			all := k.strangers(t, c.strangers...)
			tick := time.NewTicker(2 * time.Millisecond)
			defer tick.Stop()
			for i := range 400 {
				<-tick.C
				for j := range all {
					all[j].rtp.Say("stranger")
				}
				switch { // the phones speak every 20 ms
				case i < 100 && i%10 == 9:
					k.bob.Say("bob")
					k.alice.Say("alice")
				case i == 100:
					k.heardBothWays(t, "learned")
					for _, s := range all {
						n := s.rtp.Pending()
						t.Logf("the stranger at %s got %d packets", s.name, n)
						if n > 5 {
							t.Errorf("while learning, the stranger at %s got %d packets", s.name, n)
						}
					}
				case i%10 == 9:
					k.speak(t, 1)
				}
			}
			k.unheard(t, all)
		})
	}
}

// A stranger that was first gives way to the phone: one that nothing speaks for however late, one on its host while it is learned.
func TestAStrangerThatWasFirstGivesWay(t *testing.T) {
	needsHosts(t)
	for _, c := range []struct {
		name, at, says, stranger string
		first                    int // packets of the stranger
	}{
		{"it is where it says, the stranger on its host", "127.0.0.1", "127.0.0.1", "127.0.0.1", 50},
		{"behind NAT", "127.0.0.1", away, "127.0.0.77", 300},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t, v4, v4, relayed, nil)
			k := part(t, h, c.at, c.says)
			s := k.strangers(t, c.stranger)[0]
			for i := range c.first {
				s.rtp.Say("stranger")
				if i >= 4 { // the fifth in a row is proof enough
					k.bob.Hears("stranger")
				}
			}
			k.speak(t, 3)
			s.rtp.Say("stranger")
			k.speak(t, 3)
			k.unheard(t, []stranger{s})
		})
	}
}

// Somebody nothing speaks for has to prove itself; nobody keeps it from that by being many.
func TestManyStrangersDoNotKeepThePhoneFromBeingHeard(t *testing.T) {
	needsHosts(t)
	h := build(t, v4, v4, relayed, nil)
	k := part(t, h, "127.0.0.55", away)
	var many []stranger
	for range 20 {
		many = append(many, k.strangers(t, "127.0.0.77")...)
	}
	for i := range 50 {
		many[i%len(many)].rtp.Say("stranger")
		k.alice.Say("alice")
		if b, _, came := k.bob.Next(5 * time.Millisecond); came {
			if !bytes.HasPrefix(b[12:], []byte("alice")) {
				t.Fatalf("a stranger was heard first: %q", b[12:22])
			}
			t.Logf("heard with packet %d", i+1)
			return
		}
	}
	t.Error("50 packets in a row were not enough to be heard")
}

func TestWhatIsNoRTPDoesNotPass(t *testing.T) {
	h := build(t, v4, v4, relayed, nil)
	k := part(t, h, "127.0.0.1", "127.0.0.1")
	k.speak(t, 3)
	for _, b := range [][]byte{
		{0x80},
		k.alice.Packet("short")[:11],
		append(k.alice.Packet("long"), make([]byte, 9000-172)...),
		versioned(k.alice.Packet("version 0"), 0),
		versioned(k.alice.Packet("version 1"), 1),
		versioned(k.alice.Packet("version 3"), 3),
		append([]byte{0x80, 0, 0x21, 0x12}, make([]byte, 4)...),
		[]byte("OPTIONS sip:x SIP/2.0\r\n\r\n"),
		{},
	} {
		k.alice.Send(b)
		k.aliceRTCP.Send(b)
		k.speak(t, 2)
	}
	k.unheard(t, nil)
}

func versioned(b []byte, version byte) []byte {
	b[0] = b[0]&0x3f | version<<6
	return b
}

// A phone that goes on from another port, as behind a NAT that has forgotten it, or from another address.
func TestAPhoneThatMovesIsHeardWithin200ms(t *testing.T) {
	needsHosts(t)
	for _, c := range []struct {
		name, at, says, to string
	}{
		{"it is where it says, to another port", "127.0.0.1", "127.0.0.1", "127.0.0.1"},
		{"behind NAT, to another port", "127.0.0.1", away, "127.0.0.1"},
		{"behind NAT, to another address", "127.0.0.1", away, "127.0.0.56"},
		{"behind NAT and apart from its SIP, to another port", "127.0.0.55", away, "127.0.0.55"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t, v4, v4, relayed, nil)
			k := part(t, h, c.at, c.says)
			k.settle(t)
			s := k.strangers(t, "127.0.0.77")[0]
			for round := range 3 {
				k.speak(t, 3)
				before := k.alice
				k.alice = ua.Hear(t, c.to+":0").To(only(t, k.callerSaw))
				k.alice.SSRC, k.alice.Sequence = before.SSRC, before.Sequence
				began := time.Now()
				tick := time.NewTicker(20 * time.Millisecond)
				for heard := false; !heard; <-tick.C {
					s.rtp.Say("stranger")
					k.alice.Say("moved")
					b, _, came := k.bob.Next(5 * time.Millisecond)
					if heard = came; came && !bytes.HasPrefix(b[12:], []byte("moved")) {
						t.Fatalf("the callee heard %q", b[12:22])
					}
					if took := time.Since(began); took > 200*time.Millisecond {
						t.Fatalf("not heard %v after it has moved", took)
					}
				}
				tick.Stop()
				t.Logf("round %d: heard after %v", round, time.Since(began))
				k.settle(t)
				k.speak(t, 3)
				if n := before.Pending(); n > 0 {
					t.Errorf("%d packets went where it had been", n)
				}
			}
			k.unheard(t, []stranger{s})
		})
	}
}

// A phone that said a public address is not followed to another one.
func TestAPublicPhoneDoesNotMoveToAnotherHost(t *testing.T) {
	needsHosts(t)
	h := build(t, v4, v4, relayed, nil)
	k := part(t, h, "127.0.0.1", "127.0.0.1")
	k.speak(t, 3)
	s := k.strangers(t, "127.0.0.77")[0]
	s.rtp.SSRC, s.rtp.Sequence = k.alice.SSRC, k.alice.Sequence
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 20 { // it is quiet for long enough
		s.rtp.Say("thief")
		<-tick.C
	}
	k.bob.Say("bob")
	k.alice.Hears("bob")
	k.unheard(t, []stranger{s})
}

// public is the address that a phone has in a network of its own.
const public = "203.0.113.9"

const namespaced = "ACTORSIP_TEST_NAMESPACE"

// In a network of its own, everything is loopback: the phone can be at a public address.
func TestRTPBleedAtAPublicAddress(t *testing.T) {
	if os.Getenv(namespaced) == "" {
		inANamespace(t)
		return
	}
	h := build(t, v4, v4, relayed, nil)
	k := part(t, h, public, public)
	all := k.strangers(t, "127.0.0.1", "127.0.0.77", "203.0.113.10")
	for range 10 {
		for i := range all {
			all[i].spray(k.alice)
		}
		k.bob.Say("bob")
		k.alice.Hears("bob")
		k.bobRTCP.Send(k.bobRTCP.Report("bob"))
		k.aliceRTCP.HearsBytes(k.bobRTCP.Report("bob"))
	}
	k.unheard(t, all)
	for range 10 {
		k.speak(t, 5)
		for i := range all {
			all[i].spray(k.alice)
		}
	}
	k.speak(t, 1)
	k.unheard(t, all)
}

// inANamespace runs the test again, in a network namespace that has nothing but loopback, with the public addresses on it.
func inANamespace(t *testing.T) {
	unshare, err := exec.LookPath("unshare")
	if err == nil {
		_, err = exec.LookPath("ip")
	}
	if err != nil {
		t.Skip("a network namespace is made with unshare and ip, of Debian's util-linux and iproute2: ", err)
	}
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	prepare := "ip link set lo up && ip addr add 203.0.113.9/32 dev lo && ip addr add 203.0.113.10/32 dev lo"
	if out, err := exec.Command(unshare, "-rn", "sh", "-c", prepare).CombinedOutput(); err != nil {
		t.Skipf("no network namespace can be made here: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), unshare, "-rn", "sh", "-c", prepare+" && exec "+fmt.Sprintf("%q", self)+
		" -test.run '^"+t.Name()+"$' -test.timeout 60s")
	cmd.Env = append(os.Environ(), namespaced+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("in the namespace: %v\n%s", err, out)
	}
}
