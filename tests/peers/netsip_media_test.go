package peers

import (
	"fmt"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/actorsip/actorsip/system"
)

// talk is one of Net::SIP's own tests that are about media, played by Net::SIP phones through a relay.
type talk struct {
	scenario
	check func(t *testing.T, k *told)
}

// told is what came of a talk.
type told struct {
	caller, callee report
	relayed        *ledger
	media          system.MediaStatus
}

// words is how many a phone says of a kind (Media.pm).
const words = 50

var talks = []talk{
	{
		scenario{
			"04_call_with_rtp, 05_call_with_stateless_proxy", "echo",
			[]string{"^in 200 INVITE$", "^bye answered$"},
			[]string{"^in INVITE .* vias={outside},{caller}$", "^established$", "^in BYE ", "^over$"},
		},
		func(t *testing.T, k *told) {
			k.echoed(t, "hello 0", words)
			for _, leg := range []string{"inside", "outside"} {
				if f := k.relayed.from(leg, 0); f.packets != words || f.lost+f.late+f.rejected != 0 {
					t.Errorf("the relay counted %+v, of %d packets", f, words)
				}
			}
		},
	},
	{
		scenario{
			"06_call_with_reinvite", "moved",
			[]string{"^in 200 INVITE$", "^in INVITE .* vias={inside},{callee}$", "^in ACK ", "^in BYE ", "^over$"},
			[]string{"^in INVITE ", "^in ACK ", "^in 200 INVITE$", "^moved: OK$", "^bye answered$"},
		},
		func(t *testing.T, k *told) {
			if n := k.callee.heard["before 0"]; n < words {
				t.Errorf("the callee heard %d packets before it moved", n)
			}
			k.echoedBack(t, "moved 0", words)
			k.stays(t)
		},
	},
	{
		scenario{
			"07_call_on_hold", "held",
			[]string{"^in 200 INVITE$", "^in INVITE ", "^in ACK ", "^in INVITE ", "^in ACK ", "^in BYE ", "^over$"},
			[]string{"^in INVITE ", "^in ACK ", "^in 200 INVITE$", "^held: OK$", "^in 200 INVITE$", "^resumed: OK$", "^bye answered$"},
		},
		func(t *testing.T, k *told) {
			if k.callee.said["held 0"] != words || k.caller.heard["held 0"] != words || k.callee.heard["held 0"] != 0 {
				t.Errorf("on hold the callee said %d, the caller heard %d, %d came back: none was to come back",
					k.callee.said["held 0"], k.caller.heard["held 0"], k.callee.heard["held 0"])
			}
			k.echoedBack(t, "resumed 0", words)
			k.stays(t)
			if hold := k.caller.saw[1].MediaAt()[0].Addr(); !hold.IsUnspecified() { // behind the answer, the first re-INVITE
				t.Errorf("the hold reached the caller as %s", hold)
			}
		},
	},
	{
		scenario{
			"19_call_with_dtmf", "dtmf",
			[]string{"^in 200 INVITE$", "^bye answered$"},
			[]string{"^in INVITE ", "^established$", "^over$"},
		},
		func(t *testing.T, k *told) { k.pressed(t, "1 2 D # 3 4 B *") },
	},
	{
		scenario{
			"20_channel_on_hold, 21_channel_on_hold_stateless_proxy", "channels",
			[]string{"^in 200 INVITE$", "^bye answered$"},
			[]string{"^in INVITE ", "^established$", "^over$"},
		},
		func(t *testing.T, k *told) {
			for _, way := range []struct {
				from, to    *report
				name        string
				heard, held []int
			}{
				{&k.caller, &k.callee, "caller", []int{0, 1, 3}, []int{2}},
				{&k.callee, &k.caller, "callee", []int{0, 2, 3}, []int{1}},
			} {
				for _, c := range way.heard {
					kind := fmt.Sprintf("%s %d", way.name, c)
					if said, heard := way.from.said[kind], way.to.heard[kind]; said != words || heard != words {
						t.Errorf("channel %d: the %s said %d, %d were heard", c, way.name, said, heard)
					}
				}
				for _, c := range way.held {
					if n := way.from.said[fmt.Sprintf("%s %d", way.name, c)]; n != 0 {
						t.Errorf("channel %d is on hold, and the %s said %d", c, way.name, n)
					}
				}
			}
		},
	},
	{
		scenario{
			"22_stateless_proxy_ack_on_error", "fails",
			[]string{"^in 504 INVITE$", "^final 504$"},
			[]string{"^in INVITE hops=69 branch=(\\S+) ", "^in ACK hops=69 branch=$1 ", "^over$"},
		},
		func(t *testing.T, k *told) {
			if n := k.media.Ended["failed"]; n != 1 || k.media.Total != 1 {
				t.Errorf("%d of %d sessions ended as failed", n, k.media.Total)
			}
		},
	},
	{
		scenario{
			"24_dtmf_audio", "tones",
			[]string{"^in 200 INVITE$", "^bye answered$"},
			[]string{"^in INVITE ", "^established$", "^over$"},
		},
		func(t *testing.T, k *told) { k.pressed(t, "0 1 2 3 4 5 6 7 8 9 A B C D * #") },
	},
	{
		scenario{
			"24_dtmf_audio in G.711 A-law", "pcma_tones",
			[]string{"^in 200 INVITE$", "^bye answered$"},
			[]string{"^in INVITE ", "^established$", "^over$"},
		},
		func(t *testing.T, k *told) { k.pressed(t, "0 1 2 3 4 5 6 7 8 9 A B C D * #") },
	},
}

