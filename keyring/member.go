package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/actorsip/actorsip/etcd"
	"github.com/actorsip/actorsip/loop"
)

// MemberConfig says how a node has part in the keys of its cluster.
type MemberConfig struct {
	Vault  *Vault
	Node   string           // its name
	File   string           // a copy of the keys, in the form of a key file: with it the node starts while etcd is away
	Log    *slog.Logger     // nil: nobody hears
	Failed func(loop.Ended) // hears that a loop of the member has panicked: new keys are not heard of any more. nil: nobody hears
}

// Member keeps a node's Ring as the cluster's keys are. While etcd is away the ring stays as it is.
type Member struct {
	Ring *Ring // set once

	cfg      MemberConfig // set once, as the next two
	follower *loop.Handle
	clerk    *loop.Handle
	poke     chan struct{} // holds one: the node has new keys

	mu       sync.Mutex // guards the rest
	revision int64      // of the keys in the ring; 0: those of the copy
	damaged  bool       // what is in etcd cannot be used, and it was said
	owes     bool       // etcd has lost the keys, and has not got them back yet
	unheard  bool       // etcd has lost what the node has said of its keys
}

// Join gives a node all keys of the cluster before it returns. The first node makes them: of those in the file, when it has any.
// While etcd is away it has those of the file; without it Join fails.
func Join(cfg MemberConfig) (*Member, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Member{cfg: cfg, poke: make(chan struct{}, 1)}
	keys, err := m.first()
	if err != nil {
		return nil, err
	}
	m.Ring = NewRing(keys)
	m.follower = loop.Start("keys follower", func(stop <-chan struct{}) {
		cfg.Vault.etcd.Follow(stop, etcd.Follower{Prefix: ringEntry, All: m.hearAll, Changes: m.hear})
	}, m.ended)
	m.clerk = loop.Start("keys clerk", m.work, m.ended)
	return m, nil
}

func (m *Member) ended(e loop.Ended) {
	if e.Panic == nil {
		return
	}
	m.cfg.Log.Error("new keys of the cluster are not heard of any more", "error", e.Err(), "stack", string(e.Stack))
	if m.cfg.Failed != nil {
		m.cfg.Failed(e)
	}
}

// Close leaves the nodes that a rotation waits for. The ring stays as it is.
func (m *Member) Close() {
	m.follower.Stop()
	m.clerk.Stop()
}

// first is what the node begins with.
func (m *Member) first() (*Keys, error) {
	copied, missing := Read(m.cfg.File)
	if missing != nil && !errors.Is(missing, fs.ErrNotExist) {
		return nil, missing // it would be replaced
	}
	keys, revision, err := m.cfg.Vault.readOrMake(context.Background(), func() (string, []*Key) {
		if missing == nil {
			return copied.cluster, copied.keys
		}
		return newCluster()
	})
	if err == nil && missing == nil && keys.hasLost(copied) { // it was made of an old backup
		m.cfg.Log.Warn("etcd has lost keys of the cluster: they are put there again", "keys", m.cfg.File)
		if err = m.cfg.Vault.giveBack(context.Background(), copied); err == nil {
			keys, revision, err = m.cfg.Vault.read(context.Background())
		}
	}
	switch {
	case errors.Is(err, etcd.ErrAway) && missing == nil:
		m.cfg.Log.Warn("etcd is away: the keys are those of the copy", "keys", m.cfg.File)
		return copied, nil
	case err != nil:
		return nil, fmt.Errorf("the keys of the cluster cannot be had: %w", err)
	}
	m.revision = revision
	if missing == nil {
		err = m.setAside(copied, keys)
	}
	if err == nil {
		err = m.keep(keys)
	}
	return keys, err
}

// setAside moves the key file aside when its keys are of another cluster.
func (m *Member) setAside(own, keys *Keys) error {
	if own.cluster == keys.cluster {
		return nil
	}
	aside := m.cfg.File + ".before"
	m.cfg.Log.Warn("the keys of the cluster take the place of others: what those have sealed cannot be opened any more",
		"keys", m.cfg.File, "aside", aside)
	if err := os.Rename(m.cfg.File, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the key file cannot be moved aside: %w", err)
	}
	return nil
}

