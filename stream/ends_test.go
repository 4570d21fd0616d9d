package stream

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/actorsip/actorsip/loop"
)

func TestMessagesComeInOrderHoweverTheyAreCut(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{}, s)
	c := phone(t, e)
	for _, b := range []byte(options(40)) {
		say(t, c, string(b))
	}
	if m := next(t, s.messages); m != options(40) {
		t.Fatalf("%q", m)
	}
	var all strings.Builder
	for i := range 300 {
		all.WriteString(options(i))
	}
	say(t, c, all.String())
	for i := range 300 {
		if m := next(t, s.messages); m != options(i) {
			t.Fatalf("message %d is %q", i, m)
		}
	}
	eventually(t, "all messages are counted", func() bool { return e.Stats().MessagesIn == 301 })
	if s := e.Stats(); s.BytesIn != uint64(all.Len()+len(options(40))) || s.Accepted != 1 {
		t.Errorf("%+v", s)
	}
}

func TestAKeepAliveIsAnswered(t *testing.T) {
	e := place(t, Config{}, newEar(t))
	c := phone(t, e)
	say(t, c, "\r\n\r\n")
	hears(t, c, "\r\n")
	eventually(t, "it is counted", func() bool { return e.Stats().KeepAlives == 1 })
}

func TestAResetInTheMiddleOfAMessage(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{}, s)
	c := phone(t, e)
	say(t, c, options(10)+options(10)[:50])
	next(t, s.messages)
	near := next(t, s.opened)
	_ = c.SetLinger(0)
	_ = c.Close()
	s.ended(Broken)
	if err := near.Send([]byte("x")); err != ErrClosed {
		t.Errorf("%v", err)
	}
	if e.ByID(near.ID()) != nil || e.To(near.Remote(), "") != nil {
		t.Error("what is gone is found")
	}
	eventually(t, "it is counted", func() bool { return e.Stats().Ends[Broken] == 1 && e.Stats().Open == 0 })
}

func TestAPeerThatWritesNoMoreStillGetsWhatWasQueued(t *testing.T) {
	s := newEar(t)
	s.arrived = func(c *Conn, _ string) { _ = c.Send([]byte("the answer")) } // nobody flushes
	e := place(t, Config{}, s)
	c := phone(t, e)
	say(t, c, options(0))
	_ = c.CloseWrite()
	hears(t, c, "the answer")
	hearsEnd(t, c)
	s.ended(PeerClosed)
}

func TestWhatCannotBeCutIsAnsweredThenClosed(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{}, s)
	c := phone(t, e)
	say(t, c, strings.Replace(options(0), "Content-Length: 0", "Content-Length: x", 1)+strings.Repeat("and more, that nobody reads. ", 1000))
	if m := next(t, s.messages); !strings.HasPrefix(m, "(") {
		t.Fatalf("%q has no fault", m)
	}
	near := next(t, s.opened)
	if e.To(near.Remote(), "") != nil || e.ByID(near.ID()) != near {
		t.Error("a connection that ends is for answers, and for nothing else")
	}
	send(t, near, "SIP/2.0 400 Bad Request\r\n\r\n")
	near.Close(BadFrame)
	hears(t, c, "SIP/2.0 400 Bad Request\r\n\r\n")
	hearsEnd(t, c)
	_ = c.Close()
	s.ended(BadFrame)
}

func TestWhatCannotBeCutEndsThoughNobodyAnswers(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{}, s)
	c := phone(t, e)
	say(t, c, strings.Replace(options(0), "Content-Length: 0", "Content-Length: x", 1))
	s.ended(BadFrame)
	hearsEnd(t, c)
	say(t, phone(t, e), "no SIP at all\r\n\r\n")
	s.ended(BadFrame)
}

func TestAPanicOfTheSinkCostsOneConnection(t *testing.T) {
	failed := make(chan loop.Ended, 1)
	s := newEar(t)
	s.arrived = func(_ *Conn, m string) {
		if m == options(13) {
			panic("thirteen")
		}
	}
	e := place(t, Config{Failed: func(x loop.Ended) { failed <- x }}, s)
	other, c := phone(t, e), phone(t, e)
	say(t, c, options(13))
	if x := next(t, failed); x.Panic != "thirteen" {
		t.Errorf("%v", x.Panic)
	}
	s.ended(Stopped)
	hearsEnd(t, c)
	say(t, other, options(12))
	next(t, s.messages)
}

// bad is a sink that panics whatever it is told.
type bad struct{}

func (bad) Opened(*Conn)               { panic("opened") }
func (bad) Arrived(*Conn, *Batch) bool { panic("arrived") }
func (bad) Closed(*Conn, End)          { panic("closed") }
func (bad) Pressed() bool              { return false }

func TestASinkThatAlwaysPanicsLeavesNothing(t *testing.T) {
	failed := make(chan loop.Ended, 10)
	e := place(t, Config{Failed: func(x loop.Ended) { failed <- x }}, bad{})
	c := phone(t, e)
	hearsEnd(t, c)
	next(t, failed)
	_, to := whom(t)
	if r := next(t, dialTo(t, e, to, "")); r.err == nil {
		t.Error("who has dialled was told of a connection")
	}
	next(t, failed)
	eventually(t, "none is open", func() bool { return e.Stats().Open == 0 && e.Stats().Ends[Stopped] == 2 })
}

func TestCloseAtAnyTime(t *testing.T) {
	for range 20 {
		s := newEar(t)
		e := place(t, Config{}, s)
		l, to := whom(t)
		var all sync.WaitGroup
		stop := make(chan struct{})
		for range 4 {
			all.Go(func() { // phones come, talk and go
				for {
					select {
					case <-stop:
						return
					default:
					}
					c, err := net.Dial("tcp", e.Addr().String())
					if err != nil {
						return
					}
					_, _ = io.WriteString(c, options(3)+"\r\n\r\n")
					_, _ = c.Read(make([]byte, 1))
					_ = c.Close()
				}
			})
		}
		all.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_ = c.Close()
			}
		})
		all.Go(func() {
			for {
				done := make(chan struct{})
				if e.Dial(to, "", 0, func(c *Conn, _ error) {
					if c != nil {
						_ = c.Send([]byte("x"))
						c.Flush()
						c.Close(Stopped)
					}
					close(done)
				}) != nil {
					return
				}
				<-done
			}
		})
		for range 20 {
			next(t, s.messages)
		}
		e.Close()
		close(stop)
		_ = l.Close()
		all.Wait()
		if n := e.Stats(); n.Open != 0 || n.Dialing != 0 || len(s.opened) != len(s.ends) {
			t.Fatalf("%+v: %d were opened, %d closed", n, len(s.opened), len(s.ends))
		}
	}
}

func TestAStoppedProxyStartsAgainAtOnce(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{}, s)
	c := phone(t, e)
	next(t, s.opened).Close(Stopped) // we close first, and are in TIME_WAIT
	hearsEnd(t, c)
	_ = c.Close()
	e.Close()
	place(t, Config{Listen: e.Addr()}, newEar(t))
}

func TestAnAddressInUseIsSaid(t *testing.T) {
	e := place(t, Config{}, newEar(t))
	_, err := Listen(Config{Name: "outside", Transport: e.cfg.Transport, Listen: e.Addr()}, nil)
	if err == nil || !strings.HasPrefix(err.Error(), "leg outside cannot listen on tcp:"+e.Addr().String()+": ") {
		t.Errorf("%v", err)
	}
}
