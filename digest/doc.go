// Package digest is SIP digest authentication as a verifier that remembers next to nothing (RFC 3261 §22, RFC 7616,
// RFC 8760).
//
// A challenge is a function of the keys, the clock and chance: its nonce carries when it was made and a MAC, so any node
// that has the key file knows its own, without a list of those that are out. What must be remembered is which requests a
// nonce has been used for, or a captured header would be good until the nonce is too old: that is a table of fixed size, and
// what it has no place for is asked for again (stale=true), never believed. A phone answers that by itself; nobody notices.
//
//	Verifier  shared: users, offered algorithms, the table of used nonces
//	Checker   one for a goroutine: Verify ▶ Result, AppendChallenge
//	Users     File (htdigest) or Callback (HTTP): HA1 values
//
// A nonce is bound to its realm and role, and to no source address: a phone that changes networks keeps its nonce, and
// a header that was captured is worth nothing from any address. Nodes of a cluster know one another's nonces, but not their
// use: what was captured at one node can be used once at another one, until the nonce is too old, for the same
// request-URI and method. After a restart all nonces of before are stale.
//
// An unknown user and a wrong password take the same way through the code and give the same result. Users of a Callback
// differ from unknown ones by its own time, once: what it said is remembered either way.
package digest
