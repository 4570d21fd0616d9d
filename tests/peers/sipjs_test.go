package peers

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// web is a SIP.js client, the proxy, and UDP phones behind it: a registrar and a callee.
//
//	SIP.js ──ws──▶ inside [ proxy ] outside ──udp──▶ registrar, bob
type web struct {
	*browser
	registrar, bob *ua.Phone
	legs           map[string]netip.AddrPort
}

// The ways in which a browser reaches the proxy.
var webs = []struct {
	transport, ip, frames string
	nobody                string // the leg may connect to
}{
	{"ws", "127.0.0.1", "text", "192.0.2.1"},
	{"ws", "[::1]", "binary", "2001:db8::1"},
	{"wss", "127.0.0.1", "text", "192.0.2.1"},
	{"wss", "[::1]", "text", "2001:db8::1"},
}

func everyWeb(t *testing.T, test func(t *testing.T, w *web)) {
	for _, way := range webs {
		t.Run(fmt.Sprintf("%s %s, %s frames", way.transport, way.ip, way.frames), func(t *testing.T) {
			secure := issue(t)
			w := &web{registrar: ua.New(t, "127.0.0.1:0"), bob: ua.New(t, "127.0.0.1:0")}
			w.legs = serve(t, []leg{
				place{way.transport, way.ip}.leg("inside", way.nobody, secure),
				{name: "outside", listen: "127.0.0.1", reach: []string{w.registrar.Addr().String(), w.bob.Addr().String()}},
			}, fmt.Sprintf("next_hops: {example.com: \"sip:%s\", bob.example.com: \"sip:%s\"}\n", w.registrar.Addr(), w.bob.Addr()))
			w.browser = browse(t, fmt.Sprintf("%s://%s", way.transport, w.legs["inside"]), "sip:alice@example.com", way.frames, secure)
			test(t, w)
		})
	}
}

// register registers the client, and gives where the registrar finds it.
func (w *web) register(t *testing.T) binding {
	t.Helper()
	w.say(`{"do": "register"}`)
	register := w.registrar.Receive()
	if register.Method() != "REGISTER" || register.Source != w.legs["outside"] {
		t.Fatalf("a REGISTER was to come from the proxy:\n%s", register)
	}
	contact := register.List("Contact")
	if len(contact) != 1 || strings.Contains(contact[0], ".invalid") {
		t.Fatalf("the Contact was to be one that leads to the proxy:\n%s", register)
	}
	headers := []string{"Expires: 600"}
	for _, path := range register.Header("Path") {
		headers = append(headers, "Path: "+path)
	}
	w.registrar.Answer(register, 200, ua.Options{Contact: contact[0] + ";expires=600", Headers: headers})
	w.hears("registered")
	if got, own := w.got("REGISTER"), w.sent("REGISTER").First("Contact"); ua.URI(got.First("Contact")) != ua.URI(own) {
		t.Fatalf("SIP.js was to find its own Contact %s in\n%s", own, got)
	}
	return binding{ua.URI(contact[0]), register.List("Path")}
}

// binding is how a registrar reaches who has registered.
type binding struct {
	contact string
	path    []string
}

// invites sends bob's INVITE to the client.
func (w *web) invites(b binding) *ua.Call {
	w.t.Helper()
	o := ua.Options{Proxy: w.legs["outside"], Body: description}
	if len(b.path) > 0 {
		o.Headers = []string{"Route: " + strings.Join(b.path, ", ")}
	}
	return w.bob.Invite(b.contact, o)
}

// callBack has bob call the client, and gives his side of the call.
func (w *web) callBack(t *testing.T, b binding) *ua.Call {
	t.Helper()
	call := w.invites(b)
	e := w.hears("invited")
	if own := ua.URI(w.sent("REGISTER").First("Contact")); e.URI != own {
		t.Fatalf("the INVITE was to be for SIP.js's own Contact %s, not for %s", own, e.URI)
	}
	w.say(`{"do": "accept"}`)
	call.Ack(final(call))
	w.hears("acknowledged")
	return call
}

const description = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4002 RTP/AVP 0\r\n"

// calls has the client call bob, and gives his side.
func (w *web) calls(t *testing.T) *ua.Call {
	t.Helper()
	w.say(`{"do": "call", "to": "sip:bob@bob.example.com"}`)
	invite := w.bob.Receive()
	if invite.Method() != "INVITE" || invite.Source != w.legs["outside"] || strings.Contains(invite.First("Contact"), ".invalid") {
		t.Fatalf("SIP.js's INVITE was to come from the proxy, with a Contact that leads there:\n%s", invite)
	}
	w.bob.Answer(invite, 180, ua.Options{})
	bob := w.bob.Answer(invite, 200, ua.Options{Body: description})
	if ack := w.bob.Receive(); ack.Method() != "ACK" || ack.RequestURI() != w.bob.URI() {
		t.Fatalf("SIP.js's ACK was to be for bob's own Contact:\n%s", ack)
	}
	w.hears("answered")
	return bob
}

// changes has the client change the session.
func (w *web) changes(t *testing.T, bob *ua.Call) {
	t.Helper()
	w.say(`{"do": "change"}`)
	again := w.bob.Receive()
	if again.Method() != "INVITE" || ua.Param(again.First("To"), "tag") == "" {
		t.Fatalf("a re-INVITE was to come:\n%s", again)
	}
	bob.Learn(again)
	w.bob.Answer(again, 200, ua.Options{Body: description})
	w.hears("changed")
	if ack := w.bob.Receive(); ack.Method() != "ACK" || ack.CSeq() != again.CSeq() {
		t.Fatalf("the ACK of the re-INVITE was to come:\n%s", ack)
	}
}

