package location

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	boltErrors "go.etcd.io/bbolt/errors"
)

// bucket is the only one of the file. Its name tells the form of what is in it. A file with the one of form 1 is written anew
// when it is opened.
var (
	bucket    = []byte("bindings 2")
	bucketOne = []byte("bindings 1")
)

const (
	mode     = 0o600
	lockWait = time.Second
	remind   = time.Minute // how often the log hears that nothing can be written, and a new file is tried
	inOneGo  = 5000        // records in one write of a file that is made anew
)

var (
	errHeld      = errors.New("another process holds it")
	errDamaged   = errors.New("the file is damaged")
	errNoRegular = errors.New("it is no file")
	errNoFile    = errors.New("the file was given up, a new one is made within a minute")
)

// kept is what the file has of an address of record: key and value of the bucket, the value behind its CRC-32C. No
// bindings are no entry.
type kept struct {
	aor      string
	bindings []Binding
}

// file is a bbolt file that is synced with each write.
type file struct {
	path     string
	log      *slog.Logger
	db       *bolt.DB  // nil: it was given up
	replaced time.Time // when a new one was tried last
	said     time.Time // when the log was last told of a failure; zero: the last write was good
}

// openFile opens the file, or makes it, and gives what is in it.
func openFile(path string, log *slog.Logger) (*file, []kept, error) {
	f := &file{path: path, log: log}
	found, err := f.inspect()
	if err == nil {
		f.db, err = openToWrite(path)
	}
	switch {
	case err == nil:
		return f, found, nil
	case errors.Is(err, boltErrors.ErrTimeout):
		return nil, nil, fmt.Errorf("the bindings in %s cannot be opened: %w", path, errHeld)
	case !isDamage(err):
		return nil, nil, fmt.Errorf("the bindings in %s cannot be opened: %w", path, err)
	}
	log.Error("the file of bindings is damaged: who was registered has to register again", "file", path, "error", err)
	return f, nil, f.startAgain()
}

// startAgain moves a damaged file aside and makes a new one.
func (f *file) startAgain() (err error) {
	aside := f.path + ".damaged"
	if err := os.Rename(f.path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the damaged file %s cannot be moved aside: %w", f.path, err)
	}
	if f.db, err = openToWrite(f.path); err != nil {
		return fmt.Errorf("a new file %s cannot be made: %w", f.path, err)
	}
	f.log.Warn("a new file of bindings was made", "file", f.path, "damaged", aside)
	return nil
}

// isDamage tells a file that cannot be understood from one that cannot be had.
func isDamage(err error) bool {
	var path *fs.PathError
	var number syscall.Errno
	return !errors.As(err, &path) && !errors.As(err, &number) && !errors.Is(err, boltErrors.ErrTimeout)
}

// inspect reads all of a file before it is opened for writing: then bbolt looks through it on a goroutine of its own,
// where a page that makes no sense would end the process. A value that is damaged is one that is missing.
func (f *file) inspect() (found []kept, err error) {
	info, err := os.Stat(f.path)
	switch {
	case err != nil || info.Mode().IsRegular() && info.Size() == 0:
		return nil, nil // whoever makes the file meets the error
	case !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "open", Path: f.path, Err: errNoRegular}
	}
	damaged := 0
	err = guarded(func() error {
		db, err := bolt.Open(f.path, mode, &bolt.Options{ReadOnly: true, Timeout: lockWait})
		if err != nil {
			return err
		}
		defer db.Close()
		return db.View(func(tx *bolt.Tx) error {
			found, damaged, err = collect(tx)
			return err
		})
	})
	if err == nil && damaged > 0 {
		f.log.Error("registrations in the file of bindings are damaged: they have to be made again", "file", f.path, "damaged", damaged)
	}
	return found, err
}

func collect(tx *bolt.Tx) (found []kept, damaged int, err error) {
	err = tx.ForEach(func(name []byte, b *bolt.Bucket) error {
		if !bytes.Equal(name, bucket) && !bytes.Equal(name, bucketOne) {
			return fmt.Errorf("it is no file of bindings: it has a bucket %q", name)
		}
		open := openValue
		if bytes.Equal(name, bucketOne) {
			open = func(value []byte) ([]Binding, bool) { return openSet(value, formOne) }
		}
		return b.ForEach(func(key, value []byte) error {
			if value == nil {
				return fmt.Errorf("it is no file of bindings: %q is a bucket", key)
			}
			k := kept{aor: string(key)}
			var ok bool
			if k.bindings, ok = open(value); !ok || len(key) > maxAOR {
				damaged++
				k.bindings = nil
			}
			found = append(found, k)
			return nil
		})
	})
	return found, damaged, err
}

