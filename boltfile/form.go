package boltfile

import (
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

var (
	// ErrHeld is told of a file that another process has open.
	ErrHeld = errors.New("another process holds it")
	// ErrDamaged is told of a file that bbolt has panicked on: it is not to be used any more, and not to be closed, since whatever panicked
	// in it may hold its locks.
	ErrDamaged = errors.New("the file is damaged")

	errNoRegular = errors.New("it is no file")
)

// Form is what a file is expected to be.
type Form struct {
	Name string // for people, as in "journal"
	Loss string // what damage costs, for the log
	Lazy bool   // transactions are written and not synced
	Log  *slog.Logger

	Read    func(*bolt.Tx) error // takes what is in it; an error says that it is no such file
	IsNew   func(*bolt.Tx) bool  // it has to be made ready
	Prepare func(*bolt.Tx) error // makes it ready
}

const (
	mode     = 0o600
	lockWait = time.Second
)

// Open opens a file, or makes it, readable for its owner only. intact is false when it was damaged, and is a new one now: what Read has
// taken is not to be used then.
func (f Form) Open(path string) (db *bolt.DB, intact bool, err error) {
	if err = f.inspect(path); err == nil {
		db, err = f.openToWrite(path)
	}
	switch {
	case err == nil:
		return db, true, nil
	case errors.Is(err, boltErrors.ErrTimeout):
		return nil, false, fmt.Errorf("the %s %s cannot be opened: %w", f.Name, path, ErrHeld)
	case !isDamage(err):
		return nil, false, fmt.Errorf("the %s %s cannot be opened: %w", f.Name, path, err)
	}
	f.Log.Error("the "+f.Name+" is damaged: "+f.Loss, "file", path, "error", err)
	db, err = f.Renew(path)
	return db, false, err
}

// Renew moves a damaged file aside, to path+".damaged", and makes a new one.
func (f Form) Renew(path string) (*bolt.DB, error) {
	aside := path + ".damaged"
	if err := os.Rename(path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the damaged %s %s cannot be moved aside: %w", f.Name, path, err)
	}
	db, err := f.openToWrite(path)
	if err != nil {
		return nil, fmt.Errorf("a new %s %s cannot be made: %w", f.Name, path, err)
	}
	f.Log.Warn("a new "+f.Name+" was made", "file", path, "damaged", aside)
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
func (f Form) inspect(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil || info.Mode().IsRegular() && info.Size() == 0:
		return nil // whoever makes the file meets the error
	case !info.Mode().IsRegular():
		return &fs.PathError{Op: "open", Path: path, Err: errNoRegular}
	}
	return Guard(func() error {
		db, err := bolt.Open(path, mode, &bolt.Options{ReadOnly: true, Timeout: lockWait})
		if err != nil {
			return err
		}
		defer db.Close()
		return db.View(f.Read)
	})
}

// openToWrite opens a file that was inspected, or makes one. The list of free pages is written with each transaction,
// though the file would do without: looking for them again after a write that failed is one more walk on bbolt's own
// goroutine.
func (f Form) openToWrite(path string) (db *bolt.DB, err error) {
	err = Guard(func() error {
		var err error
		db, err = bolt.Open(path, mode, &bolt.Options{
			Timeout: lockWait, NoSync: f.Lazy, NoStatistics: true, FreelistType: bolt.FreelistMapType,
		})
		if err != nil {
			return err
		}
		if err = f.check(db); err == nil {
			err = os.Chmod(path, mode)
		}
		if err != nil {
			_ = db.Close()
		}
		return err
	})
	return db, err
}

// check looks for pages that are free and in use at once, and the like, and makes a new file ready. A file that is good is not written to:
// it opens on a disk that is full.
func (f Form) check(db *bolt.DB) error {
	isNew := false
	err := db.View(func(tx *bolt.Tx) (first error) {
		for err := range tx.Check() {
			if first == nil {
				first = err
			}
		}
		isNew = f.IsNew(tx)
		return first
	})
	if err != nil || !isNew {
		return err
	}
	return db.Update(f.Prepare)
}

// Guard turns a panic into ErrDamaged, also that of a page which is mapped into memory and not on the disk.
func Guard(body func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v\n%s", ErrDamaged, r, debug.Stack())
		}
	}()
	return body()
}
