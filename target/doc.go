// Package target turns the target of a SIP URI into one hop: transport, address and port (RFC 3263).
//
// A stateless proxy remembers nothing, yet a retransmission, its ACK and its CANCEL must go where the first packet
// went. So every choice among equals is a function of the records and of a key that the caller takes from the
// Call-ID: neither the order of a DNS answer nor the node that asks matters, and a record that comes or goes moves
// only the calls that it concerns.
//
// Lookup answers from the cache, without a lock and without allocating; Resolve asks the network, and tells its
// caller later. Nobody waits who does not need the answer, and what waits is bounded.
package target