// hangsUp has the client end the call.
func (w *web) hangsUp(t *testing.T) {
	t.Helper()
	w.say(`{"do": "bye"}`)
	bye := w.bob.Receive()
	if bye.Method() != "BYE" || bye.RequestURI() != w.bob.URI() {
		t.Fatalf("SIP.js's BYE was to be for bob's own Contact:\n%s", bye)
	}
	w.bob.Answer(bye, 200, ua.Options{})
	w.hears("hung up")
}

// isChanged has bob change the session.
func (w *web) isChanged(t *testing.T, bob *ua.Call) {
	t.Helper()
	bob.Request("INVITE", ua.Options{Body: description})
	ok := final(bob)
	if ok.Status() != 200 || ok.CSeq() != bob.Invite.CSeq() {
		t.Fatalf("SIP.js was to accept the re-INVITE:\n%s", ok)
	}
	bob.Ack(ok)
	w.hears("acknowledged")
}

// isHungUp has bob end the call.
func (w *web) isHungUp(t *testing.T, bob *ua.Call) {
	t.Helper()
	bob.Bye()
	if ok := bob.Response(); ok.Status() != 200 || ok.Method() != "BYE" {
		t.Fatalf("SIP.js was to answer the BYE:\n%s", ok)
	}
	w.hears("hung up by the peer")
}

// A client in a browser registers through the proxy, calls a UDP phone, and is called back over the connection that it has
// opened, which alone leads to it.
func TestSIPjsRegistersCallsAndIsCalledBackOverItsFlow(t *testing.T) {
	everyWeb(t, func(t *testing.T, w *web) {
		at := w.register(t)

		bob := w.calls(t)
		w.changes(t, bob)
		w.isChanged(t, bob)
		w.hangsUp(t)
		w.isHungUp(t, w.calls(t))

		bob = w.callBack(t, at)
		w.isChanged(t, bob)
		w.changes(t, bob)
		w.isHungUp(t, bob)
		w.callBack(t, at)
		w.hangsUp(t)

		invite := w.got("INVITE")
		if via := invite.Vias()[0]; !strings.HasPrefix(via, w.sent("REGISTER").Vias()[0][:len("SIP/2.0/WS")]) {
			t.Errorf("the Via of what came to SIP.js is %s", via)
		}
		for _, of := range []ua.Message{invite, w.sent("INVITE")} {
			routes := of.RecordRoutes()
			if len(routes) > 0 && !slices.ContainsFunc(routes, func(r string) bool { return strings.Contains(r, "transport=ws") }) {
				t.Errorf("no Record-Route says that SIP.js is on a WebSocket: %q", routes)
			}
		}
	})
}

// What SIP.js and browsers send to keep a connection open is answered: empty lines, and ping frames.
func TestSIPjsKeepsItsConnectionOpen(t *testing.T) {
	everyWeb(t, func(t *testing.T, w *web) {
		w.hears("ping")
		w.hears("pong")
		w.say(`{"do": "ping", "data": "are you there"}`)
		if e := w.hears("pong frame"); e.Data != "are you there" {
			t.Errorf("the pong has %q", e.Data)
		}
	})
}

// A call outlives the connection of the client: when it has connected and registered again, it goes on with the call, and
// is found where it is now.
func TestSIPjsGoesOnAfterItsConnectionBroke(t *testing.T) {
	everyWeb(t, func(t *testing.T, w *web) {
		w.register(t)
		bob := w.calls(t)
		w.say(`{"do": "break"}`)
		w.hears("disconnected")
		w.say(`{"do": "connect"}`)
		w.hears("connected")
		at := w.register(t)
		w.changes(t, bob) // its Contact leads to the new connection
		w.isHungUp(t, bob)
		w.isHungUp(t, w.callBack(t, at))
	})
}

// timer1 is when a request that was not answered is sent again (RFC 3261 §17.1.1.1).
const timer1 = 500 * time.Millisecond

// A call for a client whose connection is gone is refused at once, and not sent to whoever has the address now.
func TestACallForABrowserThatIsGoneIsRefused(t *testing.T) {
	everyWeb(t, func(t *testing.T, w *web) {
		at := w.register(t)
		w.say(`{"do": "break"}`)
		w.hears("disconnected")
		call := w.invites(at)
		refusal, came := w.bob.Next(timer1)
		for range 5 { // the first one may meet a connection whose end nobody has heard of
			if came {
				break
			}
			w.bob.Send(call.Invite.Raw, w.legs["outside"])
			refusal, came = w.bob.Next(timer1)
		}
		if refusal.Status() != 430 { // RFC 5626 §5.3
			t.Fatalf("the answer was to be that the flow has failed:\n%s", refusal)
		}
	})
}

// A refusal and its ACK go through, either way.
func TestSIPjsRefusesAndIsRefused(t *testing.T) {
	everyWeb(t, func(t *testing.T, w *web) {
		at := w.register(t)
		call := w.invites(at)
		w.hears("invited")
		w.say(`{"do": "refuse", "code": 486}`)
		refusal := final(call)
		if refusal.Status() != 486 {
			t.Fatalf("SIP.js was to refuse:\n%s", refusal)
		}
		call.Ack(refusal)
		w.hears("in") // the ACK
		if ack := w.got("ACK"); ack.Branch() != w.got("INVITE").Branch() {
			t.Fatalf("the ACK was to have the branch of its INVITE:\n%s", ack)
		}

		w.say(`{"do": "call", "to": "sip:bob@bob.example.com"}`)
		invite := w.bob.Receive()
		w.bob.Answer(invite, 603, ua.Options{})
		if ack := w.bob.Receive(); ack.Method() != "ACK" || ack.Branch() != invite.Branch() {
			t.Fatalf("SIP.js's ACK was to have the branch of its INVITE:\n%s", ack)
		}
	})
}
