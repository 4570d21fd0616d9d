package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/tests/ua"
)

// behindNAT are the Contacts of clients that nobody can connect to, by where they are: a name that does not exist, as browsers have it
// (RFC 7118 §5.2), or an address of another network.
func behindNAT(transport string) string {
	if strings.HasPrefix(transport, "ws") {
		return "" // that of the phone itself
	}
	return "<sip:alice@10.255.255.1:5099;transport=" + transport + ">"
}

// clients has a test run for each kind of client, calling through a house whose other leg is UDP.
func clients(t *testing.T, o options, test func(t *testing.T, h *bridge, contact string)) {
	for _, transport := range []string{"tcp", "tls", "ws", "wss"} {
		t.Run(transport, func(t *testing.T) {
			o.client = true
			test(t, between(t, place{transport, v4}, place{"udp", v4}, o), behindNAT(transport))
		})
	}
}

// Token and Record-Route lead back over the client's own connection; either of them alone does.
func TestAClientIsCalledBackOverItsConnection(t *testing.T) {
	for _, rewrite := range []string{"crossing", "always", "never"} {
		t.Run(rewrite, func(t *testing.T) {
			clients(t, options{top: "contact: {rewrite: " + rewrite + "}\n"}, func(t *testing.T, h *bridge, contact string) {
				caller := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Contact: contact})
				on := h.caller.Connection(h.Addr("inside"))
				invite := h.callee.Receive()
				callee := h.callee.Answer(invite, 200, ua.Options{})
				caller.Ack(caller.Response())
				h.callee.Receive()

				callee.Request("INVITE", ua.Options{})
				m := h.caller.Receive()
				if want := ua.URI(caller.Invite.First("Contact")); m.Method() != "INVITE" || m.On != on || m.RequestURI() != want {
					t.Fatalf("the re-INVITE for %s was expected over the client's connection, not\n%s", want, m.Raw)
				}
				h.caller.Answer(m, 200, ua.Options{Contact: contact})
				callee.Ack(callee.Response())
				if m := h.caller.Receive(); m.Method() != "ACK" || m.On != on {
					t.Fatalf("the ACK was expected, not\n%s", m.Raw)
				}
				if rewrite != "never" { // who has the Contact and no route
					h.callee.Request("OPTIONS", ua.URI(invite.First("Contact")), ua.Options{})
					if m := h.caller.Receive(); m.Method() != "OPTIONS" || m.On != on {
						t.Fatalf("the OPTIONS was expected, not\n%s", m.Raw)
					} else {
						h.caller.Answer(m, 200, ua.Options{Contact: contact})
						h.callee.Receive()
					}
				}
				bye(t, callee, h.caller)
				if st := connections(t, h.System, "inside"); st.Accepted != 1 || st.Dialed != 0 {
					t.Errorf("one connection was enough: %+v", st)
				}
			})
		})
	}
}

// register has a client register at the registrar behind the proxy, and gives what came there.
func (h *bridge) register(t *testing.T, contact string, headers ...string) ua.Message {
	t.Helper()
	h.caller.Request("REGISTER", "sip:example.com", ua.Options{
		Proxy: h.Addr("inside"), Contact: contact, Headers: headers, To: "<sip:alice@example.com>",
	})
	m := h.callee.Receive()
	h.callee.Answer(m, 200, ua.Options{Contact: m.First("Contact"), Headers: pathsOf(m)})
	if r := h.caller.Receive(); r.Status() != 200 {
		t.Fatalf("the REGISTER was answered\n%s", r.Raw)
	}
	return m
}

func pathsOf(m ua.Message) (lines []string) {
	for _, v := range m.Header("Path") {
		lines = append(lines, "Path: "+v)
	}
	return lines
}

// RFC 3327, RFC 5626 §5: who registers through us is called by the registrar over the connection that he has opened.
func TestARegisteredClientIsCalledOverItsFlow(t *testing.T) {
	for _, c := range []struct {
		name, rewrite, supported string
		path, ob                 bool
	}{
		{"path and outbound", "never", "Supported: path, outbound", true, true},
		{"path alone", "never", "Supported: path", true, false},
		{"path, and a token", "crossing", "Supported: outbound, path", true, true},
		{"a token alone", "crossing", "Supported: gruu", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			clients(t, options{top: "contact: {rewrite: " + c.rewrite + "}\n"}, func(t *testing.T, h *bridge, contact string) {
				registered := h.register(t, contact, c.supported)
				on := h.caller.Connection(h.Addr("inside"))
				path := registered.List("Path")
				if (len(path) == 1) != c.path || c.path && strings.Contains(path[0], ";ob") != c.ob {
					t.Fatalf("the Path is %q", path)
				}
				o := ua.Options{Proxy: h.Addr("outside")}
				for _, p := range path {
					o.Headers = append(o.Headers, "Route: "+p)
				}
				call := h.callee.Invite(ua.URI(registered.First("Contact")), o)
				m := h.caller.Receive()
				if m.Method() != "INVITE" || m.On != on || len(m.Routes()) > 0 {
					t.Fatalf("the call was expected over the client's connection, not\n%s", m.Raw)
				}
				client := h.caller.Answer(m, 200, ua.Options{Contact: contact})
				call.Ack(call.Response())
				if m := h.caller.Receive(); m.Method() != "ACK" || m.On != on {
					t.Fatalf("the ACK was expected, not\n%s", m.Raw)
				}
				bye(t, client, h.callee)
			})
		})
	}
}

