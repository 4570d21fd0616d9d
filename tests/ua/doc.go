// Package ua is a scripted SIP phone for tests.
//
// A Phone is one UDP socket on the loopback, or, over TCP, TLS and WebSocket, the connections that it takes and opens. A
// test tells it what to send and asks it what came: nothing happens behind the test's back, no retransmission, no
// automatic answer but to pings. A Message shows what came without interpreting it away, so that a test can ask for exact
// bytes. A Call keeps what a dialog must keep (RFC 3261 §12): tags, route set, remote target, CSeq.
//
//	alice, bob := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
//	call := alice.Invite("sip:bob@example.com", ua.Options{Proxy: proxy})
//	bob.Answer(bob.Receive(), 200, ua.Options{})
//	call.Ack(call.Response())
//	bob.Receive() // the ACK
package ua
