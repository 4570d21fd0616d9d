package digest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/actorsip/actorsip/loop"
)

// Why a user is not asked for.
var (
	ErrBusy   = errors.New("too many packets wait for the service that knows the users")
	ErrClosed = errors.New("the service that knows the users is closed")
)

// CallbackConfig says whom to ask over HTTP, and what of it to remember.
type CallbackConfig struct {
	URL           string        // http or https
	Method        string        // POST: the question is a JSON object; GET: it is in the query; default: POST
	Authorization string        // the value of that header, as "Bearer …"; empty: none
	Timeout       time.Duration // of one question; default 3 s
	TTL           time.Duration // how long an HA1 is remembered; default 1 min
	AbsentTTL     time.Duration // how long it is remembered that there is no such user; default 10 s
	Users         int           // how many users are remembered, and how many that there are not; default 100 000 each
	Connections   int           // how many questions are under way at once; default 16
	MaxWaiting    int           // how many requests may wait at once; default 1024

	// Failed hears of a question that was not answered, and of a panic while one was asked or its answer told. It must not
	// block. nil: nobody hears.
	Failed func(error)
}

const (
	failedTTL = 2 * time.Second // so that a sick service is not asked for every packet
	minTTL    = time.Second     // who has waited must find the answer
)

// Callback is Users of an HTTP service. It is asked
//
//	{"user": "alice", "realm": "example.com", "algorithm": "SHA-256"}
//
// and says {"ha1": "hexadecimal digits"} with 200, or 404 when there is no such user. All else is a failure.
type Callback struct {
	cfg     CallbackConfig   // set once
	client  *http.Client     // set once
	now     func() time.Time // set once
	context context.Context  // ends with Close: of the questions, none of a caller's is as long as they; set once
	cancel  func()           // set once
	present *cache
	others  *cache // what is not there, or failed: a flood of names drives nobody out of present

	mu      sync.Mutex // guards the rest; not held while anything is asked or told
	flights map[string]*flight
	queue   []*flight // that nobody has taken yet
	workers int
	waiting int
	closed  bool
	loops   sync.WaitGroup // counted up under mu while not closed, or by one of them
}

// NewCallback opens no connection.
func NewCallback(cfg CallbackConfig) (*Callback, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	orElse(&cfg.Method, http.MethodPost)
	orElse(&cfg.Timeout, 3*time.Second)
	orElse(&cfg.TTL, time.Minute)
	orElse(&cfg.AbsentTTL, 10*time.Second)
	orElse(&cfg.Users, 100_000)
	orElse(&cfg.Connections, 16)
	orElse(&cfg.MaxWaiting, 1024)
	c := &Callback{
		cfg: cfg, now: time.Now, flights: map[string]*flight{},
		present: newCache(cfg.Users), others: newCache(cfg.Users),
		client: &http.Client{
			Timeout:       cfg.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				MaxConnsPerHost: cfg.Connections, MaxIdleConnsPerHost: cfg.Connections, IdleConnTimeout: time.Minute,
				MaxResponseHeaderBytes: 16 << 10, ForceAttemptHTTP2: true,
			},
		},
	}
	c.context, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

func orElse[T comparable](to *T, value T) {
	var none T
	if *to == none {
		*to = value
	}
}

// Validate tells what is wrong with cfg, in a sentence.
func (cfg CallbackConfig) Validate() error {
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("%q is no http or https URL", cfg.URL)
	case cfg.Method != "" && cfg.Method != http.MethodPost && cfg.Method != http.MethodGet:
		return fmt.Errorf("users are asked for by POST or GET, not by %q", cfg.Method)
	case cfg.Timeout < 0 || cfg.TTL < 0 || cfg.AbsentTTL < 0 || cfg.Users < 0 || cfg.Connections < 0 || cfg.MaxWaiting < 0:
		return errors.New("times, sizes and numbers of a callback are not negative")
	}
	return nil
}

// Lookup tells what is remembered.
func (c *Callback) Lookup(user []byte, realm string, a Algorithm) (HA1, Found) {
	if !utf8.Valid(user) { // JSON cannot name it
		return HA1{}, Absent
	}
	var buf [2 + maxUser + maxRealm]byte
	key, now := appendKey(buf[:0], user, realm, a), c.now()
	r, ok := c.present.find(key, now)
	if !ok {
		r, ok = c.others.find(key, now)
	}
	if !ok {
		return HA1{}, Unasked
	}
	return r.ha1, r.found
}

// appendKey has the realm first: it has no NUL.
func appendKey[T string | []byte](dst []byte, user T, realm string, a Algorithm) []byte {
	dst = append(append(append(dst, byte(a)), realm...), 0)
	return append(dst, user...)
}

// Resolve asks. The same question is asked once, however many wait for it.
func (c *Callback) Resolve(user, realm string, a Algorithm, done func()) error {
	key := string(appendKey(nil, user, realm, a))
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case c.waiting >= c.cfg.MaxWaiting:
		return ErrBusy
	}
	c.waiting++
	f := c.flights[key]
	if f == nil {
		f = &flight{key: key, user: user, realm: realm, algorithm: a}
		c.flights[key] = f
		c.queue = append(c.queue, f)
		if c.workers < c.cfg.Connections {
			c.workers++
			c.start(new(worker))
		}
	}
	f.waiters = append(f.waiters, done)
	return nil
}

// Close ends what is being asked; who waits for it is told. It returns when all goroutines are gone, and must not be called from
// a done.
func (c *Callback) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.loops.Wait()
	c.client.CloseIdleConnections()
}

// start runs a worker on a loop that Close waits for. After a panic another loop goes on where it was.
func (c *Callback) start(w *worker) {
	c.loops.Add(1)
	loop.Start("users callback", func(<-chan struct{}) { c.work(w) }, func(e loop.Ended) {
		defer c.loops.Done()
		if e.Panic != nil {
			c.fail(e.Err())
			c.start(w)
		}
	})
}

func (c *Callback) fail(err error) {
	if c.cfg.Failed != nil {
		c.cfg.Failed(err)
	}
}
