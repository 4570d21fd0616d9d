package journal

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actorsip/actorsip/etcd"
	"github.com/actorsip/actorsip/loop"
)

// SharedConfig says which journal it is, and who asks for it.
type SharedConfig struct {
	Etcd    *etcd.Client // closed after the journal
	Name    string       // of the journal: its entries are below media/NAME/
	Node    string       // who this is
	Changed func()       // the Standing may be another one: called by loops of the journal, and does not wait. nil: nobody
	Failed  func(loop.Ended)
	Log     *slog.Logger
}

// Shared is a durable map in etcd that several nodes have, one at a time. All of them hear what is in it, so that any can go on with
// it at once. Who has taken it writes, and etcd takes that only as long as nobody else has taken it since: a node that was paused
// meanwhile changes nothing. All methods may be called from any goroutine.
//
//	           Take                  heard of its own claim
//	stands by ──────▶ takes, or took ──────────────────────▶ holds: what is put is written
//	    ▲             without etcd                             │
//	    └────────── Leave ◀────────── lost ◀───────────────────┘ heard of another one's claim
type Shared struct {
	cfg      SharedConfig  // set once, as the next four
	prefix   string        // of its entries
	wake     chan struct{} // holds one: there is something to claim or to write
	follower *loop.Handle
	writer   *loop.Handle
	failed   atomic.Uint64

	mu     sync.Mutex        // guards what is below; etcd is never waited for with it
	synced bool              // etcd was heard once
	there  map[string][]byte // what is in etcd, as far as it was heard
	holder etcd.Entry        // likewise, of whoever has taken it
	claim  string            // what this node writes there; empty: it stands by
	heard  chan struct{}     // closed when the claim was heard of
	asked  int64             // revision at which etcd has taken the claim, which was not heard yet
	term   int64             // revision of the claim; 0: it was not heard of
	unsure bool              // taken without etcd: what somebody else writes now voids it
	seen   int64             // revision of the holder's entry then
	lost   bool              // somebody else has taken it since, or it is void
	own    map[string][]byte // what it is to be; nil unless taken
	dirty  map[string]struct{}
	flying map[string]struct{} // on their way to etcd, or perhaps there
	said   time.Time           // when the log was last told of a failure
}

// Standing is how this node stands to a shared journal.
type Standing struct {
	Term    int64 // counts who takes it: whoever takes it later has a greater one. 0: this node has not taken it
	Lost    bool  // somebody else has taken it since; or
	Void    bool  // it was taken without etcd, and something was written of which this node did not know: it is to be taken again
	Waiting int   // keys whose newest value, or end, is not in etcd
}

// OpenShared begins to listen to a journal.
func OpenShared(cfg SharedConfig) *Shared {
	s := &Shared{
		cfg: cfg, prefix: "media/" + cfg.Name + "/", wake: make(chan struct{}, 1), there: map[string][]byte{},
		dirty: map[string]struct{}{}, flying: map[string]struct{}{},
	}
	s.follower = loop.Start("journal follower", func(stop <-chan struct{}) {
		cfg.Etcd.Follow(stop, etcd.Follower{Prefix: s.prefix, All: s.hearAll, Changes: s.hear})
	}, cfg.Failed)
	s.writer = loop.Start("journal writer", s.run, cfg.Failed)
	return s
}

// holding is what the entry of the holder says. The claim is another one each time.
type holding struct {
	Node  string
	Since time.Time
	Claim string
}

// Take has this node be the one that writes, whoever was it before, and gives all that is there. It waits for etcd for a while; without
// it, it gives what is known, and this node holds the journal as long as etcd does not tell of anything that was not known. It is
// false when etcd was never heard, so that nothing is known.
func (s *Shared) Take(wait time.Duration) (all map[string][]byte, ok bool) {
	text, err := json.Marshal(holding{s.cfg.Node, time.Now().UTC(), rand.Text()})
	if err != nil {
		panic(err) // it is plain data
	}
	heard := make(chan struct{})
	s.mu.Lock()
	if !s.synced {
		s.mu.Unlock()
		return nil, false
	}
	s.claim, s.heard, s.asked, s.term, s.unsure, s.lost = string(text), heard, 0, 0, false, false
	s.mu.Unlock()
	s.rouse()
	select {
	case <-heard:
	case <-time.After(wait):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own, s.unsure, s.seen = maps.Clone(s.there), s.term == 0, s.holder.Revision
	return maps.Clone(s.there), true
}

// Leave has this node stand by. Nothing that is there is removed.
func (s *Shared) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claim, s.term, s.unsure, s.lost, s.own = "", 0, false, false, nil
	clear(s.dirty)
	clear(s.flying)
}

// Standing is how it is now. Without etcd the term is one more than that of the last who was heard of.
func (s *Shared) Standing() Standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	isVoid := s.lost && s.unsure && (s.holder.Revision == s.seen || string(s.holder.Value) == s.claim)
	st := Standing{Term: s.term, Lost: s.lost && !isVoid, Void: isVoid, Waiting: len(s.dirty) + len(s.flying)}
	if s.own != nil && st.Term == 0 {
		st.Term = s.holder.Revision + 1
	}
	return st
}

// Put says what key stands for from now on, unless this node stands by. The journal keeps value: who has put it does not change it
// any more.
func (s *Shared) Put(key string, value []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own == nil {
		return
	}
	if len(key) == 0 || len(key) > longestKey || len(value) > longestValue {
		s.failed.Add(1)
		s.complain(fmt.Errorf("a key of %d bytes with a value of %d cannot be kept", len(key), len(value)))
		s.remove(key)
		return
	}
	if old, known := s.own[key]; known && string(old) == string(value) {
		return
	}
	s.own[key] = value
	s.touch(key)
}

// Delete forgets a key. One that never came to etcd costs no write.
func (s *Shared) Delete(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(key)
}

func (s *Shared) remove(key string) {
	if _, known := s.own[key]; !known {
		return
	}
	delete(s.own, key)
	_, isThere := s.there[key]
	_, maybe := s.flying[key]
	if !isThere && !maybe {
		delete(s.dirty, key)
		return
	}
	s.touch(key)
}

// touch notes that key has to be written. s.mu is held.
func (s *Shared) touch(key string) {
	s.dirty[key] = struct{}{}
	s.rouse()
}

func (s *Shared) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Failed is how many attempts to write there were that failed.
func (s *Shared) Failed() uint64 { return s.failed.Load() }

// Close writes what is left, if etcd is there, and listens no more.
func (s *Shared) Close() {
	s.writer.Stop()
	s.follower.Stop()
}

// complain tells the log, at most once a minute. s.mu is held.
func (s *Shared) complain(err error) {
	if now := time.Now(); now.Sub(s.said) >= remind {
		s.said = now
		s.cfg.Log.Error("the journal in etcd is not written: calls go on, but a node that took them over would not know of what has changed",
			"journal", s.prefix, "error", err, "failed", s.failed.Load())
	}
}

// entry is the name of a key's entry. A Call-ID may have any bytes.
func (s *Shared) entry(key string) string { return s.prefix + "calls/" + url.PathEscape(key) }

// key is the way back; false for an entry that is none of a key.
func (s *Shared) key(entry string) (string, bool) {
	text, ok := strings.CutPrefix(entry, s.prefix+"calls/")
	if !ok {
		return "", false
	}
	key, err := url.PathUnescape(text)
	return key, err == nil && key != ""
}
