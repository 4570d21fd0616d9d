package target

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/actorsip/actorsip/sipwire"
)

// picks counts which server 10 000 keys choose.
func picks(records []srvRecord) map[string]int {
	chosen := map[string]int{}
	for k := range uint64(10000) {
		var d draw
		d.start(k, records)
		r, _ := d.next()
		chosen[r.target]++
	}
	return chosen
}

func srvSet(t *testing.T, lines ...string) []srvRecord {
	t.Helper()
	var rrs []dns.RR
	for _, l := range lines {
		rr, err := dns.NewRR("s.example. 60 SRV " + l)
		if err != nil {
			t.Fatal(err)
		}
		rrs = append(rrs, rr)
	}
	records, _ := srvRecords(rrs)
	return records
}

func TestWeightsAreKept(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  map[string]float64
	}{
		{[]string{"1 10 1 a.", "1 20 1 b.", "1 70 1 c.", "2 1000 1 spare."}, map[string]float64{"a": .1, "b": .2, "c": .7}},
		{[]string{"1 0 1 a.", "1 0 1 b.", "1 0 1 c.", "1 0 1 d."}, map[string]float64{"a": .25, "b": .25, "c": .25, "d": .25}},
		{[]string{"1 65535 1 a.", "1 65535 1 b."}, map[string]float64{"a": .5, "b": .5}},
		{[]string{"1 1 1 a.", "1 0 1 b."}, map[string]float64{"a": .985, "b": .015}},
		{[]string{"1 1 1 a."}, map[string]float64{"a": 1}},
		{[]string{"1 50 1 a.", "1 50 1 a.", "1 50 1 b."}, map[string]float64{"a": .5, "b": .5}},
	} {
		got := picks(srvSet(t, c.lines...))
		for target, share := range c.want {
			// Four standard deviations: the keys are fixed, so this holds always or never.
			if off := math.Abs(float64(got[target]) - 10000*share); off > 4*math.Sqrt(10000*share*(1-share)) {
				t.Errorf("%v: %s was chosen %d times of 10000, want a share of %v", c.lines, target, got[target], share)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%v: chosen %v", c.lines, got)
		}
	}
}

func TestTheSecondChoiceKeepsTheWeightsToo(t *testing.T) {
	records := srvSet(t, "1 10 1 a.", "1 20 1 b.", "1 70 1 c.", "2 1 1 spare.")
	second := map[string]int{}
	for k := range uint64(20000) {
		var d draw
		d.start(k, records)
		if first, _ := d.next(); first.target == "c" {
			r, _ := d.next()
			second[r.target]++
		}
	}
	if a, b := float64(second["a"]), float64(second["b"]); len(second) != 2 || math.Abs(b/(a+b)-2./3) > .02 {
		t.Fatalf("after c came %v", second)
	}
}

func TestEveryServerIsDrawnOnceByPriority(t *testing.T) {
	lines := host(40, "1 5 1 a%d.")
	records := srvSet(t, append(lines, host(24, "2 5 1 b%d.")...)...)
	var d draw
	d.start(7, records)
	seen := map[string]bool{}
	for i := range 64 {
		r, ok := d.next()
		if !ok || seen[r.target] || strings.HasPrefix(r.target, "a") != (i < 40) {
			t.Fatalf("draw %d is %v, %v", i, r, ok)
		}
		seen[r.target] = true
	}
	if r, ok := d.next(); ok {
		t.Fatalf("a 65th draw: %v", r)
	}
}

func TestAServerThatLeavesMovesOnlyItsOwnCalls(t *testing.T) {
	all := srvSet(t, "1 10 1 a.", "1 20 1 b.", "1 70 1 c.")
	left := slices.DeleteFunc(slices.Clone(all), func(r srvRecord) bool { return r.target == "b" })
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::1")}
	for k := range uint64(10000) {
		var before, after draw
		before.start(k, all)
		after.start(k, left)
		b, _ := before.next()
		if a, _ := after.next(); b.target != "b" && a != b {
			t.Fatalf("key %d moved from %s to %s", k, b.target, a.target)
		}
		was, _ := pickAddr(k, netip.Addr{}, 0, addrs)
		if is, _ := pickAddr(k, netip.Addr{}, 0, addrs[1:]); was != addrs[0] && is != was {
			t.Fatalf("key %d moved from %s to %s", k, was, is)
		}
	}
}

func TestAddressesShareTheKeysEvenly(t *testing.T) {
	var addrs []netip.Addr
	for i := range 5 {
		addrs = append(addrs, netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}))
	}
	chosen := map[netip.Addr]int{}
	for k := range uint64(10000) {
		a, _ := pickAddr(k, netip.Addr{}, 0, addrs)
		chosen[a]++
	}
	for _, a := range addrs {
		if chosen[a] < 1800 || chosen[a] > 2200 {
			t.Fatalf("chosen: %v", chosen)
		}
	}
}

// The server shuffles every answer; two nodes with caches of their own must choose alike, and so must one node whose
// cache was emptied by time.
func TestShuffledAnswersGiveTheSameHop(t *testing.T) {
	var zone []string
	zone = append(zone, host(100, "_sip._udp.example.com. 1 SRV 1 %d 5060 t3.example.com.")...)
	zone = append(zone, host(30, "_sip._udp.example.com. 1 SRV 1 5 5060 t%d.example.com.")...)
	for i := range 30 {
		zone = append(zone, host(9, fmt.Sprintf("t%d.example.com. 1 A 192.0.%d.%%d", i, i))...)
	}
	zone = append(zone, host(250, "many.example.com. 1 A 198.51.100.%d")...)
	s := serve(t, zone...)
	here, clock := resolverOf(t, s)
	there, _ := resolverOf(t, s)
	for k := range uint64(50) {
		for _, q := range []Query{
			{Host: "example.com", Transport: sipwire.UDP, Key: k},
			{Host: "many.example.com", Port: 5060, Key: k},
		} {
			want, err := resolved(t, here, q)
			if err != nil {
				t.Fatal(err)
			}
			wantHop(t, there, q, want.String())
			wantHop(t, here, q, want.String())
		}
		clock.move(1e9 + 1)
	}
}

// These choices must never change between versions: nodes of a rolling update choose together.
func TestThePickIsTheSameForever(t *testing.T) {
	records := srvSet(t, "1 10 5060 a.example.", "1 20 5060 b.example.", "1 70 5060 c.example.")
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::1")}
	var got []string
	for k := range uint64(12) {
		var d draw
		d.start(k, records)
		r, _ := d.next()
		a, _ := pickAddr(k, netip.Addr{}, 0, addrs)
		got = append(got, fmt.Sprintf("%c%x", r.target[0], a.As16()[15]))
	}
	const want = "b1 c1 c1 c1 c1 c2 c2 b1 b2 b2 c1 c1"
	if s := strings.Join(got, " "); s != want {
		t.Fatalf("got %s, want %s", s, want)
	}
}
