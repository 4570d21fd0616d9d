package peers

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// kamailioCall is a caller, the proxy, Kamailio behind it, and a callee behind that.
//
//	alice ──▶ inside [ proxy ] outside ──▶ kamailio (tm, record_route) ──▶ bob
type kamailioCall struct {
	alice, bob *ua.Phone
	legs       map[string]netip.AddrPort
	kamailio   netip.AddrPort
}

func startKamailio(t *testing.T) *kamailioCall {
	t.Helper()
	k := &kamailioCall{
		alice:    ua.New(t, "127.0.0.1:0"),
		bob:      ua.New(t, "127.0.0.1:0"),
		kamailio: freePort(t, "127.0.0.1"),
	}
	template, err := os.ReadFile("kamailio/kamailio.cfg")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := strings.NewReplacer("LISTEN", k.kamailio.String(), "CALLEE", k.bob.Addr().String()).Replace(string(template))
	file := filepath.Join(dir, "kamailio.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	program := spawn(t, dir, "kamailio", "-f", file, "-DD", "-E", "-m", "64", "-M", "8",
		"-Y", dir, "-w", dir, "-P", filepath.Join(dir, "pid"))
	awake(t, k.kamailio, program)
	k.legs = serve(t, []leg{
		{name: "inside", listen: "127.0.0.1", reach: []string{k.alice.Addr().String()}},
		{name: "outside", listen: "127.0.0.1", reach: []string{k.kamailio.String(), k.bob.Addr().String()}},
	}, fmt.Sprintf("next_hops: {\"*\": \"sip:%s\"}\n", k.kamailio))
	return k
}

// awake asks Kamailio until it answers.
func awake(t *testing.T, at netip.AddrPort, program *child) {
	t.Helper()
	phone := ua.New(t, "127.0.0.1:0")
	for range 100 {
		phone.Request("OPTIONS", "sip:"+at.String(), ua.Options{})
		if _, came := phone.Next(100 * time.Millisecond); came {
			return
		}
	}
	t.Fatalf("Kamailio does not answer:\n%s", program.said())
}

// invite sends alice's INVITE and receives it at bob's.
func (k *kamailioCall) invite(t *testing.T) (call *ua.Call, at ua.Message) {
	t.Helper()
	call = k.alice.Invite("sip:bob@example.com", ua.Options{Proxy: k.legs["inside"]})
	at = k.bob.Receive()
	if at.Method() != "INVITE" || at.Source != k.kamailio {
		t.Fatalf("the INVITE was to come from Kamailio:\n%s", at)
	}
	return call, at
}

// final is alice's next final response; what is provisional is passed over.
func final(call *ua.Call) ua.Message {
	for {
		if m := call.Response(); m.Status() >= 200 {
			return m
		}
	}
}

func TestACallThroughKamailioFollowsBothRouteSets(t *testing.T) {
	k := startKamailio(t)
	call, invite := k.invite(t)

	var hops []string
	for _, route := range invite.RecordRoutes() {
		hops = append(hops, strings.SplitN(strings.TrimPrefix(ua.URI(route), "sip:"), ";", 2)[0])
	}
	if want := []string{k.kamailio.String(), k.legs["outside"].String(), k.legs["inside"].String()}; !slices.Equal(hops, want) {
		t.Fatalf("the Record-Route names %q, not %q", hops, want)
	}

	k.bob.Answer(invite, 180, ua.Options{})
	callee := k.bob.Answer(invite, 200, ua.Options{})
	call.Ack(final(call))
	ack := k.bob.Receive()
	if ack.Method() != "ACK" || ack.Source != k.kamailio || ack.RequestURI() != k.bob.URI() || len(ack.Routes()) > 0 {
		t.Fatalf("the ACK was to come by Kamailio, to bob's own Contact:\n%s", ack)
	}

	callee.Request("INFO", ua.Options{}) // from bob to alice
	info := k.alice.Receive()
	if info.Source != k.legs["inside"] || info.RequestURI() != k.alice.URI() || len(info.Routes()) > 0 || len(info.Vias()) != 3 {
		t.Fatalf("bob's INFO was to come by Kamailio and the proxy, to alice's own Contact:\n%s", info)
	}
	k.alice.Answer(info, 200, ua.Options{})
	if ok := k.bob.Receive(); ok.Status() != 200 || ok.Method() != "INFO" {
		t.Fatalf("the 200 of bob's INFO:\n%s", ok)
	}

	call.Bye()
	bye := k.bob.Receive()
	if bye.Method() != "BYE" || bye.RequestURI() != k.bob.URI() {
		t.Fatalf("alice's BYE:\n%s", bye)
	}
	k.bob.Answer(bye, 200, ua.Options{})
	if ok := call.Response(); ok.Status() != 200 || ok.Method() != "BYE" {
		t.Fatalf("the 200 of alice's BYE:\n%s", ok)
	}
}

// A CANCEL has the branch of its INVITE at every hop, or Kamailio finds nothing to cancel (RFC 3261 §16.11).
func TestACancelFindsItsInviteAtKamailio(t *testing.T) {
	k := startKamailio(t)
	call, invite := k.invite(t)
	k.bob.Answer(invite, 180, ua.Options{})
	k.alice.Until(func(m ua.Message) bool { return m.Status() == 180 })

	call.Cancel()
	cancel := k.bob.Receive()
	if cancel.Method() != "CANCEL" || cancel.Branch() != invite.Branch() {
		t.Fatalf("Kamailio was to cancel the INVITE:\n%s", cancel)
	}
	k.bob.Answer(cancel, 200, ua.Options{})
	k.bob.Answer(invite, 487, ua.Options{})
	refusal, _ := k.alice.Until(func(m ua.Message) bool { return m.Status() == 487 })
	call.Ack(refusal)
	if ack := k.bob.Receive(); ack.Method() != "ACK" || ack.Branch() != invite.Branch() {
		t.Fatalf("Kamailio's own ACK:\n%s", ack)
	}
	k.refusalIsOver(t)
}

// A retransmission finds the transaction of the first INVITE, and the ACK of a refusal ends it: both by the branch.
func TestARetransmissionAndTheAckOfARefusalFindTheirTransactionAtKamailio(t *testing.T) {
	k := startKamailio(t)
	call, invite := k.invite(t)
	k.bob.Answer(invite, 180, ua.Options{})
	k.alice.Until(func(m ua.Message) bool { return m.Status() == 180 })

	for range 3 {
		k.alice.Send(call.Invite.Raw, k.legs["inside"])
		if m := call.Response(); m.Status() != 180 {
			t.Fatalf("Kamailio was to repeat the 180 to a retransmission:\n%s", m)
		}
	}
	k.bob.Answer(invite, 486, ua.Options{})
	if ack := k.bob.Receive(); ack.Method() != "ACK" || ack.Branch() != invite.Branch() {
		t.Fatalf("after the refusal nothing but Kamailio's ACK was to come:\n%s", ack)
	}
	call.Ack(final(call))
	k.refusalIsOver(t)
}

// refusalIsOver fails the test when Kamailio sends its refusal again, as it does after 0.5 s and then after 1 s until an
// ACK with the branch of the INVITE has come, or when anything more comes to the callee.
func (k *kamailioCall) refusalIsOver(t *testing.T) {
	t.Helper()
	k.alice.In(t).Quiet(1200 * time.Millisecond)
	k.bob.In(t).Quiet(time.Millisecond)
}
