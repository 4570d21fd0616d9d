package tests

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/ua"
)

// secured are the transports whose connections break in the same ways.
var secured = []string{"tcp", "tls"}

// works has a call go through, whatever happened before.
func (h *bridge) works(t *testing.T) {
	t.Helper()
	caller, _ := h.invite(t)
	bye(t, caller, h.callee)
}

// request is a request from the caller that the callee answers.
func (h *bridge) request(t *testing.T, method string, o ua.Options) ua.Message {
	t.Helper()
	o.Proxy = h.Addr("inside")
	sent := h.caller.Request(method, "sip:bob@example.com", o)
	m := h.callee.Receive()
	h.callee.Answer(m, 200, ua.Options{})
	r, before := h.caller.Until(func(m ua.Message) bool { return m.First("Call-ID") == sent.First("Call-ID") })
	if r.Status() != 200 {
		t.Fatalf("the %s was answered\n%s", method, r.Raw)
	}
	for _, r := range before { // to what was sent to those who do not read
		if r.Status() != 503 {
			t.Errorf("503 was expected, not\n%s", r.Raw)
		}
	}
	return m
}

// A peer that breaks off within a message costs that message and its connection: the next one opens anew.
func TestAConnectionThatBreaksWithinAMessageIsForgotten(t *testing.T) {
	for _, transport := range secured {
		for _, reset := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, reset %v", transport, reset), func(t *testing.T) {
				h := between(t, place{transport, v4}, place{transport, v4}, options{})
				h.works(t)
				invite := h.caller.Compose("INVITE", "sip:bob@example.com", ua.Options{Body: strings.Repeat("x", 3000)}).Raw
				broken, closed := uint64(0), uint64(0)
				for _, at := range []int{1, 20, len(invite) - 3000, len(invite) - 1} {
					c := h.caller.Dial(h.Addr("inside"))
					if err := c.Send(invite[:at]); err != nil {
						t.Fatal(err)
					}
					if reset {
						c.Reset()
						broken++
					} else {
						c.Close()
						closed++
					}
				}
				awaitConnections(t, h.System, "inside", "all that broke off are gone", func(st system.StreamStatus) bool {
					return st.Ended["broken"]+st.Ended["closed by the peer"] == broken+closed && st.Open == 1
				})
				h.works(t)
				h.callee.Quiet(time.Millisecond)
			})
		}
	}
}

// A process that is killed while it speaks.
func TestAPeerThatIsKilledWithinAMessageIsForgotten(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash, which can open connections: ", err)
	}
	h := between(t, place{"tcp", v4}, place{"udp", v4}, options{})
	gate := h.Addr("inside")
	peer := exec.Command(bash, "-c", fmt.Sprintf(
		`exec 3<>/dev/tcp/%s/%d; printf 'INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/TCP' >&3; echo said; read <&3`, gate.Addr(), gate.Port()))
	out, err := peer.StdoutPipe()
	if err == nil {
		err = peer.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("said"))); err != nil {
		t.Fatal(err)
	}
	awaitConnections(t, h.System, "inside", "an open connection", func(st system.StreamStatus) bool { return st.Open == 1 })
	_ = peer.Process.Kill()
	_ = peer.Wait()
	awaitEnd(t, h.System, "inside", "closed by the peer", 1)
	h.works(t)
}

// The next hop's end is gone: the next request opens another connection.
func TestARequestOpensAnewWhenTheNextHopHasHungUp(t *testing.T) {
	for _, transport := range []string{"tcp", "tls", "ws", "wss"} {
		t.Run(transport, func(t *testing.T) {
			h := between(t, place{"udp", v4}, place{transport, v4}, options{})
			first := h.request(t, "MESSAGE", ua.Options{}).On
			first.Reset()
			awaitEnd(t, h.System, "outside", "broken", 1)
			second := h.request(t, "MESSAGE", ua.Options{}).On
			second.Close()
			awaitEnd(t, h.System, "outside", "closed by the peer", 1)
			if third := h.request(t, "MESSAGE", ua.Options{}).On; third == second || second == first {
				t.Error("a connection that is over was used")
			}
			if st := connections(t, h.System, "outside"); st.Dialed != 3 || st.Open != 1 {
				t.Errorf("three connections were to be opened, one after another: %+v", st)
			}
		})
	}
}

// The next hop was started again, and its kernel told nobody: the first that goes there is lost with the connection, and the next request
// opens another one.
func TestAHalfOpenConnectionIsFoundOut(t *testing.T) {
	h := between(t, place{"udp", v4}, place{"tcp", v4}, options{})
	vanish(t, h.request(t, "MESSAGE", ua.Options{}).On, h)
	h.caller.Request("MESSAGE", "sip:bob@example.com", ua.Options{Proxy: h.Addr("inside")})
	awaitEnd(t, h.System, "outside", "broken", 1)
	h.works(t)
}

// vanish takes the callee's end of a connection away without a word, as a machine does that loses its power.
func vanish(t *testing.T, c *ua.Connection, h *bridge) {
	t.Helper()
	fd := fileOf(t, c)
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, 1); err != nil {
		t.Skip("a connection can only be taken away silently by root: ", err)
	}
	c.Close()
	if st := connections(t, h.System, "outside"); st.Open != 1 {
		t.Fatalf("the proxy was not to hear of it: %+v", st)
	}
}

