package target

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/sipwire"
)

// Why a query leads to no hop. What is returned may wrap one of these with the question and the cause.
var (
	ErrBadName     = errors.New("the target is neither an address nor a valid domain name")
	ErrNotFound    = errors.New("the target has no address")
	ErrNoService   = errors.New("the target's domain says that it offers no such SIP service")
	ErrNoTransport = errors.New("no leg carries the target's transport or address family")
	ErrNoMore      = errors.New("the target has no further server")
	ErrUnavailable = errors.New("the name service gives no answer")
	ErrBusy        = errors.New("too many packets wait for the name service")
	ErrClosed      = errors.New("the resolver is closed")
)

// Config says whom to ask and what our legs can reach.
type Config struct {
	Servers    []string            // name servers, "ip" or "ip:port"; empty: those of /etc/resolv.conf, behind /etc/hosts
	Timeout    time.Duration       // per try; default 2 s, or what resolv.conf says
	Attempts   int                 // tries per name server; default 2, or what resolv.conf says
	MaxWaiting int                 // how many queries may wait at once; default 1024
	CacheSize  int                 // record sets; default 10000
	Transports []sipwire.Transport // which our legs carry; what DNS offers over others is passed over
	IPv4, IPv6 bool                // address families that our legs reach; only these are asked

	// Failed hears of a panic while a question was being answered or an answer told. Only who waited for that question
	// is concerned, and hears ErrUnavailable. nil: nobody hears.
	Failed func(loop.Ended)
}

// Resolver finds hops. Its methods may be called from several goroutines.
type Resolver struct {
	carries    carried          // set once
	ipv4, ipv6 bool             // set once
	maxWaiting int              // set once
	servers    *servers         // set once
	hosts      *hosts           // set once; nil: none
	cache      *cache           // set once
	now        func() time.Time // set once
	failed     func(loop.Ended) // set once

	stats stats

	mu      sync.Mutex // guards the rest; not held while anything is asked, nor by Lookup
	flights map[question]*flight
	waiting int
	closed  bool
	loops   sync.WaitGroup // counted up under mu, and only while not closed
}

// New reads the system's files where cfg names no servers. It opens no socket.
func New(cfg Config) (*Resolver, error) {
	return newResolver(cfg, system{resolvConf: "/etc/resolv.conf", hosts: "/etc/hosts"})
}

func newResolver(cfg Config, sys system) (*Resolver, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	servers, err := serversFrom(cfg, sys)
	if err != nil {
		return nil, err
	}
	r := &Resolver{
		ipv4: cfg.IPv4, ipv6: cfg.IPv6, maxWaiting: cfg.MaxWaiting, servers: servers, now: time.Now,
		failed: cfg.Failed, flights: make(map[question]*flight),
	}
	for _, t := range cfg.Transports {
		r.carries |= 1 << t
	}
	if len(cfg.Servers) == 0 {
		r.hosts = &hosts{path: sys.hosts}
	}
	if r.maxWaiting == 0 {
		r.maxWaiting = defaultMaxWaiting
	}
	if cfg.CacheSize == 0 {
		cfg.CacheSize = defaultCacheSize
	}
	r.cache = newCache(cfg.CacheSize)
	return r, nil
}

// Validate tells what is wrong with cfg, in a sentence.
func (cfg Config) Validate() error {
	switch {
	case len(cfg.Transports) == 0:
		return errors.New("a resolver needs to know at least one transport of the legs")
	case !cfg.IPv4 && !cfg.IPv6:
		return errors.New("a resolver needs to know whether the legs reach IPv4, IPv6 or both")
	case cfg.Timeout < 0 || cfg.Attempts < 0 || cfg.MaxWaiting < 0 || cfg.CacheSize < 0:
		return errors.New("a resolver's timeout, attempts, waiting queries and cache size are not negative")
	}
	for _, t := range cfg.Transports {
		if t == sipwire.NoTransport || t > sipwire.SCTP {
			return fmt.Errorf("transport %d of the legs is none", t)
		}
	}
	for _, s := range cfg.Servers {
		if _, err := serverAddr(s); err != nil {
			return err
		}
	}
	return nil
}

// Lookup answers what needs no waiting: an address literal, or a name whose records are all in the cache, be it that
// they say there is nothing (err). known is false when Resolve must ask. It takes no lock and does not allocate.
func (r *Resolver) Lookup(q Query) (hop Hop, err error, known bool) {
	w := walk{r: r, q: q}
	hop, err = w.hop()
	if err == errMissing {
		return Hop{}, nil, false
	}
	r.stats.remembered.Add(1)
	return hop, err, true
}

// Resolve finds the hop and tells it to done, exactly once and from another goroutine. done must not block, nor call
// Close. When Resolve itself returns an error, ErrBusy or ErrClosed, done is not called.
func (r *Resolver) Resolve(q Query, done func(Hop, error)) error {
	return r.resolve(&waiter{q: q, done: done})
}

func (r *Resolver) resolve(w *waiter) error {
	w.q.Host = strings.ToLower(w.q.Host)
	w.began = r.now()
	r.mu.Lock()
	switch {
	case r.closed:
		r.mu.Unlock()
		return ErrClosed
	case r.waiting >= r.maxWaiting:
		r.mu.Unlock()
		return ErrBusy
	}
	r.waiting++
	r.stats.asked.Add(1)
	r.loops.Add(1) // so that Close waits for what is started here
	r.mu.Unlock()
	defer r.loops.Done()
	if hop, err, known := r.advance(w); known {
		r.start("target", func() { r.tell(w, hop, err) }, nil)
	}
	return nil
}

// Close ends what is being asked; who waits for it hears ErrClosed. It returns when all goroutines are gone, and must
// not be called from a done.
func (r *Resolver) Close() {
	r.mu.Lock()
	r.closed = true
	for _, f := range r.flights {
		f.cancel()
	}
	r.mu.Unlock()
	r.loops.Wait()
}
