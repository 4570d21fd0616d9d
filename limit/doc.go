// Package limit keeps the crowd within bounds: token buckets for each source address and each user, and bans that
// survive a restart. All of it has a fixed size, for its keys are chosen by whoever sends.
//
//	Limiter   one rate for many keys: may this source, this user, send one more?
//	Watch     counts offences of a source or a user, and bans it after so many of them
//	Bans      who is banned, until when and why; asked for every packet, without a lock
//
// A source is an IPv4 address or the /64 of an IPv6 address: that much a single customer has. Every now is a reading of
// one monotonic clock that all callers share.
//
// Over UDP a source can be forged. What is forged can be limited and banned in another's name; so bans are short, and
// the networks that must never be banned are named.
package limit
