//go:build linux

package leg

import (
	"log/slog"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/actorsip/actorsip/message"
)

// Peers are on the first lane while the load is low, on all lanes while it is high, and on the first one again.
func TestTheKernelGivesDatagramsToTheLanesThatAreAsked(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	at := netip.MustParseAddrPort("127.0.0.1:0")
	var lanes []*Lane
	var counts []*message.Counts
	for i := range 2 {
		c := &message.Counts{}
		s, err := Listen("inside", at, i == 0, log, c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		at = s.Addr
		lanes = append(lanes, &Lane{Sockets: []*Socket{s}})
		counts = append(counts, c)
	}
	Steer(lanes, counts, log)

	const peers = 64
	for _, step := range []struct {
		name   string
		do     func()
		spread bool
	}{
		{"at first", func() {}, false},
		{"after a full batch", func() { lanes[1].steering.spread(lanes[1]) }, true},
		{"when the load is low again", func() {
			s := lanes[0].steering
			s.turns, s.since = tickWhen, s.since.Add(-calmFor)
			s.tick(lanes[0])
		}, false},
	} {
		step.do()
		for range peers {
			conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(at))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write([]byte("datagram")); err != nil {
				t.Fatal(err)
			}
			conn.Close()
		}
		first, second := pending(t, lanes[0]), pending(t, lanes[1])
		if first+second != peers || (second > 0) != step.spread {
			t.Errorf("%s: %d datagrams on the first lane, %d on the second", step.name, first, second)
		}
	}
}

// pending takes all datagrams that a lane has waiting and says how many they were.
func pending(t *testing.T, l *Lane) (n int) {
	t.Helper()
	buf := make([]byte, 64)
	for {
		_, _, err := unix.Recvfrom(l.Sockets[0].fd, buf, unix.MSG_DONTWAIT)
		if err == unix.EAGAIN {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
}
