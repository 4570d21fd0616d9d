package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/actorsip/actorsip/keyring"
)

// The keys of a cluster are changed for all its nodes at once, from any of them.

// clusterKeysList says which keys the cluster has, and which nodes have them.
func clusterKeysList(ctx context.Context, v *keyring.Vault, stdout io.Writer) error {
	ring, err := v.Read(ctx)
	if err != nil {
		return err
	}
	nodes, err := v.Nodes(ctx)
	if err != nil {
		return err
	}
	printKeys(stdout, "etcd", ring)
	for _, n := range nodes {
		state := "has all keys"
		if !n.HasAll {
			state = "does not have all keys yet"
		}
		fmt.Fprintf(stdout, "  node %s  %s\n", n.Name, state)
	}
	return nil
}

// clusterKeysRotate adds a key that is used when all nodes have it, members among them; ctx says how long they are waited for.
func clusterKeysRotate(ctx context.Context, v *keyring.Vault, p keyring.Purpose, delay time.Duration, members []string, stdout io.Writer) error {
	key, err := v.Rotate(ctx, p, delay, members)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "etcd: key %d (%s) is used from %s on\n", key.ID, key.Purpose, key.UseFrom.Format(time.RFC3339))
	return nil
}

// clusterKeysRetire drops keys for all nodes.
func clusterKeysRetire(ctx context.Context, v *keyring.Vault, unused time.Duration, stdout io.Writer) error {
	ids, err := v.Retire(ctx, unused, time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "etcd: %d keys retired %v\n", len(ids), ids)
	return nil
}
