package cluster

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// host is a node in this process, with a room that counts.
type host struct {
	*Cluster
	ca      *authority
	heard   chan int
	stopped atomic.Bool
	logged  atomic.Int64
}

// Write counts lines of the log.
func (h *host) Write(b []byte) (int, error) { h.logged.Add(1); return len(b), nil }

func newHost(t testing.TB, ca *authority, name, addr string, peers ...string) *host {
	t.Helper()
	h := &host{ca: ca, heard: make(chan int, 100000)}
	actors := newActors()
	_, err := actors.Root.SpawnNamed(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *wrapperspb.BytesValue:
			if string(m.Value) == "panic" {
				panic("poison")
			}
			h.heard <- len(m.Value)
		case *actor.Stopping:
			h.stopped.Store(true)
		}
	}), sinkPath)
	if err != nil {
		t.Fatal(err)
	}
	h.Cluster, err = Join(t.Context(), Config{
		Name: "lab", Node: name, Listen: netip.MustParseAddrPort(addr), Peers: append(peers, addr), TLS: ca.files(name, "lab"),
		Allow: Allow{sinkType: {sinkPath}}, Log: slog.New(slog.NewTextHandler(h, nil)),
	}, actors)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Leave)
	return h
}

// stranger connects with these credentials and begins to talk.
func (h *host) stranger(t testing.TB, creds credentials.TransportCredentials) (remote.RemotingClient, remote.Remoting_ReceiveClient, error) {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+h.Self().Address, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	client := remote.NewRemotingClient(conn)
	s, err := client.Receive(ctx)
	return client, s, err
}

// insider has a certificate and has greeted.
func (h *host) insider(t testing.TB) remote.Remoting_ReceiveClient {
	t.Helper()
	_, s, err := h.stranger(t, h.ca.files("insider", "lab").dial())
	if err == nil {
		err = s.Send(greeting("0-insider"))
	}
	if err == nil {
		_, err = s.Recv()
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func greeting(life string) *remote.RemoteMessage {
	return &remote.RemoteMessage{MessageType: &remote.RemoteMessage_ConnectRequest{ConnectRequest: &remote.ConnectRequest{
		ConnectionType: &remote.ConnectRequest_ServerConnection{ServerConnection: &remote.ServerConnection{MemberId: life}},
	}}}
}

func batchOf(b *remote.MessageBatch) *remote.RemoteMessage {
	return &remote.RemoteMessage{MessageType: &remote.RemoteMessage_MessageBatch{MessageBatch: b}}
}

func one(t testing.TB, path string, msg proto.Message) *remote.MessageBatch {
	t.Helper()
	data, err := proto.Marshal(msg)
	if err != nil {
		t.Fatal(err)
	}
	return &remote.MessageBatch{
		TypeNames: []string{string(proto.MessageName(msg))}, Targets: []string{path}, Envelopes: []*remote.MessageEnvelope{{MessageData: data}},
	}
}

// works tells whether an honest node still reaches the room, and the room is the one it was.
func (h *host) works(t testing.TB) {
	t.Helper()
	if err := h.insider(t).Send(batchOf(one(t, sinkPath, wrapperspb.Bytes(make([]byte, 77))))); err != nil {
		t.Fatal(err)
	}
	select {
	case n := <-h.heard:
		if n != 77 {
			t.Fatalf("the room heard a message of %d bytes that it should not have", n)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the room hears nothing any more")
	}
	if h.stopped.Load() {
		t.Fatal("somebody stopped the room")
	}
}

// counts waits until the refusals of a reason are that many.
func (h *host) counts(t testing.TB, reason string, want uint64) {
	t.Helper()
	for until := time.Now().Add(5 * time.Second); h.Status().Refused[reason] != want; wait(nil, time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d refusals of %s, want %d: %v", h.Status().Refused[reason], reason, want, h.Status().Refused)
		}
	}
}

func TestWhoHasNoCertificateOfThisClusterIsNotHeard(t *testing.T) {
	h := newHost(t, newAuthority(t), "a", free(t, "127.0.0.1"))
	foreign := newAuthority(t).files("foreign", "lab")
	expectOurs := foreign
	expectOurs.CA = h.ca.files("x", "lab").CA // it takes our certificate, and shows a foreign one
	tests := map[string]credentials.TransportCredentials{
		"in the clear":         insecure.NewCredentials(),
		"without certificate":  credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}),
		"of another authority": expectOurs.dial(),
		"of another cluster":   h.ca.files("other", "other-cluster").dial(),
	}
	n := uint64(0)
	for name, creds := range tests {
		_, s, err := h.stranger(t, creds)
		if err == nil {
			s.Send(greeting("0-stranger"))
			s.Send(batchOf(one(t, sinkPath, wrapperspb.Bytes([]byte("intruder")))))
			_, err = s.Recv()
		}
		if err == nil {
			t.Errorf("%s: it was greeted", name)
		}
		n++
		for h.Status().Refused[refusedStranger] < n {
			wait(nil, time.Millisecond)
		}
		n = h.Status().Refused[refusedStranger]
	}
	h.works(t)
}

