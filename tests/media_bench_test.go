package tests

import (
	"runtime"
	"testing"

	"github.com/actorsip/actorsip/tests/ua"
)

// BenchmarkASessionThatIsUp sets up calls that stay up: heap-B/session is what each of them keeps in memory, with its
// actor, its page of the book, its relay and its line in the journal (and what this test's phones keep of it).
func BenchmarkASessionThatIsUp(b *testing.B) {
	h := build(b, v4, v4, "media: {relay: true, ports: 30000-49999}\n", nil)
	sound := ua.Hear(b, "127.0.0.1:0")
	call := func() {
		caller := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Body: sound.Describe()})
		h.callee.Answer(h.callee.Receive(), 200, ua.Options{Body: sound.Describe()})
		caller.Ack(caller.Response())
		h.callee.Receive()
	}
	for range 50 {
		call()
	}
	before := heap()
	b.ResetTimer()
	for range b.N {
		call()
	}
	b.StopTimer()
	b.ReportMetric((heap()-before)/float64(b.N), "heap-B/session")
}

func heap() float64 {
	runtime.GC()
	runtime.GC() // what a finalizer has let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
