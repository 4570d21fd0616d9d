package leg

import (
	"net/netip"
	"time"

	"github.com/cespare/xxhash/v2"
)

// credit bounds what anybody can have sent to an address by writing it into the source of his datagrams: as many bytes as he
// sends himself, and a few more: RFC 3261 has answers a bit longer than the shortest requests, and challenges longer still. What is
// refused is answered when the request is sent again: all that came from the address counts together.
//
// It is the lane's, and fixed in size: an address that is driven out begins anew.
type credit struct {
	places []account
}

type account struct {
	of    uint32 // rest of the address's hash
	bytes int32  // that may be sent
	at    uint32 // second of the last look
}

const (
	accounts = 4096
	grace    = 1024 // bytes that an address has at first: a challenge, and some
	refilled = 64   // bytes a second that grow back, up to grace
)

// pays tells whether an answer may be sent to an address, whose request it is: now and the lengths of both in bytes. Answers
// that are no longer than their requests are not counted.
func (c *credit) pays(now time.Duration, to netip.Addr, received, answer int) bool {
	if answer <= received {
		return true
	}
	if c.places == nil {
		c.places = make([]account, accounts)
	}
	a16, second := to.As16(), uint32(now/time.Second)
	h := xxhash.Sum64(a16[:])
	a := &c.places[h%accounts]
	if rest := uint32(h >> 32); a.of != rest {
		*a = account{of: rest, bytes: grace, at: second}
	}
	if grown := int64(second-a.at) * refilled; a.bytes < grace {
		a.bytes = int32(min(int64(a.bytes)+grown, grace))
	}
	a.at = second
	a.bytes += int32(received)
	if a.bytes < int32(answer) {
		return false
	}
	a.bytes -= int32(answer)
	return true
}
