package tests

import (
	"net/netip"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// flowTalk is a call of a client that only one node has a connection with.
type flowTalk struct {
	*ring
	client         *ua.Phone
	on             *ua.Connection
	contact        string // of the client
	token          string // what the callee has of it
	caller, callee *ua.Call
}

// flow has a client that nobody can connect to call the callee by a node.
func (r *ring) flow(t *testing.T, transport string, by *ringNode) *flowTalk {
	t.Helper()
	k := &flowTalk{ring: r, client: ua.NewClient(t, transport), contact: behindNAT(transport)}
	at := by.door(transport)
	k.caller = k.client.Invite("sip:bob@example.com", ua.Options{Proxy: at, Contact: k.contact})
	k.on = k.client.Connection(at)
	invite := r.callee.Receive()
	k.token = ua.URI(invite.First("Contact"))
	k.callee = r.callee.Answer(invite, 200, ua.Options{})
	k.caller.Ack(k.caller.Response())
	r.callee.Receive()
	return k
}

func (n *ringNode) door(transport string) netip.AddrPort {
	if transport == "ws" {
		return n.web
	}
	return n.tcp
}

// byRoute has the callee send a request by the dialog's route, and byToken by the Contact alone, by some node.
func (k *flowTalk) byRoute(n *ringNode, method string) {
	k.callee.Request(method, ua.Options{Proxy: n.outside})
}

func (k *flowTalk) byToken(n *ringNode, method string) {
	k.ring.callee.Request(method, k.token, ua.Options{Proxy: n.outside})
}

// reached expects that a request comes over the client's connection, and that its answer comes back.
func (k *flowTalk) reached(t *testing.T, method string) {
	t.Helper()
	m := k.client.Receive()
	if m.Method() != method || m.On != k.on {
		t.Fatalf("%s was expected over the client's connection, not\n%s", method, m.Raw)
	}
	k.client.Answer(m, 200, ua.Options{Contact: k.contact})
	if m := k.ring.callee.Receive(); m.Status() != 200 || len(m.Vias()) != 1 {
		t.Fatalf("%s was answered\n%s", method, m.Raw)
	}
}

// lost expects that a request is answered 430 soon.
func (k *flowTalk) lost(t *testing.T, what string, since time.Time) {
	t.Helper()
	m := k.ring.callee.Receive()
	if m.Status() != 430 || len(m.Vias()) != 1 {
		t.Fatalf("%s: 430 was expected, not\n%s", what, m.Raw)
	}
	if took := time.Since(since); took > time.Second {
		t.Errorf("%s: 430 came after %v", what, took)
	} else {
		t.Logf("%s: 430 came after %v", what, took.Round(time.Millisecond))
	}
}

// A client is reached over its connection, whichever node a request for it comes to.
func TestAClientIsReachedByAnyNode(t *testing.T) {
	for _, transport := range []string{"tcp", "ws"} {
		t.Run(transport, func(t *testing.T) {
			r := newRing(t, "", all3, all3, all3)
			a, b, c := r.nodes[0], r.nodes[1], r.nodes[2]
			k := r.flow(t, transport, a)
			for _, n := range []*ringNode{a, b, c} {
				k.byRoute(n, "INFO")
				k.reached(t, "INFO")
				k.byToken(n, "OPTIONS")
				k.reached(t, "OPTIONS")
			}
			// a response to the client that comes to another node
			k.caller.Request("INFO", ua.Options{Proxy: a.door(transport)})
			m := r.callee.Receive()
			r.callee.Send(r.callee.Response(m, 200, ua.Options{}).Raw, c.outside)
			if m := k.caller.Response(); m.Status() != 200 || m.On != k.on {
				t.Fatalf("200 was expected over the client's connection, not\n%s", m.Raw)
			}
			// 50 at a time
			for range 50 {
				k.byToken(b, "OPTIONS")
			}
			for range 50 {
				m := k.client.Receive()
				k.client.Answer(m, 200, ua.Options{Contact: k.contact})
			}
			for range 50 {
				if m := r.callee.Receive(); m.Status() != 200 {
					t.Fatalf("OPTIONS was answered\n%s", m.Raw)
				}
			}

			gone := r.flow(t, transport, a)
			gone.on.Close()
			eventually(t, 5*time.Second, "the connection is gone", func() bool { return a.open(transport) == 1 })
			since := time.Now()
			gone.byToken(b, "OPTIONS")
			gone.lost(t, "a client that has gone, by token", since)
			since = time.Now()
			gone.byRoute(c, "INFO")
			gone.lost(t, "a client that has gone, by route", since)

			a.kill(t)
			since = time.Now()
			k.byToken(b, "OPTIONS")
			k.lost(t, "a node that was killed, by token", since)
			since = time.Now()
			k.byRoute(c, "INFO")
			k.lost(t, "a node that was killed, by route", since)
			r.together()
			since = time.Now()
			k.byToken(c, "OPTIONS")
			k.lost(t, "a node that is gone", since)
			a.start(r)
			r.together()
			since = time.Now()
			k.byToken(b, "OPTIONS")
			k.lost(t, "a node that has begun again", since)
			again := r.flow(t, transport, a)
			again.byRoute(c, "INFO")
			again.reached(t, "INFO")
		})
	}
}

// open is how many connections a leg has.
func (n *ringNode) open(transport string) int {
	for _, l := range n.status(n.t).Legs {
		if l.Connections != nil && (l.Name == "web") == (transport == "ws") {
			return l.Connections.Open
		}
	}
	return 0
}

// RFC 3327, RFC 5626 §5: the registrar behind us calls whoever has registered by one node through another one.
func TestARegisteredClientIsCalledThroughAnyNode(t *testing.T) {
	r := newRing(t, "", all3, all3, all3)
	for _, transport := range []string{"tcp", "ws"} {
		client, contact := ua.NewClient(t, transport), behindNAT(transport)
		client.Request("REGISTER", "sip:example.com", ua.Options{
			Proxy: r.nodes[0].door(transport), Contact: contact, Headers: []string{"Supported: path, outbound"}, To: "<sip:alice@example.com>",
		})
		registered := r.callee.Receive()
		r.callee.Answer(registered, 200, ua.Options{Contact: registered.First("Contact"), Headers: pathsOf(registered)})
		if m := client.Receive(); m.Status() != 200 {
			t.Fatalf("the REGISTER was answered\n%s", m.Raw)
		}
		on := client.Connection(r.nodes[0].door(transport))
		for i, n := range r.nodes {
			alice, bob := ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.1:0")
			call := r.callee.Invite(ua.URI(registered.First("Contact")), ua.Options{
				Proxy: n.outside, Headers: []string{"Route: " + registered.First("Path")}, Body: bob.Describe(),
			})
			m := client.Receive()
			if m.Method() != "INVITE" || m.On != on {
				t.Fatalf("the call was expected over the client's connection, not\n%s", m.Raw)
			}
			answered := client.Answer(m, 200, ua.Options{Contact: contact, Body: alice.Describe()})
			ok := call.Response()
			alice.To(only(t, m))
			bob.To(only(t, ok))
			if only(t, m).Addr() != n.host || only(t, ok).Addr() != n.host {
				t.Errorf("the media of a call by %s are at %s and %s", n.host, only(t, m), only(t, ok))
			}
			call.Request("ACK", ua.Options{Proxy: r.nodes[(i+1)%3].outside})
			if m := client.Receive(); m.Method() != "ACK" || m.On != on {
				t.Fatalf("the ACK was expected over the client's connection, not\n%s", m.Raw)
			}
			k := &talk{alice: alice, bob: bob}
			k.heardBothWays(t)
			answered.Request("BYE", ua.Options{Proxy: r.nodes[0].door(transport)})
			r.callee.Answer(r.callee.Receive(), 200, ua.Options{})
			if m := answered.Response(); m.Status() != 200 {
				t.Fatalf("the BYE was answered\n%s", m.Raw)
			}
			eventually(t, 5*time.Second, "the ports came back", func() bool { return n.leased() == 0 })
		}
	}
}
