package journal

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

// bucket is the only one of the file.
var bucket = []byte("journal")

const (
	mode     = 0o600
	lockWait = time.Second
)

// openFile opens the file, or makes it, and gives what is in it.
func openFile(path string, log *slog.Logger) (*bolt.DB, map[string][]byte, error) {
	found, err := inspect(path)
	var db *bolt.DB
	if err == nil {
		db, err = openToWrite(path)
	}
	switch {
	case err == nil:
		return db, found, nil
	case errors.Is(err, boltErrors.ErrTimeout):
		return nil, nil, fmt.Errorf("the journal %s cannot be opened: %w", path, errHeld)
	case !isDamage(err):
		return nil, nil, fmt.Errorf("the journal %s cannot be opened: %w", path, err)
	}
	log.Error("the journal is damaged: calls of an earlier process are not taken up", "journal", path, "error", err)
	db, err = startAgain(path, log)
	return db, nil, err
}

// startAgain moves a damaged file aside and makes a new one.
func startAgain(path string, log *slog.Logger) (*bolt.DB, error) {
	aside := path + ".damaged"
	if err := os.Rename(path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the damaged journal %s cannot be moved aside: %w", path, err)
	}
	db, err := openToWrite(path)
	if err != nil {
		return nil, fmt.Errorf("a new journal %s cannot be made: %w", path, err)
	}
	log.Warn("a new journal was made", "journal", path, "damaged", aside)
	return db, nil
}

// isDamage tells a file that cannot be understood from one that cannot be had.
func isDamage(err error) bool {
	var path *fs.PathError
	var number syscall.Errno
	return !errors.As(err, &path) && !errors.As(err, &number) && !errors.Is(err, boltErrors.ErrTimeout)
}

// inspect reads all of a file before it is opened for writing. bbolt looks through a file on a goroutine of its own,
// where a page that is missing or makes no sense would end the process; here it is an error.
func inspect(path string) (found map[string][]byte, err error) {
	info, err := os.Stat(path)
	switch {
	case err != nil || info.Mode().IsRegular() && info.Size() == 0:
		return nil, nil // whoever makes the file meets the error
	case !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "open", Path: path, Err: errNoRegular}
	}
	found = map[string][]byte{}
	err = guarded(func() error {
		db, err := bolt.Open(path, mode, &bolt.Options{ReadOnly: true, Timeout: lockWait})
		if err != nil {
			return err
		}
		defer db.Close()
		return db.View(func(tx *bolt.Tx) error { return collect(tx, found) })
	})
	return found, err
}

func collect(tx *bolt.Tx, found map[string][]byte) error {
	return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
		if !bytes.Equal(name, bucket) {
			return fmt.Errorf("it is no journal: it has a bucket %q", name)
		}
		return b.ForEach(func(key, value []byte) error {
			if value == nil {
				return fmt.Errorf("it is no journal: %q is a bucket", key)
			}
			found[string(key)] = bytes.Clone(value)
			return nil
		})
	})
}

// openToWrite opens a file that was inspected, or makes one. The list of free pages is written with each transaction,
// though the file would do without: looking for them again after a write that failed is one more walk on bbolt's own
// goroutine.
func openToWrite(path string) (db *bolt.DB, err error) {
	err = guarded(func() error {
		var err error
		db, err = bolt.Open(path, mode, &bolt.Options{
			Timeout: lockWait, NoSync: true, NoStatistics: true, FreelistType: bolt.FreelistMapType,
		})
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

// check looks for pages that are free and in use at once, and the like, and makes the bucket of a new file. A file that is
// good is not written to: it opens on a disk that is full.
func check(db *bolt.DB) error {
	isNew := false
	err := db.View(func(tx *bolt.Tx) (first error) {
		for err := range tx.Check() {
			if first == nil {
				first = err
			}
		}
		isNew = tx.Bucket(bucket) == nil
		return first
	})
	if err != nil || !isNew {
		return err
	}
	return db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket(bucket)
		return err
	})
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
