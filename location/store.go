package location

import (
	"errors"
	"slices"
	"time"
)

// Store is what a registrar, a proxy and an operator need of the bindings. Its methods may be called from any goroutine. An
// address of record is compared byte by byte: who uses the store gives its canonical form (RFC 3261 §10.3 step 5).
type Store interface {
	// Lookup appends the bindings of aor that have not lapsed at now to into, in the order in which a request tries them: the
	// highest q in front, those with the same q as Update has put them. It does not wait, nor allocate when into has room. Path is shared and
	// not to be changed.
	Lookup(aor []byte, now time.Time, into []Binding) []Binding

	// Update replaces the bindings of aor that have not lapsed at now by those that change makes of them; none removes
	// the address of record. Updates of one address of record happen one after the other. change may be called more than
	// once and from another goroutine; it must neither block nor call the store, and may change and keep the slice that it is given.
	//
	// done hears, exactly once and from another goroutine, that the update is durable and visible, or why nothing of it
	// is. It must not block. When Update itself returns an error, be it change's own, done is not called.
	Update(aor string, now time.Time, change Change, done func(error)) error

	// List is up to limit registrations whose addresses of record begin with prefix and follow after, in their order. The
	// last one's is the next call's after. It is for people: each call looks at everything.
	List(prefix, after string, limit int, now time.Time) []Registration

	// Close makes durable what was changed before it. Lookup and List still answer then.
	Close()
}

// Change makes an address of record's new bindings of its present ones.
type Change func(present []Binding) ([]Binding, error)

// Why an update is refused. What is returned may wrap one of these with details.
var (
	ErrFull    = errors.New("the location store holds as many bindings as it may")
	ErrTooMany = errors.New("the address of record has more bindings than it may have")
	ErrTooLong = errors.New("the address of record or its binding is too long to be kept")
	ErrBusy    = errors.New("too many registrations wait to be written")
	ErrNotKept = errors.New("the registration could not be written")
	ErrUnknown = errors.New("there is no such binding")
	ErrClosed  = errors.New("the location store is closed")
)

// Remove removes one contact of aor, or all of them when contact is empty; ErrUnknown when there is none.
func Remove(s Store, aor, contact string, now time.Time, done func(error)) error {
	return s.Update(aor, now, func(present []Binding) ([]Binding, error) {
		left := slices.DeleteFunc(slices.Clone(present), func(b Binding) bool { return contact == "" || b.Contact == contact })
		if len(left) == len(present) {
			return nil, ErrUnknown
		}
		return left, nil
	}, done)
}
