package relay

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// pool has the port pairs of one Pool. Its lock is held while sockets are bound, but never on a packet's way.
type pool struct {
	addr  netip.Addr
	low   uint16 // the first RTP port
	clock func() time.Duration

	busy atomic.Int64 // pairs that are leased or rest; changed with mu

	mu      sync.Mutex
	pairs   []pair // as many as there are, from the beginning
	leased  int
	resting []rest // the first to be free is first
}

// pair is one pair of ports. Both are nil unless it is leased.
type pair struct {
	rtp, rtcp *port
	rests     bool
}

// rest is a pair in quarantine.
type rest struct {
	pair  int
	until time.Duration
}

func newPool(p Pool, clock func() time.Duration) (*pool, error) {
	low := p.Low + p.Low&1
	if !p.Addr.IsValid() || p.Low == 0 || low < p.Low || p.High <= low {
		return nil, fmt.Errorf("%s has no pair of ports between %d and %d: RTP takes an even one, RTCP the one above", p.Addr, p.Low, p.High)
	}
	addr := p.Addr.Unmap()
	switch s, err := bind(netip.AddrPortFrom(addr, 0), false); {
	case err == nil:
		s.close()
	case !p.Shared || !errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("media ports cannot be opened on %s: %w", p.Addr, err)
	}
	return &pool{addr: addr, low: low, clock: clock, pairs: make([]pair, (int(p.High)-int(low)+1)/2)}, nil
}

// lease binds a run of n free pairs and returns its first port. A run with a port that another process has is passed over.
func (p *pool) lease(n int) (uint16, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake()
	if n < 1 || n > len(p.pairs)-p.leased-len(p.resting) {
		return 0, ErrNoPorts
	}
	// A few blind tries find a place at once as long as the pool is not nearly full, and favour none.
	const tries = 8
	runs := len(p.pairs) - n + 1
	start := 0
	for range tries {
		start = random(runs)
		if ok, err := p.take(start, n); ok || err != nil {
			return p.portOf(start), err
		}
	}
	for range runs { // a pool is exhausted only when every place was tried
		start = (start + 1) % runs
		if ok, err := p.take(start, n); ok || err != nil {
			return p.portOf(start), err
		}
	}
	return 0, ErrNoPorts
}

// take binds the n pairs from first on. False without an error: one of them is not to be had.
func (p *pool) take(first, n int) (bool, error) {
	for i := first; i < first+n; i++ {
		if p.pairs[i].rtp != nil || p.pairs[i].rests {
			return false, nil
		}
	}
	for i := first; i < first+n; i++ {
		if err := p.bind(i); err != nil {
			for j := first; j < i; j++ {
				p.pairs[j].rtp.close()
				p.pairs[j].rtcp.close()
				p.pairs[j] = pair{}
			}
			if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EACCES) {
				return false, nil
			}
			return false, fmt.Errorf("%w: %w", ErrNoPorts, err)
		}
	}
	p.leased += n
	p.busy.Add(int64(n))
	return true, nil
}

func (p *pool) bind(i int) error {
	number := p.portOf(i)
	rtp, err := bind(netip.AddrPortFrom(p.addr, number), false)
	if err != nil {
		return err
	}
	rtcp, err := bind(netip.AddrPortFrom(p.addr, number+1), true)
	if err != nil {
		rtp.close()
		return err
	}
	p.pairs[i] = pair{
		rtp:  &port{socket: rtp, number: number},
		rtcp: &port{socket: rtcp, number: number + 1, control: true},
	}
	return nil
}

// claim binds certain pairs.
func (p *pool) claim(l Lease) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake()
	first, ok := p.run(l)
	if !ok {
		return fmt.Errorf("%d pairs from port %d on are not in the pool of %s", l.Pairs, l.Port, p.addr)
	}
	if ok, err := p.take(first, l.Pairs); !ok {
		if err == nil {
			err = fmt.Errorf("one of the %d pairs from %s on is in use", l.Pairs, netip.AddrPortFrom(p.addr, l.Port))
		}
		return err
	}
	return nil
}

// retire takes back a lease. The pairs rest, the ports are for the caller to close.
func (p *pool) retire(l Lease) (ports []*port) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first, ok := p.run(l)
	if !ok {
		return nil
	}
	until := p.clock() + Quarantine
	for i := first; i < first+l.Pairs; i++ {
		pr := &p.pairs[i]
		if pr.rtp == nil {
			continue
		}
		ports = append(ports, pr.rtp, pr.rtcp)
		*pr = pair{rests: true}
		p.resting = append(p.resting, rest{i, until})
		p.leased--
	}
	return ports
}

// empty takes back everything.
func (p *pool) empty() (ports []*port) {
	p.mu.Lock()
	all := Lease{Port: p.low, Pairs: len(p.pairs)}
	p.mu.Unlock()
	return p.retire(all)
}

// at is the pair whose RTP port that is; nils when it is not leased.
func (p *pool) at(number uint16) [2]*port {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, ok := p.run(Lease{Port: number, Pairs: 1})
	if !ok {
		return [2]*port{}
	}
	return [2]*port{p.pairs[i].rtp, p.pairs[i].rtcp}
}

func (p *pool) state() PoolState {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake()
	return PoolState{Leased: p.leased, Resting: len(p.resting), Free: len(p.pairs) - p.leased - len(p.resting)}
}

// wake frees the pairs that have rested long enough.
func (p *pool) wake() {
	now, n := p.clock(), 0
	for n < len(p.resting) && p.resting[n].until <= now {
		p.pairs[p.resting[n].pair].rests = false
		n++
	}
	p.resting = p.resting[n:]
	p.busy.Add(int64(-n))
}

// full tells whether no pair is free. Packets ask: only when it may be so the lock is taken, to see who has rested long enough.
func (p *pool) full() bool { return p.busy.Load() >= int64(len(p.pairs)) && p.state().Free == 0 }

// rouse frees the pairs of a lease that rest, before their time, for the call that had them is to have them again. It is true when
// there were any.
func (p *pool) rouse(l Lease) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	first, ok := p.run(l)
	if !ok {
		return false
	}
	before := len(p.resting)
	p.resting = slices.DeleteFunc(p.resting, func(r rest) bool {
		is := first <= r.pair && r.pair < first+l.Pairs
		if is {
			p.pairs[r.pair].rests = false
		}
		return is
	})
	woken := before - len(p.resting)
	p.busy.Add(int64(-woken))
	return woken > 0
}

// run is where a lease's pairs are.
func (p *pool) run(l Lease) (first int, ok bool) {
	first = (int(l.Port) - int(p.low)) / 2
	return first, l.Port >= p.low && l.Port%2 == 0 && l.Pairs > 0 && first+l.Pairs <= len(p.pairs)
}

func (p *pool) portOf(pair int) uint16 { return p.low + 2*uint16(pair) }

// random is from [0, n). Ports are drawn so that nobody can foresee where the next call's media will be.
func random(n int) int {
	var b [8]byte
	rand.Read(b[:]) // it never fails: it would end the process
	return int(binary.LittleEndian.Uint64(b[:]) % uint64(n))
}