// Two clients of one leg, neither of which can be connected to, call one another; in their dialog only we know the way.
func TestTwoClientsOfOneLegCallEachOther(t *testing.T) {
	for _, bySpiral := range []bool{false, true} {
		name := "by the other's Path"
		if bySpiral {
			name = "through their registrar"
		}
		t.Run(name, func(t *testing.T) {
			clients(t, options{top: "contact: {rewrite: crossing}\n"}, func(t *testing.T, h *bridge, contact string) {
				other := h.another(t)
				path := "Route: " + other.register(t, strings.Replace(contact, "alice", "carol", 1), "Supported: path, outbound").First("Path")
				carol := "sip:carol@" + strings.Repeat("c", 8) + ".invalid"
				o := ua.Options{Proxy: h.Addr("inside"), Contact: contact}
				if !bySpiral {
					o.Headers = []string{path}
				}
				call := h.caller.Invite(carol, o)
				if bySpiral {
					invite := h.callee.Receive()
					h.callee.Send(forwardedBy(h.callee, invite, path), h.Addr("outside"))
				}
				m := other.caller.Receive()
				if m.Method() != "INVITE" {
					t.Fatalf("the INVITE was expected, not\n%s", m.Raw)
				}
				called := other.caller.Answer(m, 200, ua.Options{Contact: strings.Replace(contact, "alice", "carol", 1)})
				if bySpiral {
					h.callee.Send(brought(h.callee.Receive()), h.Addr("outside"))
				}
				call.Ack(call.Response())
				if m := other.caller.Receive(); m.Method() != "ACK" {
					t.Fatalf("the ACK was expected, not\n%s", m.Raw)
				}
				called.Request("INFO", ua.Options{})
				if m := h.caller.Receive(); m.Method() != "INFO" || m.On != h.caller.Connection(h.Addr("inside")) {
					t.Fatalf("the INFO was expected, not\n%s", m.Raw)
				} else {
					h.caller.Answer(m, 200, ua.Options{Contact: contact})
				}
				if r := called.Response(); r.Status() != 200 {
					t.Fatalf("the INFO was answered\n%s", r.Raw)
				}
				bye(t, call, other.caller)
			})
		})
	}
}

// another is the house with another client for a caller, on the same leg.
func (h *bridge) another(t *testing.T) *bridge {
	t.Helper()
	same := *h
	same.caller = h.client(t)
	return &same
}

// forwardedBy is a request as a proxy forwards it that stays out of the dialog.
func forwardedBy(by *ua.Phone, m ua.Message, lines ...string) []byte {
	start, rest, _ := strings.Cut(string(m.Raw), "\r\n")
	rest = strings.Replace(rest, "Max-Forwards: 69\r\n", "Max-Forwards: 68\r\n", 1)
	via := "Via: SIP/2.0/UDP " + by.Addr().String() + ";branch=z9hG4bK" + m.First("Call-ID") + "x"
	return []byte(strings.Join(append([]string{start, via}, lines...), "\r\n") + "\r\n" + rest)
}

// brought is a response as such a proxy brings it back: without its own Via.
func brought(m ua.Message) []byte {
	start, rest, _ := strings.Cut(string(m.Raw), "\r\n")
	_, rest, _ = strings.Cut(rest, "\r\n")
	return []byte(start + "\r\n" + rest)
}

// RFC 5626 §5.3.1: whose connection is gone, and who cannot be connected to, is answered for at once. He is not looked for elsewhere.
func TestADeadFlowIsAnswered430(t *testing.T) {
	clients(t, options{top: "contact: {rewrite: crossing}\n", inside: "stream: {connect: 200ms}"}, func(t *testing.T, h *bridge, contact string) {
		registered := h.register(t, contact, "Supported: path, outbound")
		h.caller.Connection(h.Addr("inside")).Close()
		awaitEnd(t, h.System, "inside", "closed by the peer", 1)
		for _, o := range []ua.Options{
			{Proxy: h.Addr("outside"), Headers: []string{"Route: " + registered.First("Path")}},
			{Proxy: h.Addr("outside")},
		} {
			h.callee.Request("INVITE", ua.URI(registered.First("Contact")), o)
			if r := h.callee.Receive(); r.Status() != 430 {
				t.Errorf("the call to a client that has gone was answered\n%s", r.Raw)
			}
		}
	})
}

