package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Bounds of the door.
const (
	greetTime      = 5 * time.Second // from accept to the end of the handshake
	maxStreams     = 4               // of one connection; a node needs one
	maxEnvelopes   = 4 * batchCount  // in a batch
	leastBetween   = 5 * time.Second // probes of a peer
	maxConnectSize = 512             // bytes of a peer's name for its life
)

// door is where other nodes tell this one something. It trusts a peer that has a certificate of the cluster to be a node, and nothing
// that the peer says: an index may be out of range, a type unlisted, a path anybody's.
type door struct {
	remote.UnimplementedRemotingServer

	rules   rules
	refused *refusals
	heard   func(*beat)            // never blocks
	open    func(life string) bool // whether messages of that life are taken
	tell    func(path string, msg proto.Message)
	broken  func(what string, panicked any, stack []byte)
}

// server is a gRPC server with nothing but the door.
func (d *door) server(creds credentials.TransportCredentials) *grpc.Server {
	s := grpc.NewServer(
		grpc.Creds(d.refused.watch(creds)),
		grpc.ConnectionTimeout(greetTime),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxRecvMsgSize(maxBatch),
		grpc.WaitForHandlers(true),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: leastBetween, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: probeAfter, Timeout: probeTime}),
		grpc.UnaryInterceptor(d.deny))
	remote.RegisterRemotingServer(s, d)
	return s
}

// deny answers all calls that ask for something: no node asks.
func (d *door) deny(_ context.Context, _ any, info *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
	d.refused.note(refusedCall, "method", info.FullMethod)
	return nil, status.Error(codes.PermissionDenied, info.FullMethod)
}

// errMalformed ends the connection of a peer whose batches cannot be read.
var errMalformed = errors.New("a batch is malformed")

// Receive is a connection's whole life: a greeting, then batches.
func (d *door) Receive(stream remote.Remoting_ReceiveServer) (err error) {
	defer func() {
		if r := recover(); r != nil {
			d.refused.note(refusedPanic, "panic", fmt.Sprint(r))
			d.broken("cluster door", r, debug.Stack())
			err = status.Error(codes.Internal, "this connection cannot go on")
		}
	}()
	life := ""
	for {
		msg, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch m := msg.MessageType.(type) {
		case *remote.RemoteMessage_ConnectRequest:
			c := m.ConnectRequest.GetServerConnection()
			if c == nil || life != "" || c.MemberId == "" || len(c.MemberId) > maxConnectSize {
				d.refused.note(refusedMalformed, "what", "a greeting")
				return status.Error(codes.InvalidArgument, "no greeting")
			}
			life = c.MemberId
			if err := stream.Send(&remote.RemoteMessage{MessageType: &remote.RemoteMessage_ConnectResponse{ConnectResponse: &remote.ConnectResponse{}}}); err != nil {
				return err
			}
		case *remote.RemoteMessage_MessageBatch:
			if life == "" {
				d.refused.note(refusedMalformed, "what", "a batch before the greeting")
				return status.Error(codes.InvalidArgument, "no greeting")
			}
			if err := d.batch(life, m.MessageBatch); err != nil {
				d.refused.note(refusedMalformed, "what", err)
				return status.Error(codes.InvalidArgument, err.Error())
			}
		default:
			d.refused.note(refusedMalformed, "what", "a message that is neither a greeting nor a batch")
			return status.Error(codes.InvalidArgument, "no batch")
		}
	}
}

// batch takes the messages of a batch that are allowed. It reads nothing of a batch with an index out of range.
func (d *door) batch(life string, b *remote.MessageBatch) error {
	if len(b.GetEnvelopes()) > maxEnvelopes {
		return fmt.Errorf("%w: it has %d messages", errMalformed, len(b.Envelopes))
	}
	for _, e := range b.GetEnvelopes() {
		if e == nil || e.TypeId < 0 || int(e.TypeId) >= len(b.TypeNames) || e.Target < 0 || int(e.Target) >= len(b.Targets) ||
			e.Sender < 0 || int(e.Sender) > len(b.Senders) || e.SerializerId != 0 {
			return fmt.Errorf("%w: an index is out of range", errMalformed)
		}
	}
	for _, e := range b.GetEnvelopes() {
		if err := d.take(life, b.TypeNames[e.TypeId], b.Targets[e.Target], e.MessageData); err != nil {
			return err
		}
	}
	return nil
}

// take takes one message: a beat goes to the roster, another one to its room, if it is allowed there.
func (d *door) take(life, kind, path string, data []byte) error {
	if path == beatPath {
		if kind != beatType || len(data) > maxBeat {
			return fmt.Errorf("%w: a beat", errMalformed)
		}
		b, err := readBeat(data)
		if err != nil {
			return fmt.Errorf("%w: a beat: %w", errMalformed, err)
		}
		if b.Life != life {
			return fmt.Errorf("%w: a beat of another life than the greeting's", errMalformed)
		}
		d.heard(b)
		return nil
	}
	r, listed := d.rules[kind]
	switch {
	case !listed:
		d.refused.note(refusedType, "type", clip(kind), "path", clip(path))
		return nil
	case !r.may(path):
		d.refused.note(refusedPath, "type", kind, "path", clip(path))
		return nil
	case !d.open(life):
		d.refused.note(refusedLife, "life", clip(life), "type", kind)
		return nil
	}
	msg := r.kind.New().Interface()
	if err := proto.Unmarshal(data, msg); err != nil {
		return fmt.Errorf("%w: %s: %w", errMalformed, kind, err)
	}
	d.tell(path, msg)
	return nil
}

// clip shortens what a peer wrote for the log.
func clip(s string) string {
	if len(s) > 100 {
		return fmt.Sprintf("%.100q…", s)
	}
	return s
}

// toRooms tells a room of this process.
func toRooms(actors *actor.ActorSystem) func(string, proto.Message) {
	return func(path string, msg proto.Message) { actors.Root.Send(actor.NewPID(actors.Address(), path), msg) }
}