func TestAnInsiderTellsOnlyWhatIsAllowed(t *testing.T) {
	h := newHost(t, newAuthority(t), "a", free(t, "127.0.0.1"))
	s := h.insider(t)
	for _, b := range []*remote.MessageBatch{
		one(t, sinkPath, wrapperspb.String("not on the list")),
		one(t, sinkPath, &actor.PoisonPill{}),
		one(t, sinkPath, &actor.Watch{Watcher: actor.NewPID("x", "y")}),
		{TypeNames: []string{"actor.Stop"}, Targets: []string{sinkPath}, Envelopes: []*remote.MessageEnvelope{{}}},
		{TypeNames: []string{"no.such.Message"}, Targets: []string{sinkPath}, Envelopes: []*remote.MessageEnvelope{{}}},
		{TypeNames: []string{strings.Repeat("x", 1<<20)}, Targets: []string{sinkPath}, Envelopes: []*remote.MessageEnvelope{{}}},
	} {
		if err := s.Send(batchOf(b)); err != nil {
			t.Fatal(err)
		}
	}
	h.counts(t, refusedType, 6)
	for _, path := range []string{"actorsip", "actorsip/sinkhole", "actorsip/other", "eventstream", "activator", "", "actorsip/sink-", "/actorsip/sink"} {
		if err := s.Send(batchOf(one(t, path, wrapperspb.Bytes([]byte("lost"))))); err != nil {
			t.Fatal(err)
		}
	}
	h.counts(t, refusedPath, 8)
	h.works(t)
}

// A life that is over tells nobody anything: what it owned is another's by now.
func TestALifeThatIsOverIsNotHeard(t *testing.T) {
	h := newHost(t, newAuthority(t), "a", free(t, "127.0.0.1"))
	_, s, err := h.stranger(t, h.ca.files("late", "lab").dial())
	if err == nil {
		err = s.Send(greeting("0-late"))
	}
	if err != nil {
		t.Fatal(err)
	}
	late := `{"Cluster":"lab","Node":"late","Life":"0-late","Address":"127.0.0.1:1"`
	s.Send(batchOf(one(t, beatPath, wrapperspb.Bytes([]byte(late+`}`)))))
	h.knows(t, 2)
	s.Send(batchOf(one(t, beatPath, wrapperspb.Bytes([]byte(late+`,"Leaving":true}`)))))
	h.knows(t, 1)
	s.Send(batchOf(one(t, sinkPath, wrapperspb.Bytes([]byte("I still own this")))))
	h.counts(t, refusedLife, 1)
	h.works(t)
}

// Files are read at each handshake: an authority that is replaced is replaced at once.
func TestReplacedCertificatesAreUsedWithoutARestart(t *testing.T) {
	h := newHost(t, newAuthority(t), "a", free(t, "127.0.0.1"))
	h.works(t)
	next := newAuthority(t)
	now, later := h.ca.files("a", "lab"), next.files("a", "lab")
	for from, to := range map[string]string{later.Cert: now.Cert, later.Key: now.Key, later.CA: now.CA} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	h.ca = next
	h.works(t)
}

