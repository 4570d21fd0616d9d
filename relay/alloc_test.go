//go:build linux && !portable && !race

package relay

import "testing"

// A turn of the worker is waiting, reading, deciding, sending and counting.
func TestAPacketAllocatesNothing(t *testing.T) {
	e, err := build(Config{Workers: 1, Pools: pools()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	a, b := dial(t, "127.0.0.2"), dial(t, "127.0.0.3")
	x, y := dial(t, "::1"), dial(t, "::1")
	w := e.workers[0]
	calls := []*call{between(t, e, a, b), between(t, e, x, y)}
	w.turn() // their commands
	for i, from := range []*phone{a, x} {
		c := calls[i]
		rtp, rtcp := from.next(), report(200, from.ssrc, 1, 0, 0)
		send(t, from.rtp, c.ports[0], rtp)
		w.turn()
		send(t, from.rtcp, c.rtcpPort(0), rtcp)
		w.turn()
		before := c.counters().Sides[0]
		const runs = 100
		allocated := testing.AllocsPerRun(runs, func() {
			rtp[3]++ // the sequence number
			_, _ = from.rtp.WriteToUDPAddrPort(rtp, c.ports[0])
			w.turn()
			_, _ = from.rtcp.WriteToUDPAddrPort(rtcp, c.rtcpPort(0))
			w.turn()
		})
		if allocated != 0 {
			t.Errorf("%v allocations per packet", allocated)
		}
		if f := c.counters().Sides[0]; f.Packets < before.Packets+runs || f.RTCP < before.RTCP+runs {
			t.Errorf("counted %+v", f)
		}
	}
}
