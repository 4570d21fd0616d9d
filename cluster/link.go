package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/actorsip/actorsip/loop"
)

// ErrAway is what a message meets that cannot be told now: its node is gone or cannot be reached, or too much waits for it already.
var ErrAway = errors.New("the node is away")

// Bounds of a link. A batch and one more message are less than what the other side takes at once.
const (
	maxQueued  = 4096     // messages that wait
	maxBytes   = 64 << 20 // bytes that wait
	maxMessage = 4 << 20  // bytes
	batchCount = 128      // messages
	batchBytes = 1 << 20  // bytes after which a batch is full
	maxBatch   = 16 << 20 // bytes taken at once
)

// How a link connects, and how soon again.
const (
	connectTime = 2 * time.Second
	shortPause  = 50 * time.Millisecond
	longPause   = time.Second
	probeAfter  = 10 * time.Second // of silence on a connection
	probeTime   = 3 * time.Second
	finishTime  = time.Second
)

// letter is a message on its way.
type letter struct {
	target string // path of the room
	kind   string // full name of the protobuf message
	data   []byte
}

// The states of a link.
const (
	connecting int32 = iota // for the first time: messages wait
	up
	away // messages are refused
)

// link tells one other node. A loop connects, and again when the connection breaks; what waited then is lost, and counted.
//
//	connecting ──connected──▶ up ──broken──▶ away ──connected──▶ up
//	connecting ──refused, or not within connectTime──▶ away
type link struct {
	*caller
	addr string

	queue chan letter
	pulse chan letter // the latest beat, which waits for nothing
	bytes atomic.Int64
	state atomic.Int32
	sent  atomic.Uint64
	lost  atomic.Uint64

	refused atomic.Bool // the last attempt to connect was

	ctx    context.Context // ends with the link
	cancel context.CancelFunc
	last   chan struct{} // closed: what waits is the last
	again  chan struct{} // there is a reason to connect now
}

// caller is what all links of a node have in common. It never changes.
type caller struct {
	hello  *remote.ServerConnection // who this node is
	creds  credentials.TransportCredentials
	log    *slog.Logger
	failed func(loop.Ended)
	links  sync.WaitGroup // those that have not ended
}

// link makes a link to an address.
func (c *caller) link(addr string) *link {
	l := &link{caller: c, addr: addr, queue: make(chan letter, maxQueued), pulse: make(chan letter, 1), last: make(chan struct{}), again: make(chan struct{}, 1)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	c.links.Add(1)
	loop.Start("link", l.run, func(e loop.Ended) {
		c.failed(e)
		c.links.Done()
	})
	return l
}

// quit ends the link and does not wait.
func (l *link) quit() {
	l.state.Store(away)
	l.cancel()
}

// finish ends the link when what waits has been told, within a second. It is called once, and does not wait.
func (l *link) finish() {
	close(l.last)
	time.AfterFunc(finishTime, l.quit)
}

// tell leaves a letter and never blocks.
func (l *link) tell(x letter) error {
	if l.state.Load() == away {
		return ErrAway
	}
	if n := int64(len(x.data)); l.bytes.Add(n) > maxBytes {
		l.bytes.Add(-n)
		return ErrAway
	}
	select {
	case l.queue <- x:
		return nil
	default:
		l.bytes.Add(-int64(len(x.data)))
		return ErrAway
	}
}

// beat leaves a beat, which goes before all that waits and replaces one that waits still. Only one goroutine calls it.
func (l *link) beat(x letter) {
	select {
	case <-l.pulse:
	default:
	}
	l.pulse <- x
}

// run keeps the link connected until it ends.
func (l *link) run(<-chan struct{}) {
	pause, said := shortPause, false
	defer l.cancel()
	for first := time.Now(); l.ctx.Err() == nil; {
		began := time.Now()
		err := l.connection()
		// Whoever is new is there, even if the network to it, after a cut, is not yet. Who refuses is not.
		if l.state.Load() != connecting || l.refused.Load() || time.Since(first) > connectTime {
			l.state.Store(away)
			l.drop()
		}
		select {
		case <-l.last:
			return
		case <-l.ctx.Done():
			return
		default:
		}
		if lasted := time.Since(began) > 2*longPause; lasted {
			pause, said = shortPause, false
		}
		if !said {
			said = true
			l.log.Warn("the link to a node is down", "address", l.addr, "error", err)
		}
		l.rest(pause)
		pause = min(2*pause, longPause)
	}
}

// rest waits before the link connects again.
func (l *link) rest(pause time.Duration) {
	select {
	case <-l.again: // of a time when it was up
	default:
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-l.ctx.Done():
	case <-l.last:
	case <-l.again:
	case <-t.C:
	}
}

// retry has a link that is not up connect now.
func (l *link) retry() {
	if l.state.Load() != up {
		select {
		case l.again <- struct{}{}:
		default:
		}
	}
}

// wait waits until a time is over or done is closed.
func wait(done <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
}

// connection connects, tells what is in the queue, and returns when the connection is over.
func (l *link) connection() error {
	conn, err := grpc.NewClient("passthrough:///"+l.addr,
		grpc.WithTransportCredentials(l.creds), grpc.WithContextDialer(l.dial),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: longPause, Multiplier: 1, MaxDelay: longPause}, MinConnectTimeout: connectTime}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: probeAfter, Timeout: probeTime}),
		grpc.WithDisableServiceConfig())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(l.ctx)
	ear := (*loop.Handle)(nil)
	defer func() {
		cancel(nil)
		conn.Close()
		if ear != nil {
			ear.Stop()
		}
	}()
	slow := time.AfterFunc(connectTime, func() { cancel(errors.New("it does not answer")) })
	stream, err := l.greet(ctx, conn)
	slow.Stop()
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return err
	}
	// The other side says nothing more; what this hears is that the connection is over.
	ear = loop.Start("link ear", func(<-chan struct{}) {
		_, err := stream.Recv()
		cancel(fmt.Errorf("the connection broke: %w", err))
	}, l.failed)
	l.state.Store(up)
	for {
		x, more := l.next(ctx)
		if !more {
			stream.CloseSend()
			<-ctx.Done() // the other side has read it all, or time is over
			return context.Cause(ctx)
		}
		if err := l.send(stream, x); err != nil { // as it does when ctx is over
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return err
		}
	}
}

