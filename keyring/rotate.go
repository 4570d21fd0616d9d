package keyring

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A key of a cluster goes its way in three steps, so that nobody has to be able to open what he cannot:
//
//	made, used from never on ─▶ each node says that it has it ─▶ used from then on
//
// A node says so under its name, with a lease that it renews: one that has ended is waited for no longer than for its lease.

// never is when a key comes into use that not all nodes are known to have.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	nodePrefix = "keys/nodes/"
	askAgain   = 100 * time.Millisecond
)

// ErrNotEverywhere is told of a new key that not all nodes have said to have. It waits; the next rotation uses it.
var ErrNotEverywhere = errors.New("the new key is not used, as not all nodes have it")

// IsWaiting tells whether k waits until all nodes have it.
func (k *Key) IsWaiting() bool { return k.UseFrom.Equal(never) }

// Node is a node that has said which keys it has.
type Node struct {
	Name   string
	HasAll bool // as they are in etcd
}

// Nodes are those that are there, in the order of their names.
func (v *Vault) Nodes(ctx context.Context) (nodes []Node, err error) {
	keys, err := v.Read(ctx)
	if err != nil {
		return nil, err
	}
	all := keys.fingerprint()
	entries, _, err := v.etcd.List(ctx, nodePrefix)
	for _, e := range entries {
		nodes = append(nodes, Node{strings.TrimPrefix(e.Name, nodePrefix), string(e.Value) == all})
	}
	return nodes, err
}

// fingerprint is the same for the same keys alone.
func (s *Keys) fingerprint() string {
	sum := sha256.Sum256(format(s.cluster, s.keys))
	return hex.EncodeToString(sum[:8])
}

// Rotate makes a key for p, waits until all nodes have it, and then has it used from delay later on. Nodes are those that are there,
// and members, which may be nil: who else is known to be one. When ctx ends first it is ErrNotEverywhere, with their names.
func (v *Vault) Rotate(ctx context.Context, p Purpose, delay time.Duration, members []string) (*Key, error) {
	if delay < 0 {
		return nil, fmt.Errorf("a key cannot be used %v before it is made", -delay)
	}
	var id uint8
	err := v.change(ctx, func(keys []*Key) (_ []*Key, err error) {
		if i := slices.IndexFunc(keys, func(k *Key) bool { return k.Purpose == p && k.IsWaiting() }); i >= 0 {
			id = keys[i].ID
			return keys, nil
		}
		keys, id, err = withNew("the cluster", keys, p, time.Now(), never)
		return keys, err
	})
	if err != nil {
		return nil, err
	}
	if err := v.awaitNodes(ctx, members); err != nil {
		return nil, err
	}
	err = v.change(ctx, func(keys []*Key) ([]*Key, error) {
		i := slices.IndexFunc(keys, func(k *Key) bool { return k.ID == id && k.IsWaiting() })
		if i < 0 {
			return keys, nil // another rotation has used it
		}
		used := *keys[i]
		used.UseFrom = inUseAfter(time.Now(), delay)
		keys[i] = &used
		return keys, nil
	})
	if err != nil {
		return nil, err
	}
	keys, err := v.Read(ctx)
	if err != nil {
		return nil, err
	}
	if keys.ByID(id) == nil {
		return nil, errors.New("the new key was retired meanwhile")
	}
	return keys.ByID(id), nil
}

// awaitNodes waits until all nodes have all keys.
func (v *Vault) awaitNodes(ctx context.Context, members []string) error {
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	var behind []string
	for {
		nodes, err := v.Nodes(ctx)
		if err == nil {
			if behind = without(nodes, members); len(behind) == 0 {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if err != nil && behind == nil {
				return fmt.Errorf("%w: %w", ErrNotEverywhere, err)
			}
			return fmt.Errorf("%w: %s", ErrNotEverywhere, strings.Join(behind, ", "))
		}
	}
}

// without are those of nodes and members that do not have all keys.
func without(nodes []Node, members []string) (behind []string) {
	for _, name := range members {
		if !slices.ContainsFunc(nodes, func(n Node) bool { return n.Name == name }) {
			behind = append(behind, name)
		}
	}
	for _, n := range nodes {
		if !n.HasAll {
			behind = append(behind, n.Name)
		}
	}
	return behind
}