// openToWrite opens a file that was inspected, or makes one. The list of free pages is written with each transaction,
// though the file would do without: looking for them again after a write that failed is one more walk on bbolt's own
// goroutine.
func openToWrite(path string) (db *bolt.DB, err error) {
	err = guarded(func() error {
		var err error
		db, err = bolt.Open(path, mode, &bolt.Options{Timeout: lockWait, NoStatistics: true, FreelistType: bolt.FreelistMapType})
		if err != nil {
			return err
		}
		if err = check(db); err == nil {
			err = os.Chmod(path, mode)
		}
		if err != nil {
			_ = db.Close()
		}
		return err
	})
	return db, err
}

// check looks for pages that are free and in use at once, and the like, and makes the bucket of a new file, or of one of form 1. A
// file that is good is not written to: it opens on a disk that is full.
func check(db *bolt.DB) error {
	isNew := false
	err := db.View(func(tx *bolt.Tx) (first error) {
		for err := range tx.Check() {
			if first == nil {
				first = err
			}
		}
		isNew = tx.Bucket(bucket) == nil || tx.Bucket(bucketOne) != nil
		return first
	})
	if err != nil || !isNew {
		return err
	}
	return db.Update(renew)
}

// renew brings what is of form 1 into the form of now. What is damaged stays behind.
func renew(tx *bolt.Tx) error {
	now, err := tx.CreateBucketIfNotExists(bucket)
	old := tx.Bucket(bucketOne)
	if err != nil || old == nil {
		return err
	}
	err = old.ForEach(func(key, value []byte) error {
		bindings, ok := openSet(value, formOne)
		if !ok || now.Get(key) != nil {
			return nil
		}
		return now.Put(key, sealValue(bindings))
	})
	if err != nil {
		return err
	}
	return tx.DeleteBucket(bucketOne)
}

// write makes a batch durable, all of it or nothing. A panic on the way makes the file one that is not to be trusted.
func (f *file) write(batch []kept) error {
	err := errNoFile
	if f.db != nil {
		err = guarded(func() error { return f.db.Update(func(tx *bolt.Tx) error { return put(tx, batch) }) })
	}
	if errors.Is(err, errDamaged) {
		f.db = nil // not closed: whatever panicked in it may hold its locks
	}
	switch {
	case err == nil && !f.said.IsZero():
		f.log.Info("bindings are written again", "file", f.path)
		f.said = time.Time{}
	case err != nil && time.Since(f.said) >= remind:
		f.said = time.Now()
		f.log.Error("bindings cannot be written: nobody can register, those who are stay so", "file", f.path, "error", err)
	}
	return err
}

func put(tx *bolt.Tx, batch []kept) (err error) {
	b := tx.Bucket(bucket)
	for _, k := range batch {
		if len(k.bindings) == 0 {
			err = b.Delete([]byte(k.aor))
		} else {
			err = b.Put([]byte(k.aor), sealValue(k.bindings))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// replace makes another file of all that the table has, at most once a minute. ok says that it is there.
func (f *file) replace(t *table) (ok bool) {
	if f.db != nil || time.Since(f.replaced) < remind {
		return false
	}
	f.replaced = time.Now()
	err := f.startAgain()
	var batch []kept
	for r := range t.each {
		if err != nil {
			break
		}
		if batch = append(batch, kept{r.name, r.bindings()}); len(batch) == inOneGo {
			err = f.write(batch)
			batch = batch[:0]
		}
	}
	if err == nil {
		err = f.write(batch)
	}
	if err != nil {
		f.log.Error("a new file of bindings could not be made", "file", f.path, "error", err)
		f.db = nil
	}
	return err == nil
}

func (f *file) close() {
	if f.db == nil {
		return
	}
	if err := guarded(f.db.Close); err != nil {
		f.log.Error("the file of bindings was not closed well", "file", f.path, "error", err)
	}
}

// guarded turns a panic into errDamaged, also that of a page which is mapped into memory and not on the disk.
func guarded(body func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v\n%s", errDamaged, r, debug.Stack())
		}
	}()
	return body()
}
