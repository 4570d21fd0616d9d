package keyring

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/actorsip/actorsip/etcd"
)

// Vault is where the nodes of a cluster keep their keys: an entry in etcd. It is the text of the key file, sealed with AES-256-GCM
// under a secret that each node has in a file: who can read etcd, its disk or a copy of it has no keys, and who can write to it
// cannot have the cluster use his.
type Vault struct {
	etcd *etcd.Client
	box  cipher.AEAD
}

const (
	ringEntry = "keys/ring"
	boxLabel  = "actorsip 1 key ring in etcd"
	fewTries  = 20 // of a change that others come before
	secretMin = 32 // bytes
)

var (
	// ErrNoRing is told of an etcd in which no node has made keys yet.
	ErrNoRing = errors.New("there are no keys of the cluster in etcd yet: the first node that is started makes them")
	// ErrOtherSecret is told of keys that were sealed under another secret.
	ErrOtherSecret = errors.New("the keys in etcd are damaged, or sealed under another cluster secret")

	errShort = errors.New("the cluster secret is too short")
)

// OpenVault opens the vault with the secret in a file of mode 0600, 32 bytes or more; white space at its ends does not count.
func OpenVault(c *etcd.Client, secretFile string) (*Vault, error) {
	f, err := os.OpenFile(secretFile, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("the cluster secret cannot be read: %w", err)
	}
	defer f.Close()
	secret, err := readPrivate(f, secretFile)
	if err != nil {
		return nil, err
	}
	if secret = bytes.TrimSpace(secret); len(secret) < secretMin {
		return nil, fmt.Errorf("%w: %s has %d bytes; make one of %d: openssl rand -base64 32", errShort, secretFile, len(secret), secretMin)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, boxLabel, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	box, err := cipher.NewGCM(block)
	return &Vault{etcd: c, box: box}, err
}

func (v *Vault) seal(cluster string, keys []*Key) []byte {
	nonce := make([]byte, v.box.NonceSize())
	rand.Read(nonce) // never fails: it ends the process first
	return v.box.Seal(nonce, nonce, format(cluster, keys), []byte(boxLabel))
}

func (v *Vault) open(value []byte, now time.Time) (*Keys, error) {
	n := v.box.NonceSize()
	if len(value) < n {
		return nil, ErrOtherSecret
	}
	text, err := v.box.Open(nil, value[:n], value[n:], []byte(boxLabel))
	if err != nil {
		return nil, ErrOtherSecret
	}
	return parse("etcd "+ringEntry, text, now)
}

// Read is the keys of the cluster, as seen now; ErrNoRing when there are none.
func (v *Vault) Read(ctx context.Context) (*Keys, error) {
	keys, _, err := v.read(ctx)
	return keys, err
}

func (v *Vault) read(ctx context.Context) (*Keys, int64, error) {
	e, err := v.etcd.Read(ctx, ringEntry)
	if err != nil {
		return nil, 0, err
	}
	if e.Revision == 0 {
		return nil, 0, ErrNoRing
	}
	keys, err := v.open(e.Value, time.Now())
	return keys, e.Revision, err
}

// readOrMake is read; when there are no keys yet, those that first gives are put there. Of nodes that start at once one makes them,
// and all have the same.
func (v *Vault) readOrMake(ctx context.Context, first func() (cluster string, keys []*Key)) (*Keys, int64, error) {
	keys, revision, err := v.read(ctx)
	if !errors.Is(err, ErrNoRing) {
		return keys, revision, err
	}
	if _, _, err := v.etcd.Commit(ctx, []etcd.Write{{Name: ringEntry, Value: v.seal(first())}}); err != nil {
		return nil, 0, err
	}
	return v.read(ctx)
}

// change replaces the keys by those that edit gives. Of several at once one goes after the other.
func (v *Vault) change(ctx context.Context, edit func([]*Key) ([]*Key, error)) error {
	for range fewTries {
		old, seen, err := v.read(ctx)
		if err != nil {
			return err
		}
		keys, err := edit(old.All())
		if err != nil || slices.Equal(keys, old.keys) {
			return err
		}
		outcomes, _, err := v.etcd.Commit(ctx, []etcd.Write{{Name: ringEntry, Seen: seen, Value: v.seal(old.cluster, keys)}})
		if err != nil || outcomes[0].Done {
			return err
		}
	}
	return errors.New("the keys in etcd are changed by others all the time")
}

// giveBack puts those of own to the keys of the cluster, which is own's, that it has lost.
func (v *Vault) giveBack(ctx context.Context, own *Keys) error {
	return v.change(ctx, func(keys []*Key) ([]*Key, error) { return append(keys, lost(own.keys, keys)...), nil })
}

// lost are those of own that theirs lack and that nobody can have retired: none of theirs has come after them.
func lost(own, theirs []*Key) (lost []*Key) {
	for _, k := range own {
		if !slices.ContainsFunc(theirs, func(x *Key) bool { return x.ID == k.ID || x.Purpose == k.Purpose && x.Created.After(k.Created) }) {
			lost = append(lost, k)
		}
	}
	return lost
}

// Retire is as for a file, for the whole cluster.
func (v *Vault) Retire(ctx context.Context, unused time.Duration, now time.Time) (ids []uint8, err error) {
	if unused < 0 {
		return nil, fmt.Errorf("a key cannot be unused for %v", unused)
	}
	err = v.change(ctx, func(keys []*Key) ([]*Key, error) {
		keys, ids = withoutUnused(keys, unused, now)
		return keys, nil
	})
	return ids, err
}

// newCluster is a cluster of its own with one key for each purpose.
func newCluster() (cluster string, keys []*Key) {
	return strings.ToLower(rand.Text()), firstKeys(time.Now())
}
