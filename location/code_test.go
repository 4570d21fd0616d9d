package location

import (
	"net/netip"
	"reflect"
	"testing"
	"time"
)

var start = time.UnixMilli(1_800_000_000_000)

// phone is what a phone behind NAT and an edge proxy registers.
func phone(user string) Binding {
	return Binding{
		Contact: "sip:" + user + "@192.168.178.21:5060;transport=udp;ob", Q: 1000, Expires: start.Add(time.Hour),
		CallID: "f81d4fae-7dec-11d0-a765-00a0c91e6bf6@192.168.178.21", CSeq: 4711,
		Path:     []string{"<sip:KGhtYWMgb2YgdGhlIGZsb3cp@edge1.example.com;lr;ob>"},
		Instance: "<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>", RegID: 1,
		Received: netip.MustParseAddrPort("203.0.113.77:49152"), Leg: "outside", Node: "one", Flow: 1<<47 + 12345,
		UserAgent: "Example Phone/1.2.3", Updated: start,
	}
}

func odd() []Binding {
	return []Binding{
		{},
		{Contact: "sip:a@b", Expires: start},
		{Contact: "sip:a@b", Q: 65535, CSeq: 1<<32 - 1, RegID: 1<<32 - 1, Flow: 1<<64 - 1, Expires: time.UnixMilli(1<<62 - 1)},
		{Received: netip.MustParseAddrPort("[2001:db8::1]:5060")},
		{Received: netip.MustParseAddrPort("[fe80::1%eth0]:5060"), Path: []string{""}},
		{Received: netip.MustParseAddrPort("[::ffff:192.0.2.1]:65535"), Path: []string{"a", "", "<sip:c;lr>, <sip:d;lr>"}},
		{UserAgent: "\x00\xff", Updated: time.UnixMilli(-1)},
		phone("alice"),
	}
}

// equal compares bindings, times as instants in milliseconds.
func equal(a, b []Binding) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := a[i], b[i]
		if x.Expires.UnixMilli() != y.Expires.UnixMilli() || x.Updated.UnixMilli() != y.Updated.UnixMilli() || len(x.Path) != len(y.Path) {
			return false
		}
		if len(x.Path) == 0 {
			x.Path, y.Path = nil, nil
		}
		x.Expires, x.Updated, y.Expires, y.Updated = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		if !reflect.DeepEqual(x, y) {
			return false
		}
	}
	return true
}

func TestABindingIsReadAsItWasWritten(t *testing.T) {
	all := odd()
	for _, b := range all {
		if got, ok := parseSet(appendSet(nil, []Binding{b}), formNow); !ok || !equal(got, []Binding{b}) {
			t.Errorf("written %+v, read %+v, %v", b, got, ok)
		}
	}
	if got, ok := parseSet(appendSet(nil, all), formNow); !ok || !equal(got, all) {
		t.Errorf("written %+v, read %+v, %v", all, got, ok)
	}
}

func TestNoPrefixOfABindingIsOne(t *testing.T) {
	for _, b := range odd() {
		whole := appendSet(nil, []Binding{b})
		for n := 1; n < len(whole); n++ {
			if got, ok := parseSet(whole[:n], formNow); ok || got != nil {
				t.Fatalf("%d of %d bytes are %+v", n, len(whole), got)
			}
		}
	}
}

// What stands in a file must not confuse us, and what can be read is written again as it was read.
func FuzzSet(f *testing.F) {
	for _, b := range odd() {
		f.Add(appendSet(nil, []Binding{b}))
	}
	f.Add(appendSet(nil, odd()))
	f.Fuzz(func(t *testing.T, set []byte) {
		got, ok := parseSet(set, formNow)
		if !ok {
			return
		}
		if again, ok := parseSet(appendSet(nil, got), formNow); !ok || !equal(again, got) {
			t.Fatalf("read %+v, then %+v, %v", got, again, ok)
		}
	})
}
