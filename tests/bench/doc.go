// Command bench compares whole forwarders: CPU time per forwarded packet of actorsip, of Kamailio (stateless), of
// Net::SIP's stateless_proxy.pl, and of a bare recvmmsg/sendmmsg forwarder that parses nothing, which is the floor.
//
//	go run ./tests/bench [-only floor,actorsip] [-rate 2000] [-seconds 5] [-rounds 3] [-lanes 2] [-pin] [-poisson] [-max]
//
// One forwarder runs at a time, in rounds that take turns, so that a drift of the machine meets all of them:
//
//	caller (32 sockets) ──▶ inside ┌───────────┐ outside ──▶ callee (32 sockets)
//	127.0.0.11          ◀──────────│ forwarder │◀────────── 127.0.0.12
//	                     127.0.0.1 └───────────┘ 127.0.0.2
//
// A call is INVITE (SDP), 200 (SDP), ACK, BYE, 200: five packets, each forwarded once. Calls begin at a steady pace
// that does not wait for answers. The callers build ACK and BYE from the Contact and the Record-Route set of the 200
// (RFC 3261 §12), and both sides check every message; a round in which more than one call in a thousand fails is
// invalid. The figure is user plus system time of the forwarder's threads, in nanoseconds from the scheduler, over
// the packets that reached the phones in the same window.
//
// A forwarder that the machine lacks is skipped with the reason. Everything is on loopback and stops by itself.
package main
