package journal

import (
	"bytes"
	"fmt"
	"log/slog"

	bolt "go.etcd.io/bbolt"

	"github.com/actorsip/actorsip/boltfile"
)

// bucket is the only one of the file.
var bucket = []byte("journal")

// form is that of a journal's file. What is in it goes into found.
func form(log *slog.Logger, found map[string][]byte) boltfile.Form {
	return boltfile.Form{
		Name: "journal", Loss: "calls of an earlier process are not taken up", Lazy: true, Log: log,
		Read:    func(tx *bolt.Tx) error { return collect(tx, found) },
		IsNew:   func(tx *bolt.Tx) bool { return tx.Bucket(bucket) == nil },
		Prepare: func(tx *bolt.Tx) error { _, err := tx.CreateBucket(bucket); return err },
	}
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
