package location

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/actorsip/actorsip/boltfile"
)

// bucket is the only one of the file. Its name tells the form of what is in it. A file with the one of form 1 is written anew
// when it is opened.
var (
	bucket    = []byte("bindings 2")
	bucketOne = []byte("bindings 1")
)

const (
	remind  = time.Minute // how often the log hears that nothing can be written, and a new file is tried
	inOneGo = 5000        // records in one write of a file that is made anew
)

var errNoFile = errors.New("the file was given up, a new one is made within a minute")

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

// openFile opens the file, or makes it, and gives what is in it. A value that is damaged is one that is missing.
func openFile(path string, log *slog.Logger) (*file, []kept, error) {
	var found []kept
	damaged := 0
	form := formOf(log)
	form.Read = func(tx *bolt.Tx) (err error) {
		found, damaged, err = collect(tx)
		return err
	}
	db, intact, err := form.Open(path)
	switch {
	case err != nil:
		return nil, nil, err
	case !intact:
		found = nil
	case damaged > 0:
		log.Error("registrations in the file of bindings are damaged: they have to be made again", "file", path, "damaged", damaged)
	}
	return &file{path: path, log: log, db: db}, found, nil
}

func formOf(log *slog.Logger) boltfile.Form {
	return boltfile.Form{
		Name: "file of bindings", Loss: "who was registered has to register again", Log: log,
		IsNew:   func(tx *bolt.Tx) bool { return tx.Bucket(bucket) == nil || tx.Bucket(bucketOne) != nil },
		Prepare: renew,
	}
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
		err = boltfile.Guard(func() error { return f.db.Update(func(tx *bolt.Tx) error { return put(tx, batch) }) })
	}
	if errors.Is(err, boltfile.ErrDamaged) {
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
	var err error
	f.db, err = formOf(f.log).Renew(f.path)
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
	if err := boltfile.Guard(f.db.Close); err != nil {
		f.log.Error("the file of bindings was not closed well", "file", f.path, "error", err)
	}
}
