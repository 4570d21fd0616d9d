package sipwire

import (
	"strings"
	"testing"
)

// TestWhateverRoutesAreTakenTheOthersStay takes every subset out of a route set that is spread over lists, and reads
// what is left.
func TestWhateverRoutesAreTakenTheOthersStay(t *testing.T) {
	hosts := "abcdefg"
	raw := with(t, "Max-Forwards: 70", `Route: <sip:a;lr>
X: y
ROUTE: "b, c" <sip:b;lr> ;x , <sip:c;lr>,
 <sip:d;lr>,,<sip:e;lr>
Route: <sip:f;lr>	, <sip:g;lr>`)
	m, after := new(Message), new(Message)
	for taken := range 1 << len(hosts) {
		m.Parse(raw)
		routes, ok := m.Routes()
		if !ok || len(routes) != len(hosts) {
			t.Fatalf("%v, %d values", ok, len(routes))
		}
		want := ""
		for i := range hosts {
			if taken>>i&1 == 1 {
				m.TakeRoute(i)
			} else {
				want += hosts[i : i+1]
			}
		}
		if taken&1 == 0 {
			m.AppendRoute([]byte("sip:h"))
			want += "h"
		}
		out := m.AppendTo(nil)
		if fault := after.Parse(out); fault != None {
			t.Fatalf("fault %q in\n%s", fault, out)
		}
		got := ""
		routes, ok = after.Routes()
		for _, v := range routes {
			u, _ := ParseURI(after.Bytes(v.URI))
			got += string(u.Host)
		}
		if !ok || got != want {
			t.Errorf("%s are left, not %s, in\n%s", got, want, out)
		}
		if taken == 1<<len(hosts)-1 && strings.Contains(strings.ToLower(string(out)), "route") {
			t.Errorf("something is left in\n%s", out)
		}
	}
}

func TestRoutesThatCannotBeRead(t *testing.T) {
	for _, route := range []string{
		"sip:a;lr", "<sip:a;lr>, sip:b", "<sip:a", "<sip:a>x", "<>", `"<sip:a>`, "<sip:a> <sip:b>", "<sip:a>;x, b",
	} {
		m := new(Message)
		m.Parse(with(t, "Max-Forwards: 70", "Route: <sip:first>\nRoute: "+route))
		if routes, ok := m.Routes(); ok {
			t.Errorf("%s is read as %d values", route, len(routes))
		}
	}
	for _, route := range []string{"", ",", "<sip:a>;x=\",\"", "\"a, b\"\n <sip:a;lr?x=y,z>"} {
		m := new(Message)
		m.Parse(with(t, "Max-Forwards: 70", "Route: <sip:first>\nRoute: "+route))
		if _, ok := m.Routes(); !ok {
			t.Errorf("%q is not read", route)
		}
	}
}