func TestNetSIPPhonesTalkThroughTheRelay(t *testing.T) {
	for _, site := range []struct{ phones, inside, outside string }{
		{"127.0.0.1", "127.0.0.2", "127.0.0.3"},
		{"[::1]", "[::1]", "[::1]"}, // a loopback has one address of IPv6
	} {
		for _, k := range talks {
			t.Run(k.t+"/"+site.phones, func(t *testing.T) {
				t.Parallel()
				k.converse(t, site.phones, site.inside, site.outside)
			})
		}
	}
}

// converse plays the scenario, and checks what holds of all of them: a phone sees nothing of the other one's media, and all
// ports come back.
func (k talk) converse(t *testing.T, phones, inside, outside string) {
	relayed := &ledger{}
	var sys *system.System
	caller, callee := k.through(t, place{"udp", phones}, place{"udp", phones}, func(callerAt, calleeAt string) (at map[string]netip.AddrPort) {
		sys, at = begin(t, []leg{
			{name: "inside", listen: inside, reach: []string{callerAt}},
			{name: "outside", listen: outside, reach: []string{calleeAt}},
		}, fmt.Sprintf("next_hops: {\"*\": \"sip:%s\"}\n"+relay, calleeAt), system.Options{Log: slog.New(relayed)})
		return at
	})
	portsComeBack(t, sys)
	of := &told{caller: read(t, caller), callee: read(t, callee), relayed: relayed, media: *sys.Media()}
	of.caller.sees(t, "the caller", inside)
	of.callee.sees(t, "the callee", outside)
	if n := of.caller.odd + of.callee.odd; n > 0 && of.caller.keys+of.callee.keys == "" { // tones and events are no words
		t.Errorf("%d packets came that nobody sent", n)
	}
	if !t.Failed() {
		k.check(t, of)
	}
	if t.Failed() {
		t.Logf("relay %+v\n%+v\ncaller\n%s\n\ncallee\n%s", relayed.flows, of.media, caller.said(), callee.said())
	}
}

// relay is a configuration with a relay that gives ports back soon, where they come from, and a log that says what was
// relayed.
const relay = "media: {relay: true, journal: \"off\", closed: 100ms, ports: 20000-29999}\nlog: {level: debug}\n"
