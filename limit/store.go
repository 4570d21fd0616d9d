package limit

import (
	"encoding/json"
	"slices"
	"time"
)

// Store is where bans outlive the process: a journal. None of its methods waits for a disk.
type Store interface {
	Put(key string, value []byte)
	Delete(key string)
	All() map[string][]byte
}

// kept is a ban in the store, under the subject's text.
type kept struct {
	Why     string    `json:"why"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until,omitzero"`
	Strikes int       `json:"strikes,omitempty"`
	ByHand  bool      `json:"by_hand,omitempty"`
}

// keep writes a ban to the store. b.mu is held.
func (b *Bans) keep(made Ban) {
	if b.store == nil {
		return
	}
	value, err := json.Marshal(kept{made.Why, made.Since, made.Until, made.Strikes, made.ByHand})
	if err != nil {
		return // a year of five digits, which is out of reach of a ban
	}
	b.store.Put(made.String(), value)
}

// takeUp makes the bans of an earlier process: those by hand first, then those that last longest, as far as there is
// room. What is over, cannot be read or has come to be trusted is deleted.
func (b *Bans) takeUp(now time.Duration) {
	if b.store == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []Ban
	for key, value := range b.store.All() {
		s, err := ParseSubject(key)
		var k kept
		if err == nil {
			err = json.Unmarshal(value, &k)
		}
		if _, trusted := b.touchesTrusted(s); err != nil || trusted || !k.Until.IsZero() && !k.Until.After(time.Now()) {
			b.store.Delete(key)
			continue
		}
		found = append(found, Ban{Subject: s, Why: k.Why, Since: k.Since, Until: k.Until, Strikes: k.Strikes, ByHand: k.ByHand})
	}
	slices.SortFunc(found, func(x, y Ban) int {
		switch {
		case x.ByHand == y.ByHand:
			return y.Until.Compare(x.Until)
		case x.ByHand:
			return -1
		}
		return 1
	})
	for _, f := range found {
		if !b.put(now, f) {
			b.store.Delete(f.String())
		}
	}
}
