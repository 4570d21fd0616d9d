// Package cluster knows which nodes there are and tells their actors something.
//
//	   rooms ── Tell(member, path, message) ──▶ link ═══ mutual TLS ═══▶ door ──▶ the room at path, on the other node
//	                                             ▲                        │
//	etcd ◀──▶ register ──▶ roster ── beats ──────┘        beats ──▶ roster ◀─┘
//	                         │
//	                         └──▶ Members, Watch, Fenced
//
// A node is a name; each time it joins it lives a new life, whose id begins with the time. Who is a member is decided in one of two
// ways. With etcd it is decided there: a member has a key with a lease, and a life whose lease has run out gets a gravestone, by a
// transaction that fails when the key is back. A life with a gravestone can not enter again, so that all nodes that reach etcd agree,
// and while etcd is away nobody is given up. Without etcd every node tells all others a beat a few times a second, and a node that is
// silent for too long is given up by those who miss it.
//
// A node that was given up finds out when its life is refused, by etcd or by any peer, and is fenced: it must give up what it owns and
// join again, as another life. When two sides of a cut gave each other up, the smaller side is fenced.
//
// Fails: what arrives is taken from nobody without a certificate of this cluster, and only what is on the allow-list, for paths that
// are on it. The rest is counted, reported a few times a second at most, and never reaches a room. A link is a bounded queue; what
// does not fit, or is for a node that is away, is refused at once with ErrAway.
//
// What a node said of itself last is remembered for a day after it, in etcd or by the others (former.go): who joins hears of those who
// are dead.
//
// The wire is the remoting protocol of protoactor: its gRPC service, its batches, its paths.
package cluster
