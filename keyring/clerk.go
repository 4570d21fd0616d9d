package keyring

import (
	"context"
	"errors"
	"time"

	"github.com/actorsip/actorsip/etcd"
)

const (
	nodeLease  = time.Minute // for how long a node is waited for that has ended without a word
	renewEvery = nodeLease / 4
	clerkTick  = 250 * time.Millisecond
)

// word is what a node has said of its keys.
type word struct {
	lease   etcd.Lease
	renewed time.Time
	said    string // fingerprint of the keys that it has said to have
	seen    int64  // revision of the word itself
}

// work is the clerk's: keys come into use, and the node says which it has.
func (m *Member) work(stop <-chan struct{}) {
	ctx := etcd.Until(stop)
	tick := time.NewTicker(clerkTick)
	defer tick.Stop()
	var w word
	for {
		m.use(time.Now())
		if m.cfg.Vault.etcd.Away() == nil {
			if m.isOwing() {
				m.giveBack()
			}
			m.speak(ctx, &w)
		}
		select {
		case <-stop:
			if w.lease != 0 && m.cfg.Vault.etcd.Away() == nil {
				_ = m.cfg.Vault.etcd.Revoke(context.Background(), w.lease)
			}
			return
		case <-tick.C:
		case <-m.poke:
		}
	}
}

// use has a key seal whose time has come.
func (m *Member) use(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := m.Ring.Load()
	if at, ok := keys.NextUse(); ok && !now.Before(at) {
		m.Ring.Replace(keys.At(now))
		m.cfg.Log.Info("a new key is in use")
	}
}

// speak says which keys the node has, and goes on saying so.
func (m *Member) speak(ctx context.Context, w *word) {
	m.mu.Lock()
	isCopy, has := m.revision == 0, m.Ring.Load().fingerprint()
	if m.unheard {
		*w, m.unheard = word{}, false
	}
	m.mu.Unlock()
	var err error
	switch {
	case isCopy:
		return
	case w.lease == 0:
		w.lease, err = m.cfg.Vault.etcd.Grant(ctx, nodeLease)
		w.renewed, w.said = time.Now(), ""
	case time.Since(w.renewed) >= renewEvery:
		if err = m.cfg.Vault.etcd.Renew(ctx, w.lease); err == nil {
			w.renewed = time.Now()
		}
	}
	if err == nil && w.said != has {
		err = m.say(ctx, w, has)
	}
	if errors.Is(err, etcd.ErrLease) {
		*w = word{}
	}
}

func (m *Member) say(ctx context.Context, w *word, has string) error {
	outcomes, at, err := m.cfg.Vault.etcd.Commit(ctx, []etcd.Write{{
		Name: nodePrefix + m.cfg.Node, Seen: w.seen, Lease: w.lease, Value: []byte(has),
	}})
	switch {
	case err != nil:
		return err
	case !outcomes[0].Done: // a word of an earlier process, or one whose answer did not come
		w.seen = outcomes[0].Now.Revision
		return nil
	}
	w.seen, w.said = at, has
	return nil
}
