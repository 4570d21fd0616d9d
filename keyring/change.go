package keyring

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Open is Read, and makes the file when there is none. Of two that start at once one makes it, and both have its keys.
func Open(path string) (keys *Keys, created bool, err error) {
	keys, err = Read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, false, err
	}
	switch err = Create(path, "", time.Now()); {
	case err == nil:
		created = true
	case !errors.Is(err, fs.ErrExist):
		return nil, false, err
	}
	keys, err = Read(path)
	return keys, created, err
}

// Create makes a key file with one key for each purpose, mode 0600. An empty cluster id is replaced by a random one.
// An error that is fs.ErrExist says that the file was there before; it is never overwritten.
func Create(path, cluster string, now time.Time) error {
	if cluster == "" {
		cluster = strings.ToLower(rand.Text())
	}
	if err := checkCluster(cluster); err != nil {
		return err
	}
	tmp, err := writeBeside(path, format(cluster, firstKeys(now)))
	if err != nil {
		return fmt.Errorf("the key file cannot be made: %w", err)
	}
	defer os.Remove(tmp)
	// A link appears whole or not at all, as by rename, but does not replace what somebody else made meanwhile.
	switch err := os.Link(tmp, path); {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is there already and is left as it is: %w", path, fs.ErrExist)
	case err != nil:
		return fmt.Errorf("the key file cannot be made: %w", err)
	}
	return syncDir(path)
}

// firstKeys are one key for each purpose.
func firstKeys(now time.Time) (keys []*Key) {
	now = now.Truncate(time.Second)
	for p := range purposes {
		keys = append(keys, newKey(uint8(p), Purpose(p), now, now))
	}
	return keys
}

// Rotate adds a key that seals for p from now+delay on, and keeps the others. delay is the time in which every node
// must have got the file: a node without the key cannot open what another sealed with it.
func Rotate(path string, p Purpose, delay time.Duration, now time.Time) (id uint8, err error) {
	if delay < 0 {
		return 0, fmt.Errorf("a key cannot be used %v before it is made", -delay)
	}
	err = change(path, now, func(keys []*Key) (_ []*Key, err error) {
		keys, id, err = withNew(path, keys, p, now, inUseAfter(now, delay))
		return keys, err
	})
	return id, err
}

// withNew is keys, which stand in where, and a new one.
func withNew(where string, keys []*Key, p Purpose, now, from time.Time) (_ []*Key, id uint8, err error) {
	id, free := freeID(keys)
	if !free {
		return nil, 0, fmt.Errorf("all %d key ids of %s are taken; retire keys that are no longer used: actorsip keys retire",
			maxKeys, where)
	}
	return append(keys, newKey(id, p, now.Truncate(time.Second), from)), id, nil
}

// inUseAfter is a whole second, rounded up: never before the delay is over.
func inUseAfter(now time.Time, delay time.Duration) time.Time {
	return now.Add(delay + time.Second - 1).Truncate(time.Second)
}

// Retire drops the keys that have sealed nothing for longer than unused: their successors were in use by then. So the
// newest key in use of a purpose always stays, and so does one that waits for its use. unused is longer than the
// longest dialog or registration, or what is up is cut off.
func Retire(path string, unused time.Duration, now time.Time) (ids []uint8, err error) {
	if unused < 0 {
		return nil, fmt.Errorf("a key cannot be unused for %v", unused)
	}
	err = change(path, now, func(keys []*Key) ([]*Key, error) {
		keys, ids = withoutUnused(keys, unused, now)
		return keys, nil
	})
	return ids, err
}

// withoutUnused is keys without those that have sealed nothing for longer than unused.
func withoutUnused(keys []*Key, unused time.Duration, now time.Time) (kept []*Key, ids []uint8) {
	for _, k := range keys {
		if until, ok := usedUntil(keys, k); ok && now.Sub(until) > unused {
			ids = append(ids, k.ID)
		} else {
			kept = append(kept, k)
		}
	}
	return kept, ids
}

