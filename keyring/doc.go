// Package keyring keeps the keys that make a stateless proxy's marks its own: contact tokens, Via branches, To-tags.
//
// The keys are in a file that a person can read and that every node of a cluster has. A key is known to all nodes
// before the first seals with it, and it is kept after the last has, so that what was sealed can still be opened:
// calls survive a restart of the proxy and a change of keys alike.
//
//	Open, Read ▶ Keys ▶ Ring ▶ Newest: seal, ByID: open
//	Rotate, Retire: change the file; whoever watches it publishes the new Keys in the Ring
//
// The nodes of a cluster have them from etcd, where they are sealed under a secret of the cluster:
//
//	OpenVault ▶ Vault ▶ Join: a Member, whose Ring is as the Vault has it
//	Vault.Rotate: a key is used when all nodes say that they have it
//
// The secrets of the keys are never used as they are: for each use another key is derived (HKDF-SHA256, RFC 5869).
package keyring