// keep brings the copy up to date.
func (m *Member) keep(keys *Keys) error {
	text := format(keys.cluster, keys.keys)
	if there, err := os.ReadFile(m.cfg.File); err == nil && bytes.Equal(there, text) {
		return nil
	}
	tmp, err := writeBeside(m.cfg.File, text)
	if err == nil {
		defer os.Remove(tmp) // fails when all went well
		err = os.Rename(tmp, m.cfg.File)
	}
	if err == nil {
		err = syncDir(m.cfg.File)
	}
	if err != nil {
		return fmt.Errorf("the copy of the keys cannot be written: %w", err)
	}
	return nil
}

// hear is the follower's: the ring has changed in etcd.
func (m *Member) hear(changes []etcd.Change, _ int64) {
	for _, c := range changes {
		switch {
		case c.Name != ringEntry:
		case c.Removed:
			m.giveBack()
		default:
			m.take(c.Entry)
		}
	}
}

// hasLost tells whether s are the keys of own's cluster without some of them.
func (s *Keys) hasLost(own *Keys) bool {
	return s.cluster == own.cluster && len(lost(own.keys, s.keys)) > 0
}

// hearAll is the follower's: an etcd that has lost the keys, or some of those of the copy, gets them back.
func (m *Member) hearAll(all []etcd.Entry, _ int64, isAnother bool) {
	m.mu.Lock()
	if isAnother {
		m.revision, m.unheard = 0, true
	}
	isCopy := m.revision == 0
	m.mu.Unlock()
	isWhole := false
	for _, e := range all {
		if e.Name != ringEntry {
			continue
		}
		keys, err := m.cfg.Vault.open(e.Value, time.Now())
		if isWhole = !isAnother && (err != nil || !isCopy || !keys.hasLost(m.Ring.Load())); isWhole {
			m.take(e)
		}
	}
	if !isWhole {
		m.giveBack()
	}
}

// take has the ring be as etcd has it, unless it has heard of a later one.
func (m *Member) take(e etcd.Entry) {
	keys, err := m.cfg.Vault.open(e.Value, time.Now())
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case err != nil && !m.damaged:
		m.damaged = true
		m.cfg.Log.Error("the keys in etcd cannot be used; the keys in memory stay", "error", err)
		fallthrough
	case err != nil || e.Revision <= m.revision:
		return
	}
	own := m.Ring.Load()
	m.Ring.Replace(keys)
	m.damaged, m.revision = false, e.Revision
	m.cfg.Log.Info("the keys of the cluster have changed", "count", len(keys.keys))
	if err = m.setAside(own, keys); err == nil {
		err = m.keep(keys)
	}
	if err != nil {
		m.cfg.Log.Error("a node that is started while etcd is away would have old keys", "error", err)
	}
	select {
	case m.poke <- struct{}{}:
	default:
	}
}

// giveBack puts the keys of this node into an etcd that has lost them, beside those that others have put there.
func (m *Member) giveBack() {
	own := m.Ring.Load()
	ctx := context.Background() // a question ends by itself
	theirs, _, err := m.cfg.Vault.readOrMake(ctx, func() (string, []*Key) { return own.cluster, own.keys })
	if err == nil && theirs.cluster == own.cluster {
		err = m.cfg.Vault.giveBack(ctx, own)
	}
	if err == nil {
		var e etcd.Entry
		if e, err = m.cfg.Vault.etcd.Read(ctx, ringEntry); err == nil && e.Revision != 0 {
			m.take(e)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.owes || err == nil {
		m.cfg.Log.Warn("etcd has lost the keys of the cluster: they are put there again", "error", err)
	}
	m.owes = err != nil
}

func (m *Member) isOwing() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.owes
}