func TestAMalformedBatchEndsOnlyItsConnection(t *testing.T) {
	h := newHost(t, newAuthority(t), "a", free(t, "127.0.0.1"))
	good := func(change func(*remote.MessageBatch)) *remote.RemoteMessage {
		b := one(t, sinkPath, wrapperspb.Bytes([]byte("x")))
		change(b)
		return batchOf(b)
	}
	tests := map[string]*remote.RemoteMessage{
		"type index":         good(func(b *remote.MessageBatch) { b.Envelopes[0].TypeId = 7 }),
		"negative type":      good(func(b *remote.MessageBatch) { b.Envelopes[0].TypeId = -1 }),
		"target index":       good(func(b *remote.MessageBatch) { b.Envelopes[0].Target = 1 }),
		"negative target":    good(func(b *remote.MessageBatch) { b.Envelopes[0].Target = -1 << 31 }),
		"sender index":       good(func(b *remote.MessageBatch) { b.Envelopes[0].Sender = 1 }),
		"serializer":         good(func(b *remote.MessageBatch) { b.Envelopes[0].SerializerId = 1 }),
		"one bad among good": good(func(b *remote.MessageBatch) { b.Envelopes = append(b.Envelopes, &remote.MessageEnvelope{TypeId: 1}) }),
		"not protobuf":       good(func(b *remote.MessageBatch) { b.Envelopes[0].MessageData = []byte{0xff, 0xff} }),
		"too many": good(func(b *remote.MessageBatch) {
			for range maxEnvelopes {
				b.Envelopes = append(b.Envelopes, b.Envelopes[0])
			}
		}),
		"nothing":            {},
		"second greeting":    greeting("0-insider"),
		"client":             {MessageType: &remote.RemoteMessage_ConnectRequest{ConnectRequest: &remote.ConnectRequest{}}},
		"nil batch parts":    batchOf(&remote.MessageBatch{Envelopes: []*remote.MessageEnvelope{{}}}),
		"beat":               batchOf(one(t, beatPath, wrapperspb.Bytes([]byte("{")))),
		"beat of another":    batchOf(one(t, beatPath, wrapperspb.Bytes([]byte(`{"Cluster":"lab","Node":"b","Life":"somebody else"}`)))),
		"beat of other type": batchOf(one(t, beatPath, wrapperspb.String("x"))),
	}
	n := uint64(0)
	for name, m := range tests {
		s := h.insider(t)
		if err := s.Send(m); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Recv(); err == nil {
			t.Errorf("%s: the connection goes on", name)
		}
		n++
		h.counts(t, refusedMalformed, n)
		h.works(t)
	}
}

func TestNobodyMayAsk(t *testing.T) {
	h := newHost(t, newAuthority(t), "a", free(t, "127.0.0.1"))
	client, _, err := h.stranger(t, h.ca.files("insider", "lab").dial())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.ListProcesses(t.Context(), &remote.ListProcessesRequest{Pattern: ".*"}); err == nil {
		t.Error("a peer may list the processes")
	}
	if _, err := client.GetProcessDiagnostics(t.Context(), &remote.GetProcessDiagnosticsRequest{}); err == nil {
		t.Error("a peer may read diagnostics")
	}
	h.counts(t, refusedCall, 2)
	h.works(t)
}

// A room that panics on what another node says is restarted like any other; nothing of the door ends.
func TestARoomThatPanicsOnAMessageHarmsNothingElse(t *testing.T) {
	h := newHost(t, newAuthority(t), "a", free(t, "127.0.0.1"))
	if err := h.insider(t).Send(batchOf(one(t, sinkPath, wrapperspb.Bytes([]byte("panic"))))); err != nil {
		t.Fatal(err)
	}
	h.works(t)
}

func TestBytesThatAreNoHTTP2EndOnlyTheirConnection(t *testing.T) {
	h := newHost(t, newAuthority(t), "a", free(t, "127.0.0.1"))
	files := h.ca.files("insider", "lab")
	for range 20 {
		conn, err := tls.Dial("tcp", h.Self().Address, &tls.Config{
			InsecureSkipVerify: true, NextProtos: []string{"h2"},
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return files.own() },
		})
		if err != nil {
			t.Fatal(err)
		}
		noise := make([]byte, 10000)
		rand.Read(noise)
		conn.Write(append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), noise...))
		conn.Close()
	}
	h.works(t)
}

func TestAFloodOfRefusalsDoesNotFillTheLog(t *testing.T) {
	h := newHost(t, newAuthority(t), "a", free(t, "127.0.0.1"))
	s := h.insider(t)
	before, began := h.logged.Load(), time.Now()
	for range 5000 {
		if err := s.Send(batchOf(one(t, "nowhere", wrapperspb.Bytes(nil)))); err != nil {
			t.Fatal(err)
		}
	}
	h.counts(t, refusedPath, 5000)
	most := int64(reportsPerSecond * (2 + time.Since(began)/time.Second))
	if lines := h.logged.Load() - before; lines > most {
		t.Errorf("%d lines in the log, at most %d expected", lines, most)
	}
}

func TestWhatCannotBeAllowedIsSaidAtTheStart(t *testing.T) {
	for name, a := range map[string]Allow{
		"system message":  {"actor.PoisonPill": {sinkPath}},
		"unknown message": {"no.such.Message": {sinkPath}},
		"everywhere":      {sinkType: {"/"}},
	} {
		if _, err := a.rules(); err == nil {
			t.Errorf("%s: it was accepted", name)
		}
	}
}
