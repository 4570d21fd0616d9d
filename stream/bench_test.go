package stream

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/tests/stage"
)

// BenchmarkIdle is the memory of a connection that has taken part and is idle now, beside the kernel's sockets: heap and stacks. Its
// far end is in the other process, or it would be counted too.
func BenchmarkIdle(b *testing.B) {
	for _, transport := range []sipwire.Transport{sipwire.TCP, sipwire.WS, sipwire.TLS, sipwire.WSS} {
		b.Run(transport.Param(), func(b *testing.B) {
			for b.Loop() {
				benchmarkIdle(b, transport)
			}
		})
	}
}

func benchmarkIdle(b *testing.B, transport sipwire.Transport) {
	const many = 2000
	s := newEar(b)
	cfg := Config{Transport: transport, Limits: Limits{Idle: time.Hour, Partial: time.Minute, Handshake: time.Minute}}
	if a := stage.NewAuthority(b); transport == sipwire.TLS || transport == sipwire.WSS {
		l, err := LoadTLS(TLSFiles{Certificates: []KeyPair{keyPair(a.Issue(b, b.TempDir(), "us", "127.0.0.1"))}})
		if err != nil {
			b.Fatal(err)
		}
		cfg.TLS = l
	}
	e := place(b, cfg, s)
	heap, stacks := inUse()
	phones := exec.Command(os.Args[0], "-test.run=^TestPhonesOfAnotherProcess$")
	phones.Env = append(os.Environ(), "PHONES="+strconv.Itoa(many), "PHONES_TO="+e.Addr().String(), "PHONES_BY="+transport.Param())
	stop, err := phones.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := phones.Start(); err != nil {
		b.Fatal(err)
	}
	eventually(b, "all have talked", func() bool { return e.Stats().MessagesIn == many })
	for range 6 { // each collection makes stacks half as large, down to what they need
		inUse()
	}
	h, s2 := inUse()
	b.ReportMetric(float64(h-heap)/many, "heap-bytes/connection")
	b.ReportMetric(float64(s2-stacks)/many, "stack-bytes/connection")
	_ = stop.Close()
	_ = phones.Wait()
}

// TestPhonesOfAnotherProcess is the far end of BenchmarkIdle.
func TestPhonesOfAnotherProcess(t *testing.T) {
	many, _ := strconv.Atoi(os.Getenv("PHONES"))
	to, by := os.Getenv("PHONES_TO"), os.Getenv("PHONES_BY")
	for range many {
		c, err := net.Dial("tcp", to)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if by == "tls" || by == "wss" {
			c = tls.Client(c, &tls.Config{InsecureSkipVerify: true}) // it is only here
		}
		m := []byte(options(400))
		if by == "ws" || by == "wss" {
			if err := connectWebSocket(c, to, ""); err != nil {
				t.Fatal(err)
			}
			m = appendFrame(nil, m, false)
		}
		if _, err := c.Write(m); err != nil {
			t.Fatal(err)
		}
	}
	if many > 0 {
		_, _ = io.Copy(io.Discard, os.Stdin) // until the benchmark is over
	}
}

// BenchmarkSendFlush is what it costs to write messages of 600 bytes, by how many are written at once.
func BenchmarkSendFlush(b *testing.B) {
	for _, at := range []int{1, 4, 16} {
		for _, transport := range []sipwire.Transport{sipwire.TCP, sipwire.WS} {
			b.Run(transport.Param()+"/"+strconv.Itoa(at), func(b *testing.B) {
				s := newEar(b)
				e := place(b, Config{Transport: transport, Limits: Limits{Queue: 8 << 20}}, s)
				c := phone(b, e)
				if transport == sipwire.WS {
					if err := connectWebSocket(c, "x", ""); err != nil {
						b.Fatal(err)
					}
				}
				_ = c.SetDeadline(time.Time{})
				go func() {
					_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, 1<<20))
				}()
				near, m := next(b, s.opened), block[:600]
				b.ReportAllocs()
				b.ResetTimer()
				for i := range b.N {
					for near.wire.kept.Load() > 1<<20 { // the phone shares our processors
						runtime.Gosched()
					}
					if err := near.Send(m); err != nil {
						b.Fatal(err)
					}
					if i%at == at-1 {
						near.Flush()
					}
				}
			})
		}
	}
}

// BenchmarkArrive is what it costs to read messages of 600 bytes, with the far end's writing, by how many come at once.
func BenchmarkArrive(b *testing.B) {
	for _, at := range []int{1, 16} {
		b.Run(strconv.Itoa(at), func(b *testing.B) {
			s := &counting{}
			e := place(b, Config{Limits: Limits{Idle: time.Hour, Partial: time.Minute}}, s)
			c := phone(b, e)
			_ = c.SetDeadline(time.Time{})
			m := []byte(strings.Repeat(options(500), at))
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i += at {
				if _, err := c.Write(m); err != nil {
					b.Fatal(err)
				}
			}
			eventually(b, "all have come", func() bool { return s.n.Load() >= int64(b.N) })
		})
	}
}

// counting is a sink that counts messages.
type counting struct{ n atomic.Int64 }

func (*counting) Opened(*Conn)      {}
func (*counting) Closed(*Conn, End) {}
func (*counting) Pressed() bool     { return false }

func (s *counting) Arrived(_ *Conn, b *Batch) bool {
	for _, ok := b.Next(); ok; _, ok = b.Next() {
		s.n.Add(1)
	}
	b.Release()
	return true
}