// usedUntil is when the next key of the same purpose began, or begins, to seal in place of k.
func usedUntil(keys []*Key, k *Key) (until time.Time, ok bool) {
	after := false
	for _, next := range keys {
		switch {
		case next == k:
			after = true
		case next.Purpose != k.Purpose || next.UseFrom.Before(k.UseFrom) || !after && next.UseFrom.Equal(k.UseFrom):
		case !ok || next.UseFrom.Before(until):
			until, ok = next.UseFrom, true
		}
	}
	return until, ok
}

// freeID goes round: the id that was given back last is given out last, so that what an old key sealed is not tried
// with a new one sooner than it must be.
func freeID(keys []*Key) (id uint8, ok bool) {
	var taken [maxKeys]bool
	for _, k := range keys {
		taken[k.ID] = true
	}
	last := keys[len(keys)-1].ID
	for i := range uint8(maxKeys) {
		if id := (last + 1 + i) % maxKeys; !taken[id] {
			return id, true
		}
	}
	return 0, false
}

func newKey(id uint8, p Purpose, created, useFrom time.Time) *Key {
	k := &Key{ID: id, Purpose: p, Created: created, UseFrom: useFrom, secret: make([]byte, secretLen)}
	rand.Read(k.secret) // never fails: it ends the process first
	return k
}

// change replaces the file by one with the keys that edit gives. Of several at once one goes after the other.
func change(path string, now time.Time, edit func([]*Key) ([]*Key, error)) error {
	path, err := filepath.EvalSymlinks(path) // the file is replaced, not a link to it
	if err != nil {
		return err
	}
	f, err := lock(path)
	if err != nil {
		return err
	}
	defer f.Close() // and unlock
	old, err := readFrom(f, path, now)
	if err != nil {
		return err
	}
	keys, err := edit(old.All())
	if err != nil || slices.Equal(keys, old.keys) {
		return err
	}
	tmp, err := writeBeside(path, format(old.cluster, keys))
	if err != nil {
		return fmt.Errorf("the key file cannot be changed: %w", err)
	}
	defer os.Remove(tmp) // fails when all went well
	if err := keepOwner(f, tmp); err != nil {
		return fmt.Errorf("the key file cannot be changed and left to its owner: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("the key file cannot be changed: %w", err)
	}
	return syncDir(path)
}

// lock opens and flocks the file at path. Whoever had the lock before us has put another file in its place: then that
// is the one to lock.
func lock(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
		if err != nil {
			return nil, err
		}
		if err := flock(f); err != nil {
			f.Close()
			return nil, fmt.Errorf("%s cannot be locked: %w", path, err)
		}
		ours, err1 := f.Stat()
		there, err2 := os.Stat(path)
		if err := errors.Join(err1, err2); err != nil {
			f.Close()
			return nil, err
		}
		if os.SameFile(ours, there) {
			return f, nil
		}
		f.Close()
	}
}

func flock(f *os.File) error {
	for {
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != syscall.EINTR {
			return err
		}
	}
}

// writeBeside writes a file of its own, mode 0600, in the directory of path, and has it on the disk.
func writeBeside(path string, content []byte) (tmp string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // O_EXCL, 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// keepOwner gives tmp to the owner of f: who rotates as root must not take the keys from the user that the proxy runs
// as.
func keepOwner(f *os.File, tmp string) error {
	var was, is syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &was); err != nil {
		return err
	}
	if err := syscall.Stat(tmp, &is); err != nil {
		return err
	}
	if was.Uid == is.Uid {
		return nil
	}
	return os.Chown(tmp, int(was.Uid), int(was.Gid))
}

// syncDir has the new name of path on the disk.
func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); !errors.Is(err, syscall.EINVAL) { // some network file systems cannot, and need not
		return err
	}
	return nil
}
