package location

import "sync/atomic"

// Stats is what a store holds and has done so far. What stands behind Expired is of a Shared one alone.
type Stats struct {
	Registrations, Bindings int    // addresses of record, bindings
	Waiting                 int    // updates that wait for the disk, or for etcd
	Kept, Failed            uint64 // updates that were made durable, and that could not be
	Expired                 uint64 // bindings that lapsed; of a Shared one each node counts them

	Away      bool   // etcd does not answer: what is known is used on
	Owed      int    // addresses of record whose changes were accepted meanwhile, and are not in etcd yet
	Conflicts uint64 // updates that were made anew, as another node was faster
	Damaged   uint64 // values in etcd that could not be read
}

type stats struct{ kept, failed, expired, conflicts, damaged atomic.Uint64 }
