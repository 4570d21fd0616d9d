package leg

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// credit bounds what anybody can have sent to others by writing their addresses into the source of his datagrams. For an address, be it
// of IPv4 or a /64 of IPv6,
//
//	bytes answered ≤ bytes received + 768
//
// and for all addresses together
//
//	bytes answered ≤ bytes received + 64 KiB + 4 KiB a second
//
// RFC 3261 has answers a bit longer than the shortest requests, and challenges longer still. So who has been silent for a while
// is lent what his first requests are short of. He pays it back by requests that are not answered, so in a flood no more leaves than
// came; what he then still owes is forgiven when he is silent. What is refused is answered when the request is sent again, unless it is
// much shorter than its answer: then it takes some more.
//
// It is one leg's on one lane, and fixed in size. An address that another drives out begins anew, and what it is lent then counts
// in what is lent to all: so nothing is won by driving addresses out.
type credit struct {
	seed     maphash.Seed
	accounts []account
	lent     int64         // bytes, to all
	at       time.Duration // when time was last paid for into lent
}

// account is of one address.
type account struct {
	of      uint32 // rest of its hash
	at      uint32 // second of the last look
	balance int32  // bytes received less those answered; below 0: a debt
	lent    int32  // of its loan
}

const (
	accounts  = 1 << 15
	loan      = 768 // bytes: two challenges and some, for a REGISTER as short as they come
	silence   = 32  // seconds: longer than a request is sent again (RFC 3261 §17.1.2.2: timer F)
	mostSaved = 64 << 10
	mostLent  = 64 << 10
	backLent  = 4 << 10 // bytes a second that may be lent again
)

// pays tells whether an answer may be sent to an address, whose request it is: now and the lengths of both in bytes. Answers
// that are no longer than their requests are not counted.
func (c *credit) pays(now time.Duration, to netip.Addr, received, answer int) bool {
	if answer <= received {
		return true
	}
	a := c.account(now, to)
	saved := max(a.balance, 0)
	a.balance = min(a.balance+int32(received), mostSaved)
	if a.balance < int32(answer) {
		short := int32(answer-received) - saved
		if a.lent+short > loan || !c.lend(now, int64(short)) {
			return false
		}
		a.lent += short
	}
	a.balance -= int32(answer)
	return true
}

// account is that of an address, with what time has done to it.
func (c *credit) account(now time.Duration, of netip.Addr) *account {
	if c.accounts == nil {
		c.accounts, c.seed = make([]account, accounts), maphash.MakeSeed()
	}
	var h uint64
	if of = of.Unmap(); of.Is4() {
		b := of.As4()
		h = maphash.Bytes(c.seed, b[:])
	} else {
		b := of.As16()
		h = maphash.Bytes(c.seed, b[:8])
	}
	a, second := &c.accounts[h%accounts], uint32(now/time.Second)
	if rest := uint32(h >> 32); a.of != rest {
		*a = account{of: rest}
	} else if second-a.at > silence {
		a.balance, a.lent = max(a.balance, 0), 0
	}
	a.at = second
	return a
}

// lend takes from what may be lent to all. It is false when that is not enough.
func (c *credit) lend(now time.Duration, bytes int64) bool {
	if back := int64(now-c.at) * backLent / int64(time.Second); back > 0 {
		c.lent, c.at = max(0, c.lent-back), now
	}
	if c.lent+bytes > mostLent {
		return false
	}
	c.lent += bytes
	return true
}
