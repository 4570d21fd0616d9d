package tests

import (
	"net"
	"net/netip"
	"testing"

	"github.com/actorsip/actorsip/tests/ua"
)

// BenchmarkForward is one packet through a whole lane and back out, kernel and all: from the caller's socket to the
// callee's. Allocations are those of the proxy and of both phones, which have none.
func BenchmarkForward(b *testing.B) {
	h := newHouse(b)
	call, callee := h.invite(b)
	invite := h.caller.Compose("INVITE", "sip:bob@example.com", ua.Options{Body: sdp, Headers: usual}).Raw
	call.Request("INFO", ua.Options{})
	info := h.callee.Receive()
	answer := h.callee.Response(info, 200, ua.Options{Body: sdp, Headers: usual}).Raw
	h.callee.Send(answer, h.Addr("outside"))
	h.caller.Receive()
	options := call.Request("OPTIONS", ua.Options{Headers: usual}).Raw
	h.callee.Receive()
	_ = callee
	for _, c := range []struct {
		name     string
		raw      []byte
		from, to *ua.Phone
		leg      string
	}{
		{"INVITE", invite, h.caller, h.callee, "inside"},
		{"in-dialog", options, h.caller, h.callee, "inside"},
		{"200", answer, h.callee, h.caller, "outside"},
	} {
		b.Run(c.name, func(b *testing.B) {
			from, to := c.from.In(b).Conn(), c.to.In(b).Conn()
			shuttle(b, from, h.Addr(c.leg), to, func() []byte { return c.raw })
		})
	}
}

// shuttle sends what next gives, and takes what comes out, so many as the benchmark wants.
func shuttle(b *testing.B, from *net.UDPConn, leg netip.AddrPort, to *net.UDPConn, next func() []byte) {
	buf := make([]byte, 1<<16)
	b.ReportAllocs()
	b.SetBytes(int64(len(next())))
	const window = 16 // in flight at once: a lane reads and writes in batches
	for i := 0; b.Loop(); i++ {
		if _, err := from.WriteToUDPAddrPort(next(), leg); err != nil {
			b.Fatal(err)
		}
		if i < window {
			continue
		}
		if _, _, err := to.ReadFromUDPAddrPort(buf); err != nil {
			b.Fatal(err)
		}
	}
	for range min(window, b.N) {
		if _, _, err := to.ReadFromUDPAddrPort(buf); err != nil {
			b.Fatal(err)
		}
	}
}

const sdp = "v=0\r\no=alice 2890844526 2890844526 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
	"m=audio 49170 RTP/AVP 0 8 97\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:97 iLBC/8000\r\na=sendrecv\r\n"

var usual = []string{
	"User-Agent: a phone of the usual kind 1.0", "Supported: replaces, outbound, timer",
	"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO", "Session-Expires: 1800",
}