// fileOf is the descriptor of this process for a connection between its own two ends.
func fileOf(t *testing.T, c *ua.Connection) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("the descriptors of this process cannot be seen: ", err)
	}
	for _, e := range entries {
		fd := 0
		if _, err := fmt.Sscan(e.Name(), &fd); err != nil {
			continue
		}
		local, err1 := unix.Getsockname(fd)
		peer, err2 := unix.Getpeername(fd)
		if err1 == nil && err2 == nil && portOf(local) == c.Addr().Port() && portOf(peer) == c.Peer().Port() {
			return fd
		}
	}
	t.Fatal("the connection has no descriptor")
	return -1
}

func portOf(a unix.Sockaddr) uint16 {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return uint16(a.Port)
	case *unix.SockaddrInet6:
		return uint16(a.Port)
	}
	return 0
}

// deaf listens, and reads nothing of what comes.
func deaf(t *testing.T) *net.TCPListener {
	t.Helper()
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
	}}
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

// A peer that does not read is cut off, and those beside it do not notice.
func TestASlowReaderIsShed(t *testing.T) {
	h := slowly(t, "stream: {queue: 65536, write: 1m}")
	for n := 0; connections(t, h.System, "outside").Ended["too slow"] == 0; n++ {
		if n > 1000 {
			t.Fatal("30 MB wait for a peer that reads nothing")
		}
		h.tellDeaf()
		if n%10 == 0 {
			h.request(t, "OPTIONS", ua.Options{})
		}
	}
	h.caller.Pending()
	h.works(t)
}

// A peer that takes nothing for a while is given up, even where there is place for all that waits.
func TestAReaderThatStopsIsGivenUp(t *testing.T) {
	h := slowly(t, "stream: {queue: 16777216, write: 500ms}")
	for range 300 {
		h.tellDeaf()
		h.request(t, "OPTIONS", ua.Options{})
	}
	awaitConnections(t, h.System, "outside", "the peer was given up", func(st system.StreamStatus) bool {
		return st.Ended["too slow"]+st.Ended["broken"] > 0 // by us, or by the kernel, which has a time of its own
	})
	h.works(t)
}

// slowly is a bridge with a second domain, deaf.example, whose server reads nothing.
func slowly(t *testing.T, stream string) *bridge {
	t.Helper()
	leavesNothing(t)
	return between(t, place{"udp", v4}, place{"tcp", v4}, options{
		everywhere: true, outside: stream,
		top: fmt.Sprintf("forwarding: {large_requests: never}\nnext_hops: {deaf.example: \"sip:%s;transport=tcp\", \"*\": CALLEE}\n", deaf(t).Addr()),
	})
}

// tellDeaf sends one that reads nothing something to read.
func (h *bridge) tellDeaf() {
	h.caller.Request("MESSAGE", "sip:bob@deaf.example", ua.Options{Proxy: h.Addr("inside"), Type: "text/plain", Body: strings.Repeat("x", 30000)})
}

// Where nobody listens, and where nobody answers, the caller is told so, in time.
func TestANextHopThatCannotBeConnectedToIsAnswered503(t *testing.T) {
	for _, c := range []struct {
		name   string
		at     func(t *testing.T) string
		within time.Duration
	}{
		{"refused", closedPort, time.Second},
		{"no answer", blackHole, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := between(t, place{"tcp", v4}, place{"tcp", v4}, options{
				everywhere: true, outside: "stream: {connect: 300ms}", top: fmt.Sprintf("next_hops: {\"*\": \"sip:%s;transport=tcp\"}\n", c.at(t)),
			})
			for i := range 2 {
				begun := time.Now()
				h.caller.Request("INVITE", "sip:bob@example.com", ua.Options{Proxy: h.Addr("inside")})
				if r := h.caller.Receive(); r.Status() != 503 {
					t.Fatalf("the INVITE was answered\n%s", r.Raw)
				}
				if took := time.Since(begun); took > c.within {
					t.Errorf("it took %v", took)
				}
				awaitEnd(t, h.System, "outside", "not reached", uint64(i+1))
			}
			if n := counted(h.System, "answer", "cannot be reached"); n != 2 {
				t.Errorf("%d answers were counted, not 2", n)
			}
		})
	}
}

func closedPort(t *testing.T) string { return "127.0.0.1:" + steadyPort(t, v4) }

// blackHole is an address that takes no connection and refuses none: its queue of those that nobody has accepted is full.
func blackHole(t *testing.T) string {
	t.Helper()
	return blackHoleAt(t, "127.0.0.1:0")
}

func blackHoleAt(t *testing.T, at string) string {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if e := raw.Control(func(fd uintptr) { err = unix.Listen(int(fd), 0) }); e != nil || err != nil {
		t.Fatal(e, err)
	}
	for range 5 { // one or two have place
		c, err := net.DialTimeout("tcp", l.Addr().String(), 50*time.Millisecond)
		if err != nil {
			if n := net.Error(nil); errors.As(err, &n) && n.Timeout() {
				return l.Addr().String()
			}
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Skip("the kernel takes connections that nobody accepts, however many, so nothing is a black hole here: ", runtime.GOOS)
	return ""
}
