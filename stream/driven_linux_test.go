package stream

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/sipwire"
)

// Everything that is true of a connection that has a goroutine is true of one that is driven: see place.
func TestDriven(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"order":                        TestMessagesComeInOrderHoweverTheyAreCut,
		"keep-alive":                   TestAKeepAliveIsAnswered,
		"reset":                        TestAResetInTheMiddleOfAMessage,
		"half closed":                  TestAPeerThatWritesNoMoreStillGetsWhatWasQueued,
		"bad frame answered":           TestWhatCannotBeCutIsAnsweredThenClosed,
		"bad frame not answered":       TestWhatCannotBeCutEndsThoughNobodyAnswers,
		"panic of the sink":            TestAPanicOfTheSinkCostsOneConnection,
		"close at any time":            TestCloseAtAnyTime,
		"start again":                  TestAStoppedProxyStartsAgainAtOnce,
		"bound of the queue":           TestAPeerThatDoesNotReadIsCutOffAtTheBound,
		"bound without flush":          TestQueuedMessagesAreBoundedWithoutFlush,
		"patience with a slow peer":    TestAPeerThatReadsNothingForTooLongIsCutOff,
		"what is kept":                 TestWhatTheKernelDidNotTakeComesInOrder,
		"many writers":                 TestManyMayWriteAtOnce,
		"back-pressure":                TestASinkThatWaitsIsNotReadFor,
		"held and closed":              TestAReaderThatWaitsForItsSinkEndsWithTheConnection,
		"bound of pongs":               TestRepliesToKeepAlivesAreBoundedToo,
		"gone":                         TestAConnectionThatIsGoneIsNoticedByWriting,
		"allocations":                  TestSendingAllocatesNothing,
		"idle":                         TestAnIdleConnectionEnds,
		"not idle":                     TestWhatComesKeepsAConnectionOpen,
		"unfinished":                   TestAMessageThatComesByteByByteIsNotWaitedForForEver,
		"each message its time":        TestEachMessageHasItsOwnTime,
		"no time passes while held":    TestThePeerIsNotBlamedForASinkThatWaits,
		"no timers":                    TestWithoutTimersNothingEnds,
		"so many of a source":          TestASourceHasOnlySoManyConnections,
		"so many of a leg":             TestALegHasOnlySoManyConnections,
		"spread":                       TestConnectionsAreSpreadOverTheSinksThatKeepUp,
		"pressure":                     TestUnderPressureNewConnectionsAreRefused,
		"IPv6":                         TestIPv6,
		"dialled once":                 TestManyWhoWantAPeerShareOneConnection,
		"dialled before":               TestWhoAsksForAnOpenConnectionGetsIt,
		"closed while dialled":         TestCloseEndsWhatIsBeingDialled,
		"the newest":                   TestTheNewestOpenConnectionIsTaken,
		"each transport":               TestEachTransportCarriesMessagesBothWays,
		"each transport, byte by byte": TestEachTransportGoesOnHoweverItIsCut,
		"TLS 1.2 and its end":          TestAnOlderTLSAndItsEnd,
		"rubbish for a record":         TestRubbishInsteadOfARecord,
		"somebody else":                TestAPeerThatIsSomebodyElseIsNotTalkedTo,
		"handshakes in time":           TestAHandshakeIsNotWaitedForForEver,
		"closed in handshakes":         TestCloseDuringHandshakes,
		"slow peer of TLS":             TestAPeerThatDoesNotReadRecordsIsCutOff,
		"refused WebSocket":            TestARefusedWebSocketIsTold,
		"frame behind the handshake":   TestAFrameRightBehindTheHandshake,
		"WebSocket pinged and closed":  TestAWebSocketIsPingedAndClosed,
	} {
		t.Run(name, test)
	}
}

// A side that is shut can always be written to: who waited for that would be woken without end.
func TestDrivenABadPeerThatDoesNotReadKeepsNobodyBusy(t *testing.T) {
	s := newEar(t)
	sinks := drive(t, []Sink{s})
	e := place(t, Config{Limits: Limits{Queue: 32 << 20}}, sinks...)
	c := phone(t, e)
	near := next(t, s.opened)
	for near.wire.kept.Load() < 1<<20 {
		send(t, near, string(block))
	}
	say(t, c, "no SIP at all\r\n\r\n")
	next(t, s.messages)
	near.Close(BadFrame)
	before := processorTime(t)
	s.ended(BadFrame)
	if used := processorTime(t) - before; used > lingerTime/4 {
		t.Errorf("%s of processor time", used)
	}
}

