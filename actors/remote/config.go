package remote

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/actorsip/actorsip/actors/remote/wire"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/stream"
)

// Nodes is the cluster as this room needs it.
type Nodes interface {
	// Self is the id by which this node has calls' media: its own, or that of the media place that it has.
	Self() uint16
	// Relays tells whether a node of that id is there and has media sessions.
	Relays(id uint16) bool
	// Relay is the node that a call's media are to be on: one that takes new calls, else one that drains (but no call leaves this node for
	// that), 0 when none relays. Those of a call that is on none yet are here, if this node can; those that are on another one that is gone,
	// or is to be left (not; else 0), are where all nodes look for them.
	Relay(callID []byte, not uint16) uint16
	// Draining tells whether this node takes leave of its calls.
	Draining() bool
	// Meeting tells whether a node of that id has come just now: this one is about to connect to it, or to find that it cannot, and what was
	// told to it waits. Other nodes may have its ear already.
	Meeting(id uint16) bool
	// Settling tells whether the node of that id may be there in a moment, though it is not seen: this node has joined just now, or it is
	// a media place on its way from one node to another. It is false of what relays, and of this node.
	Settling(id uint16) bool
	// Tell tells a room of another node something. An error says that it was not.
	Tell(id uint16, path string, msg proto.Message) error
	// ByName is the id of a node, 0 when there is none.
	ByName(node string) uint16
}

// Config is what remote must know.
type Config struct {
	Name    string // of this node
	Nodes   Nodes
	Legs    *message.Legs
	Streams []*stream.Endpoint                                     // by leg; nil for one of datagrams
	Emit    func(leg int, to netip.AddrPort, datagram []byte) bool // has a lane send it; false: it does not
	Pool    *message.Pool                                          // for packets of other nodes
	Log     *slog.Logger
}

// Next are the rooms that remote tells.
type Next struct {
	Self   *actor.PID
	Anchor *actor.PID // the media sessions of this node
}

// Path is where the room is, on every node.
const Path = "actorsip/remote"

// patience is how long another node is waited for. After it a call's media are anchored elsewhere, and a connection is taken to be gone.
const patience = 500 * time.Millisecond

// settling is how often it is looked whether the node that has a call's media is seen by now.
const settling = 100 * time.Millisecond

// Kinds are the full names of what nodes may tell this room.
func Kinds() (all []string) {
	for _, m := range []proto.Message{&wire.Anchor{}, &wire.Anchored{}, &wire.Write{}, &wire.Written{}} {
		all = append(all, string(m.ProtoReflect().Descriptor().FullName()))
	}
	return all
}