// Nobody makes the proxy send to a connection by guessing what names it: one letter of a token that we have made, a token for another
// leg, one of another proxy.
func TestAForgedFlowIsNotFollowed(t *testing.T) {
	clients(t, options{top: "contact: {rewrite: never}\n"}, func(t *testing.T, h *bridge, contact string) {
		path := h.register(t, contact, "Supported: path").First("Path")
		token, _, _ := strings.Cut(strings.TrimPrefix(path, "<sip:"), "@")
		foreign := h.elsewhere(t, contact)
		routes := []string{
			strings.Replace(path, h.Addr("inside").String(), h.Addr("outside").String(), 1),
			strings.Replace(path, token, foreign, 1),
			strings.Replace(path, token, token[:len(token)-1], 1),
			strings.Replace(path, token, token+"a", 1),
			strings.Replace(path, token+"@", "", 1),
		}
		for i := range token {
			for _, letter := range "abc7z" {
				if forged := token[:i] + string(letter) + token[i+1:]; forged != token {
					routes = append(routes, strings.Replace(path, token, forged, 1))
				}
			}
		}
		for _, route := range routes {
			h.callee.Request("MESSAGE", "sip:alice@127.0.0.77:9;transport=tcp", ua.Options{Proxy: h.Addr("outside"), Headers: []string{"Route: " + route}})
		}
		for range routes {
			if r := h.callee.Receive(); r.Status() < 400 && r.Method() != "MESSAGE" { // back here, by next_hops
				t.Fatalf("a forged route was followed:\n%s", r.Raw)
			}
		}
		barrier := h.callee.Request("OPTIONS", "sip:alice@name.invalid", ua.Options{Proxy: h.Addr("outside"), Headers: []string{"Route: " + path}})
		if m := h.caller.Receive(); m.First("Call-ID") != barrier.First("Call-ID") {
			t.Fatalf("a forged route has led to the client:\n%s", m.Raw)
		}
	})
}

// elsewhere is the token that another proxy gives a client of the same kind.
func (h *bridge) elsewhere(t *testing.T, contact string) string {
	t.Helper()
	o := between(t, h.inside, h.outside, options{client: true, top: "contact: {rewrite: never}\n"})
	token, _, _ := strings.Cut(strings.TrimPrefix(o.register(t, contact, "Supported: path").First("Path"), "<sip:"), "@")
	return token
}

// A response is brought back over the connection that our own Via names, and by no other Via.
func TestAForgedBranchIsNotFollowedToAConnection(t *testing.T) {
	clients(t, options{}, func(t *testing.T, h *bridge, contact string) {
		h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Contact: contact})
		invite := h.callee.Receive()
		branch := invite.Branch()
		real := string(h.callee.Response(invite, 180, ua.Options{}).Raw)
		sent := uint64(0)
		for i := len("z9hG4bK"); i < len(branch); i++ {
			for _, letter := range "abq7z" {
				if forged := branch[:i] + string(letter) + branch[i+1:]; forged != branch {
					h.callee.Send([]byte(strings.Replace(real, branch, forged, 1)), h.Addr("outside"))
					sent++
				}
			}
		}
		h.callee.Answer(invite, 486, ua.Options{})
		if r := h.caller.Receive(); r.Status() != 486 {
			t.Fatalf("a forged response was brought back:\n%s", r.Raw)
		}
		if n := counted(h.System, "drop", "not ours"); n != sent {
			t.Errorf("%d of %d forged responses were counted", n, sent)
		}
	})
}

// A client that comes back has another flow; the one from before leads to nobody, and not to whoever came next.
func TestAnOldFlowLeadsToNobodyElse(t *testing.T) {
	h := between(t, place{"ws", v4}, place{"udp", v4}, options{client: true, top: "contact: {rewrite: never}\n"})
	var paths []string
	for i := range 5 {
		paths = append(paths, h.register(t, "", "Supported: path").First("Path"))
		h.caller.Connection(h.Addr("inside")).Close()
		awaitEnd(t, h.System, "inside", "closed by the peer", uint64(i+1))
	}
	h.register(t, "", "Supported: path")
	slices.Sort(paths)
	if len(slices.Compact(slices.Clone(paths))) != len(paths) {
		t.Errorf("two connections had one name: %q", paths)
	}
	for _, path := range paths {
		h.callee.Request("OPTIONS", "sip:alice@name.invalid", ua.Options{Proxy: h.Addr("outside"), Headers: []string{"Route: " + path}})
		if r := h.callee.Receive(); r.Status() != 430 {
			t.Fatalf("the request by an old flow was answered\n%s", r.Raw)
		}
	}
	if all := h.caller.Pending(); len(all) > 0 {
		t.Fatalf("a request has come by an old flow:\n%s", fmt.Sprint(all))
	}
}
