// Package journal is a small map on local disk, or in etcd: what a process must find again when it was killed, or another
// node when this one was.
//
// Who puts something never waits for the disk. A loop of the journal's own writes the newest value of every key that
// was changed in one transaction, and begins the next one when that is done. A transaction is written and not synced:
// what was flushed survives the death of the process, kill -9 included. The disk is synced once a second; a power cut
// may lose what is newer, and may leave values that are a little older than the last ones.
//
// A journal never stands in the way of calls: a disk that is full or broken is said in the log and counted, and what
// could not be written is tried again.
//
// Shared is the same for nodes that have it in turn. All hear what is in it, and the one that has taken it last writes.
package journal
