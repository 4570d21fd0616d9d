// Package stream carries SIP over connections: TCP, TLS and WebSocket (RFC 3261 §18, RFC 7118).
//
// An Endpoint is one leg's place: it listens, and it opens connections to others. Each connection has one reader, a goroutine or a Driver
// of many, which cuts what comes into messages and hands them to the Sink that the connection was given to, one after another. Writing
// never waits: what the kernel does not take at once is kept up to a bound, and a peer that does not read is cut off rather than
// buffered for.
//
// Nothing here knows what a message means beyond where it ends.
package stream
