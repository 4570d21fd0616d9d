package leg

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// credit bounds what anybody can have sent to others by writing their addresses into the source of his datagrams. For an address, be it
// of IPv4 or a /64 of IPv6,
//
//	bytes answered ≤ bytes received + loan + 8 bytes a second
//
// and for all addresses together
//
//	bytes answered ≤ bytes received + 64 KiB + 4 KiB a second
//
// RFC 3261 has answers a bit longer than the shortest requests, and challenges longer still. So who has no debts is lent what his
// request is short of; that he pays back by requests that are not answered, or in time. What is refused is answered when the
// request is sent again, unless it is shorter than half of its answer: then it takes some more.
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
}

const (
	accounts  = 1 << 15
	loan      = 768 // bytes: two challenges and some, for a REGISTER as short as they come
	forgiven  = 8   // bytes a second of an address's debt
	mostLent  = 64 << 10
	mostSaved = 64 << 10 // of a balance: nobody saves up for a flood
	backLent  = 4 << 10  // bytes a second that may be lent again
)

// pays tells whether an answer may be sent to an address, whose request it is: now and the lengths of both in bytes. Answers
// that are no longer than their requests are not counted.
func (c *credit) pays(now time.Duration, to netip.Addr, received, answer int) bool {
	if answer <= received {
		return true
	}
	a := c.account(now, to)
	a.balance = min(a.balance+int32(received), mostSaved)
	short := int32(answer) - a.balance
	switch {
	case short <= 0:
	case a.balance < int32(received) || short > loan || !c.lend(now, int64(short)): // who has debts is lent nothing
		return false
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
		*a = account{of: rest, at: second}
	}
	if a.balance < 0 {
		a.balance = int32(min(0, int64(a.balance)+int64(second-a.at)*forgiven))
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
