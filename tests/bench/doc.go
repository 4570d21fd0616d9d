// Command bench compares whole programs, one at a time under the same load, on loopback, and stops by itself.
//
//	go run ./tests/bench             sip by UDP, sip over TCP, media, idle, register, scanner
//	go run ./tests/bench sip   [-transport tcp] [-only floor,actorsip] [-rate 2000] [-seconds 5] [-rounds 3] [-lanes 2] [-pin] [-poisson] [-max]
//	go run ./tests/bench media [-only rtpengine,actorsip] [-calls 100,300,1000,1500] [-seconds 3] [-rounds 1] [-pin=false]
//	go run ./tests/bench idle  [-only tcp,tls] [-silent 10000] [-slow 1000] [-rate 4000] [-seconds 5] [-rounds 3] [-lanes 2] [-idle 20s] [-partial 10s] [-pin=false]
//	go run ./tests/bench register [-users 100000] [-rate 10000] [-calls 8000] [-seconds 3] [-rounds 10] [-lanes 2] [-waiting 1024] [-max=false]
//	go run ./tests/bench scanner [-addresses 1000] [-allowed 5] [-flood 50000] [-calls 1000] [-seconds 5] [-lanes 2]
//
// What the machine lacks is skipped with the reason. Rounds take turns, so that a drift of the machine meets all.
//
// # sip
//
// CPU time per forwarded SIP packet of actorsip, of Kamailio (stateless), of Net::SIP's stateless_proxy.pl, and of a
// bare recvmmsg/sendmmsg forwarder that parses nothing, which is the floor.
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
// Over TCP there are eight connections on either side, as between gateways, open all the time: eight callers connect to
// the forwarder, and it connects to eight callees. Messages of many calls follow one another on each, and nobody waits
// for an answer before the next one. Kamailio has one process that reads connections, and as kamailio2 two; the floor is
// an epoll loop that finds where messages end by Content-Length, and writes what a read has completed at once.
//
// # media
//
// CPU time per relayed RTP packet of actorsip, of rtpengine in user space, and of a bare epoll loop that reads and
// sends one packet at a time, which is the floor; with more and more calls, until the relay's core is full.
//
//	callers, a port a call ──▶ inside ┌───────┐ outside ──▶ callees, a port a call
//	127.0.0.11             ◀──────────│ relay │◀────────── 127.0.0.12
//	                        127.0.0.1 └───────┘ 127.0.0.2
//
// The relays get the same session descriptions, actorsip by SIP through its two legs, rtpengine by its ng protocol. All
// calls are made first and the relay's memory is read; then each endpoint sends 172 bytes of RTP every 20 ms, the
// endpoints one after the other in even distances, and takes what has arrived when its turn comes, so that the relay
// wakes nobody. Every packet is checked (RFC 3550 §5.1). Its delay is from just before the system call that sends it to
// the kernel's stamp when it reaches the other end's socket. The relay has core 1 for itself, the endpoints are one
// thread on core 0. Rows that other work, loss or late endpoints have touched say so.
//
// # idle
//
// What connections cost of which nothing is wanted: actorsip with two UDP legs and one for connections, first over TCP,
// then TLS.
//
//	        probe ──▶ inside ┌──────────┐ outside ──▶ probe
//	127.0.0.11     127.0.0.1 │ actorsip │ 127.0.0.2   127.0.0.12
//	10 000 silent ───▶ crowd │          │
//	 1 000 slow   ───▶       └──────────┘
//	127.1.0.1, 127.1.0.2 …
//
// A round measures the delay of INVITEs that are forwarded by UDP, which come at random; lets the connections join, each
// from an address of its own; reads the proxy's memory when the silent ones are there; and measures again while each of
// the slow ones sends one byte a second of a header that never ends. Delays are from just before the system call that
// sends to the kernel's stamp when the request reaches the other end's socket: nobody is woken but the proxy. Then all
// wait for the proxy's timers, which end silent and unfinished connections, and what it still has of sockets, other
// descriptors, goroutines and connections is compared with what it had before the first one. Its own account of
// goroutines and memory may be 15 s old, so there are pauses before it is asked.
//
// # register
//
// What registrations cost. Phones on 8 sockets register users who come for the first time, at random; first nobody is asked for a
// password, then all are, so that a registration is REGISTER, 401, REGISTER, 200. The time to the 200 is from just before the first
// REGISTER is sent to the kernel's stamp of the 200: by then the binding is on the disk that has the temporary directory. The rate
// rises and falls until the highest is known at which nobody is refused or left without an answer. Each rate has a new proxy.
//
// Then one proxy, alone on core 1, is sent INVITEs by UDP as in idle, in turns to a domain with a next hop and to registered users, one
// after the other. Its CPU time for each is compared. Memory is read before the users register and 15 s after.
//
// # scanner
//
// How long requests of dialogs take beside a flood of REGISTER and OPTIONS for users who do not exist, from many addresses, which
// the proxy limits by source, and then bans as well. The thread that sends the requests of dialogs floods in between. They come
// once by the leg that is flooded and once by the other one.
package main
