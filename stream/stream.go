package stream

import (
	"encoding/binary"
	"errors"

	"github.com/actorsip/actorsip/sipwire"
)

// ID names a connection, and no other for as long as anybody may remember it: it is drawn at random, so that an ID from
// before a restart names nothing. 0 names none.
type ID uint64

// Node is the node of a cluster whose connection it is; without a cluster it means nothing.
func (i ID) Node() uint16 { return uint16(i >> 32) }

// IDLen is how many bytes an ID fills in a branch or token.
const IDLen = 6

// Append appends the bytes of i.
func (i ID) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(b, i.Node()), uint32(i))
}

// ReadID is the ID that b begins with; it has IDLen bytes at least.
func ReadID(b []byte) ID {
	return ID(binary.BigEndian.Uint16(b))<<32 | ID(binary.BigEndian.Uint32(b[2:]))
}

// Sink hears what happens on the connections that were given to it: it is a lane. All calls about one connection come from that
// connection's reader, a goroutine or a Driver, in this order: Opened, Arrived as often as something came, Closed.
type Sink interface {
	// Opened tells of a new connection, ready to be written to: a handshake is done.
	Opened(*Conn)
	// Arrived hands over what a read has completed. It may wait until there is a place for it: the peer is not read meanwhile. It
	// returns false when the sink has ended. The sink releases the batch.
	Arrived(*Conn, *Batch) bool
	// Closed tells that a connection is gone, and why.
	Closed(*Conn, End)
	// Pressed tells whether the sink is behind: new connections are refused then.
	Pressed() bool
}

// Driver is a Sink that waits for its connections itself, with many of them at once, so that none needs a goroutine of its own. It is
// given each that is open by Drive, and hears Opened, Arrived and Closed within its own calls of the connection's methods.
//
// Arrived must not wait then: what there is no place for yet, the driver keeps, and does not call Ready meanwhile: see Conn.Hold. A panic
// within these calls ends the connection, and is the driver's no more.
type Driver interface {
	Sink
	// Drive gives over a connection, from any goroutine, without waiting. The driver calls Begin once, Ready whenever FD can be read, Drain
	// whenever it can be written to and writable asked for that, and End when one of them has said that it is over. It returns false,
	// and calls nothing, when the driver has ended.
	Drive(*Conn) bool
}

// Message is one SIP message as it came: its bytes are the Batch's, until that is released.
type Message struct {
	Bytes []byte
	// Fault is None for a whole message. Otherwise nothing behind it can be cut: Bytes is what there is of it, its headers at
	// least where they were readable, and the connection ends once an answer was sent.
	Fault sipwire.Fault
}

// Why nothing could be sent.
var (
	ErrClosed  = errors.New("the connection is closed")
	ErrFull    = errors.New("the peer does not read what it is sent")
	ErrRefused = errors.New("there are too many connections")
)

// End is why a connection ended. The set is small and fixed, so that it can be counted.
type End uint8

// The ends. The first ones are of connections that never opened.
const (
	NotReached      End = iota // nobody could be connected to in time
	HandshakeFailed            // TLS or WebSocket came to no agreement, or not in time
	TooMany                    // the leg, or the source address, has as many connections as it may
	Pressure                   // a lane was behind
	PeerClosed                 // the peer has closed it
	Broken                     // the kernel says that it is gone: reset, timed out
	Idle                       // nothing came for the idle time
	Unfinished                 // a message was begun and not finished in time
	BadFrame                   // where a message ends cannot be told: Content-Length, a header too long, a WebSocket frame that is none
	TooSlow                    // the peer does not read what it is sent
	Stopped                    // the proxy has ended it: it stops, or a panic of what reads it
	numEnds
)

// Ends is how many ends there are.
const Ends = int(numEnds)

var ends = [numEnds]string{
	NotReached: "not reached", HandshakeFailed: "handshake failed", TooMany: "too many", Pressure: "pressure",
	PeerClosed: "closed by the peer", Broken: "broken", Idle: "idle", Unfinished: "unfinished message", BadFrame: "bad frame",
	TooSlow: "too slow", Stopped: "stopped",
}

// String is for logs and counters.
func (e End) String() string { return ends[e] }