func (l *link) dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	l.refused.Store(errors.Is(err, syscall.ECONNREFUSED))
	return conn, err
}

// next waits for something to be told. There is no more when the link is finishing and nothing waits.
func (l *link) next(ctx context.Context) (x letter, more bool) {
	select {
	case x = <-l.pulse:
		return x, true
	default:
	}
	select {
	case x = <-l.queue:
		return x, true
	default:
	}
	select {
	case <-ctx.Done():
		return x, false
	case x = <-l.pulse:
	case x = <-l.queue:
	case <-l.last:
		// What was left before the link was told to finish may have been left after the first looks.
		select {
		case x = <-l.pulse:
		case x = <-l.queue:
		default:
			return x, false
		}
	}
	return x, true
}

// send sends a batch that begins with first.
func (l *link) send(stream remote.Remoting_ReceiveClient, first letter) error {
	batch, count, size := l.batch(first)
	err := stream.Send(batch)
	if first.target != beatPath {
		l.bytes.Add(-int64(size))
	} else {
		l.bytes.Add(-int64(size - len(first.data)))
	}
	if err != nil {
		l.lost.Add(uint64(count))
		return err
	}
	l.sent.Add(uint64(count))
	return nil
}

// greet says who this node is.
func (l *link) greet(ctx context.Context, conn *grpc.ClientConn) (remote.Remoting_ReceiveClient, error) {
	stream, err := remote.NewRemotingClient(conn).Receive(ctx)
	if err != nil {
		return nil, err
	}
	err = stream.Send(&remote.RemoteMessage{MessageType: &remote.RemoteMessage_ConnectRequest{
		ConnectRequest: &remote.ConnectRequest{ConnectionType: &remote.ConnectRequest_ServerConnection{ServerConnection: l.hello}},
	}})
	if err != nil {
		return nil, err
	}
	_, err = stream.Recv()
	return stream, err
}

// batch takes what waits, up to a batch.
func (l *link) batch(first letter) (msg *remote.RemoteMessage, count, size int) {
	b := &remote.MessageBatch{}
	kinds, targets := map[string]int32{}, map[string]int32{}
	for x, more := first, true; more; {
		b.Envelopes = append(b.Envelopes, &remote.MessageEnvelope{
			TypeId: index(kinds, &b.TypeNames, x.kind), Target: index(targets, &b.Targets, x.target), MessageData: x.data,
		})
		size += len(x.data)
		if len(b.Envelopes) == batchCount || size >= batchBytes {
			break
		}
		select {
		case x = <-l.queue:
		default:
			more = false
		}
	}
	return &remote.RemoteMessage{MessageType: &remote.RemoteMessage_MessageBatch{MessageBatch: b}}, len(b.Envelopes), size
}

// index is where name is in names, to which it is added when it is new.
func index(known map[string]int32, names *[]string, name string) int32 {
	i, ok := known[name]
	if !ok {
		i = int32(len(*names))
		known[name] = i
		*names = append(*names, name)
	}
	return i
}

// drop counts what waits as lost.
func (l *link) drop() {
	for {
		select {
		case <-l.pulse:
		case x := <-l.queue:
			l.bytes.Add(-int64(len(x.data)))
			l.lost.Add(1)
		default:
			return
		}
	}
}
