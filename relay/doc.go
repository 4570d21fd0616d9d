// Package relay is the RTP data plane: it leases ports, moves packets between the two sides of a call, learns where an
// endpoint behind NAT sends from, and counts.
//
// RTP never enters a mailbox. A media session gives commands to an Engine and reads its counters; see engine.go.
//
// The engine of New lives in user space. A few workers own everything that a packet touches: the ports in use, the relays,
// what was learned of their sides (learn.go). A worker waits for all its ports at once and moves one packet at a time, so
// that nothing on a packet's way is locked or allocated.
//
//	Start, Change, Stop ──▶ commands ──▶ worker ──▶ port ──▶ side ─ may it pass? ─▶ side ──▶ port
//	Read ◀─────────── atomics ◀──────────┘             learn.go, control.go     destination
//
// What a worker owns belongs to the engine: a worker that panics loses the packet at fault and begins again where it was.
package relay
