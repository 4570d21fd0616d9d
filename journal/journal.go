package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/actorsip/actorsip/boltfile"

	"github.com/actorsip/actorsip/loop"
)

// Journal is a durable map. All methods may be called from any goroutine.
type Journal struct {
	path   string
	log    *slog.Logger
	pace   time.Duration // between two transactions; set once
	wake   chan struct{} // holds one: something is to be written
	writer *loop.Handle
	syncer *loop.Handle
	failed atomic.Uint64

	mu       sync.Mutex // guards what is below; the disk is never waited for with it
	db       *bolt.DB   // nil: the file was given up, another one is made when it is time
	replaced time.Time  // when that was tried last
	alive    map[string]entry
	dirty    map[string]struct{} // keys whose newest value, or end, is not in the file
	changes  uint64              // how many there were
	tried    uint64              // how many of them an attempt to write has met
	err      error               // of the last attempt
	attempt  sync.Cond           // one is over
	unsynced bool
	closed   bool
	said     time.Time // when the log was last told of a failure
}

type entry struct {
	value  []byte
	stored bool // the file has some value of this key, or is just getting one
}

// change is one key's part of a transaction.
type change struct {
	key   string
	value []byte
	gone  bool
	isNew bool // the file does not have the key
}

const (
	pace       = 20 * time.Millisecond  // between transactions: what comes meanwhile goes together
	retry      = 250 * time.Millisecond // after one that failed
	syncEvery  = time.Second
	remind     = time.Minute // how often the log hears that nothing can be written
	longestKey = bolt.MaxKeySize
)

var (
	errClosed = errors.New("the journal is closed")
	errNoFile = errors.New("the file was given up, a new one is made within a minute")
)

// Open opens the journal at path, or makes it, readable for its owner only. A file that another process has open is an
// error; a damaged one is moved aside to path+".damaged" with a word in the log, and a new one made.
func Open(path string, log *slog.Logger) (*Journal, error) { return open(path, log, pace) }

func open(path string, log *slog.Logger, pace time.Duration) (*Journal, error) {
	found := map[string][]byte{}
	db, intact, err := form(log, found).Open(path)
	if err != nil {
		return nil, err
	}
	if !intact {
		clear(found)
	}
	j := &Journal{
		path: path, log: log, pace: pace, wake: make(chan struct{}, 1), db: db,
		alive: make(map[string]entry, len(found)), dirty: map[string]struct{}{},
	}
	j.attempt.L = &j.mu
	for key, value := range found {
		j.alive[key] = entry{value, true}
	}
	j.writer = loop.Start("journal", j.run, nil)
	j.syncer = loop.Start("journal sync", j.keepSynced, nil)
	return j, nil
}

// Put says what key stands for from now on. The journal keeps value: who has put it does not change it any more. A key
// has 1 to 32768 bytes; another one is said in the log and not kept.
func (j *Journal) Put(key string, value []byte) {
	if len(key) == 0 || len(key) > longestKey {
		j.failed.Add(1)
		j.mu.Lock()
		defer j.mu.Unlock()
		j.complain(fmt.Errorf("a key of %d bytes cannot be kept", len(key)))
		return
	}
	j.mu.Lock()
	e, known := j.alive[key]
	if _, leaving := j.dirty[key]; !known && leaving {
		e.stored = true // its end was not written yet
	}
	e.value = value
	j.alive[key] = e
	j.touch(key)
	j.mu.Unlock()
}

// Delete forgets a key. One that never came to the disk costs no write.
func (j *Journal) Delete(key string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e, known := j.alive[key]
	if !known {
		return
	}
	delete(j.alive, key)
	if !e.stored {
		delete(j.dirty, key)
		return
	}
	j.touch(key)
}

// touch notes that key has to be written. j.mu is held.
func (j *Journal) touch(key string) {
	j.changes++
	j.dirty[key] = struct{}{}
	if len(j.dirty) == 1 {
		j.rouse()
	}
}

func (j *Journal) rouse() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// All is a copy of the map as it is now: at start, what an earlier process has left. Values belong to the journal.
func (j *Journal) All() map[string][]byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := make(map[string][]byte, len(j.alive))
	for key, e := range j.alive {
		all[key] = e.value
	}
	return all
}

// Flush waits until all that was put and deleted so far is written, or an attempt to write it has failed.
func (j *Journal) Flush() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for want := j.changes; j.tried < want; j.attempt.Wait() {
		if j.closed {
			return errClosed
		}
	}
	return j.err
}

// Failed is how many attempts to write there were that failed.
func (j *Journal) Failed() uint64 { return j.failed.Load() }

// Close writes what is left, syncs, and closes the file. What is put afterwards is not kept.
func (j *Journal) Close() {
	j.writer.Stop()
	j.syncer.Stop()
	j.mu.Lock()
	db := j.db
	isFirst := !j.closed
	j.db, j.closed = nil, true
	j.attempt.Broadcast()
	j.mu.Unlock()
	if db == nil || !isFirst {
		return
	}
	if err := boltfile.Guard(func() error { return errors.Join(db.Sync(), db.Close()) }); err != nil {
		j.log.Error("the journal was not closed well", "journal", j.path, "error", err)
	}
}