// What waits in front of a connection's end is not lost, be it the end of TLS or of TCP.
func TestDrivenWhatCameInFrontOfTheEnd(t *testing.T) {
	for _, transport := range allTransports {
		t.Run(transport.Param(), func(t *testing.T) {
			_, far, s, farEar := pair(t, Config{Transport: transport, TLS: trust(t)})
			for i := range 20 {
				if err := far.Send([]byte(options(i))); err != nil {
					t.Fatal(err)
				}
			}
			far.Close(Idle)
			for i := range 20 {
				if m := next(t, s.messages); m != options(i) {
					t.Fatalf("message %d is %q", i, m)
				}
			}
			s.ended(PeerClosed)
			farEar.ended(Idle)
		})
	}
}

// A peer that writes a record for each message must not have a buffer held for each of them.
func TestDrivenManyRecordsAreOneBatch(t *testing.T) {
	s := tallied{newEar(t), make(chan int, 1000)}
	e := place(t, Config{Transport: sipwire.TLS, TLS: trust(t)}, s)
	cork := &corked{Conn: phone(t, e)}
	c := tls.Client(cork, &tls.Config{InsecureSkipVerify: true})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	cork.in = true
	const records = 80
	for i := range records {
		say(t, c, options(i%10))
	}
	say(t, cork.Conn, string(cork.kept))
	for i := range records {
		if m := next(t, s.messages); m != options(i%10) {
			t.Fatalf("message %d is %q", i, m)
		}
	}
	if n := len(s.batches); n > records/8 {
		t.Errorf("%d batches for %d messages", n, records)
	}
}

// corked keeps what is written when the cork is in.
type corked struct {
	net.Conn
	in   bool
	kept []byte
}

func (c *corked) Write(b []byte) (int, error) {
	if c.in {
		c.kept = append(c.kept, b...)
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// tallied counts the messages of each batch.
type tallied struct {
	*ear
	batches chan int
}

func (s tallied) Arrived(c *Conn, b *Batch) bool {
	s.batches <- b.count()
	return s.ear.Arrived(c, b)
}

// A driver that is over takes no connection, and is told nothing.
func TestDrivenAConnectionThatNobodyTakesAnyMore(t *testing.T) {
	s := newEar(t)
	sinks := drive(t, []Sink{s})
	sinks[0].(*driver).box.Close()
	e := place(t, Config{}, sinks...)
	hearsEnd(t, phone(t, e))
	_, to := whom(t)
	if r := next(t, dialTo(t, e, to, "")); r.err == nil {
		t.Error("who has dialled was told of a connection")
	}
	eventually(t, "both are counted", func() bool { return e.Stats().Ends[Stopped] == 2 && e.Stats().Open == 0 })
	if len(s.opened)+len(s.ends) > 0 {
		t.Error("the sink was told")
	}
}

func TestDrivenASinkThatAlwaysPanicsLeavesNothing(t *testing.T) {
	failed := make(chan loop.Ended, 10)
	e := place(t, Config{Failed: func(x loop.Ended) { failed <- x }}, bad{})
	hearsEnd(t, phone(t, e))
	for range 2 { // it hears of the beginning, and of the end
		next(t, failed)
	}
	eventually(t, "none is open", func() bool { return e.Stats().Open == 0 && e.Stats().Ends[Stopped] == 1 })
}

// Whoever writes may end a connection at any moment, also while its driver reads, writes or begins with it.
func TestDrivenCloseFromEverywhere(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{Limits: Limits{Queue: 64 << 10, Idle: time.Minute, Write: time.Minute}}, s)
	var all sync.WaitGroup
	const rounds, at = 60, 4
	for range at {
		all.Go(func() {
			for i := range rounds {
				c := phone(t, e)
				_, _ = io.WriteString(c, strings.Repeat(options(i), 1+i%7)+"\r\n\r\n")
				if i%3 == 0 {
					_ = c.SetLinger(0)
				}
				if i%2 == 0 {
					_, _ = c.Read(make([]byte, 2000))
				}
				_ = c.Close()
			}
		})
	}
	for range 2 {
		all.Go(func() {
			for range rounds * at / 2 {
				c := next(t, s.opened)
				for range uint64(c.ID()) % 100 {
					if c.Send(block) != nil {
						break
					}
					c.Flush()
				}
				c.Close(Stopped)
			}
		})
	}
	for range rounds * at {
		next(t, s.ends)
	}
	all.Wait()
}
