package journal

import (
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/actorsip/actorsip/boltfile"
)

// run writes whenever something is to be written, and once more when it is told to stop.
func (j *Journal) run(stop <-chan struct{}) {
	for {
		select {
		case <-j.wake:
		case <-stop:
			j.write()
			return
		}
		rest := j.pace
		if err := j.write(); err != nil {
			rest = max(retry, j.pace)
			j.rouse()
		}
		if rest == 0 {
			continue
		}
		select {
		case <-time.After(rest):
		case <-stop:
			j.write()
			return
		}
	}
}

// write brings to the file what is not there yet, in one transaction. A panic on the way costs this attempt, and the
// file, which is replaced: what bbolt had in hand then is not to be trusted.
func (j *Journal) write() error {
	db, batch, met := j.take()
	if met == 0 {
		return nil
	}
	err := errNoFile
	if db != nil {
		err = boltfile.Guard(func() error { return commit(db, batch) })
	}
	j.settle(batch, met, err)
	if errors.Is(err, boltfile.ErrDamaged) || db == nil {
		j.replace()
	}
	return err
}

// take is what the next transaction writes, and up to which change; 0 when nothing is to be written.
func (j *Journal) take() (*bolt.DB, []change, uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.dirty) == 0 {
		j.settled(j.changes, j.err) // what was put is deleted again
		return nil, nil, 0
	}
	batch := make([]change, 0, len(j.dirty))
	for key := range j.dirty {
		e, known := j.alive[key]
		batch = append(batch, change{key, e.value, !known, known && !e.stored})
		if known {
			e.stored = true
			j.alive[key] = e
		}
	}
	clear(j.dirty)
	return j.db, batch, j.changes
}

func commit(db *bolt.DB, batch []change) error {
	return db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucket)
		for _, c := range batch {
			var err error
			if c.gone {
				err = b.Delete([]byte(c.key))
			} else {
				err = b.Put([]byte(c.key), c.value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// settle notes how an attempt went. What was not written is dirty again, unless something newer is.
func (j *Journal) settle(batch []change, met uint64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.settled(met, err)
	if err == nil {
		j.unsynced = true
		if j.err != nil {
			j.log.Info("the journal is written again", "journal", j.path)
			j.said = time.Time{}
		}
		return
	}
	j.failed.Add(1)
	j.complain(err)
	for _, c := range batch {
		e, known := j.alive[c.key]
		if known && c.isNew {
			e.stored = false
			j.alive[c.key] = e
		}
		if known || !c.isNew {
			j.dirty[c.key] = struct{}{}
		} else {
			delete(j.dirty, c.key) // it never came to the file, and need not leave it
		}
	}
}

func (j *Journal) settled(met uint64, err error) {
	j.tried, j.err = met, err
	j.attempt.Broadcast()
}

// complain tells the log, at most once a minute. j.mu is held.
func (j *Journal) complain(err error) {
	if now := time.Now(); now.Sub(j.said) >= remind {
		j.said = now
		j.log.Error("the journal is not written: calls go on, but would not survive the death of this process",
			"journal", j.path, "error", err, "failed", j.failed.Load())
	}
}

// replace gives up a file that cannot be trusted and makes another one of what is alive, at most once a minute. The old
// one is not closed: whatever panicked in it may hold its locks.
func (j *Journal) replace() {
	j.mu.Lock()
	j.db = nil
	isTime := time.Since(j.replaced) >= remind
	if isTime {
		j.replaced = time.Now()
	}
	j.mu.Unlock()
	if !isTime {
		return
	}
	db, err := form(j.log, nil).Renew(j.path)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		j.complain(err)
		return
	}
	j.db = db
	clear(j.dirty)
	for key, e := range j.alive {
		e.stored = false
		j.alive[key] = e
		j.dirty[key] = struct{}{}
	}
}

// keepSynced brings to the disk what the kernel has, once a second.
func (j *Journal) keepSynced(stop <-chan struct{}) {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			j.sync()
		}
	}
}

func (j *Journal) sync() {
	j.mu.Lock()
	db := j.db
	isDue := j.unsynced && db != nil
	j.unsynced = false
	j.mu.Unlock()
	if !isDue {
		return
	}
	if err := boltfile.Guard(db.Sync); err != nil {
		j.failed.Add(1)
		j.mu.Lock()
		defer j.mu.Unlock()
		j.unsynced = true
		j.complain(err)
	}
}
