package location

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
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
		Received: netip.MustParseAddrPort("203.0.113.77:49152"), Leg: "outside", Flow: 1<<47 + 12345,
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

func set(t testing.TB, bindings ...Binding) string {
	t.Helper()
	text, err := appendSet(nil, bindings)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
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

const longAgo = -1 << 63

func TestABindingIsReadAsItWasWritten(t *testing.T) {
	all := odd()
	for _, b := range all {
		if got, ok := appendLive(nil, set(t, b), longAgo); !ok || !equal(got, []Binding{b}) {
			t.Errorf("written %+v, read %+v, %v", b, got, ok)
		}
	}
	if got, ok := appendLive(nil, set(t, all...), longAgo); !ok || !equal(got, all) {
		t.Errorf("written %+v, read %+v, %v", all, got, ok)
	}
}

func TestNoPrefixOfASetIsASet(t *testing.T) {
	for _, b := range odd() {
		whole := set(t, b)
		for n := 1; n < len(whole); n++ {
			if got, ok := appendLive(nil, whole[:n], longAgo); ok || len(got) > 0 {
				t.Fatalf("%d of %d bytes are %+v", n, len(whole), got)
			}
		}
	}
}

func TestTheLapsedAndTheLiveAreAll(t *testing.T) {
	all := []Binding{phone("a"), phone("b"), phone("c")}
	all[0].Expires, all[2].Expires = start, start.Add(time.Millisecond)
	s := set(t, all...)
	for _, x := range []struct {
		at           time.Time
		live, lapsed []Binding
	}{
		{start.Add(-1), all, nil},
		{start, all[1:], all[:1]},
		{start.Add(time.Millisecond), all[1:2], []Binding{all[0], all[2]}},
		{start.Add(time.Hour), nil, all},
	} {
		live, ok := appendLive(nil, s, x.at.UnixMilli())
		if lapsed := lapsedOf(s, x.at.UnixMilli()); !ok || !equal(live, x.live) || !equal(lapsed, x.lapsed) {
			t.Errorf("at %v live %+v, lapsed %+v", x.at, live, lapsed)
		}
	}
	if n, earliest := extent(s); n != 3 || earliest != start.UnixMilli() {
		t.Errorf("%d bindings, the first lapses at %d", n, earliest)
	}
}

func TestABindingOfAnySizeIsNotKept(t *testing.T) {
	b := phone("a")
	b.UserAgent = strings.Repeat("x", maxBinding)
	if _, err := appendSet(nil, []Binding{b}); !errors.Is(err, ErrTooLong) {
		t.Fatal(err)
	}
}

// What stands in a file must not confuse us, and what can be read is written again as it was read.
func FuzzSet(f *testing.F) {
	for _, b := range odd() {
		f.Add(set(f, b))
	}
	f.Add(set(f, odd()...))
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := appendLive(nil, s, longAgo)
		lapsedOf(s, 1<<62)
		extent(s)
		if !ok || len(got) == 0 {
			return
		}
		text, err := appendSet(nil, got)
		if err != nil {
			return
		}
		if again, ok := appendLive(nil, string(text), longAgo); !ok || !equal(again, got) {
			t.Fatalf("read %+v, then %+v, %v", got, again, ok)
		}
	})
}
