package mediasession

import (
	"encoding/json"
	"errors"
	"sync/atomic"

	"github.com/actorsip/actorsip/relay"
)

// Book is what is known of all calls. It belongs to the system, above the actors: they may fail and be restarted, and
// find it as it was. Only the rooms of this package read or write its pages, each its own.
type Book struct {
	Tally Tally

	pages   map[string]*page // by Call-ID
	journal Journal          // nil: nothing is kept
	spawned uint64           // sessions so far: their names never repeat
	isAway  atomic.Bool      // the media are on another node: here nothing is relayed
}

// Journal is where a Book is kept: for the next process, or for the next node. Who puts something does not wait.
type Journal interface {
	Put(key string, value []byte)
	Delete(key string)
}

// page is what is known of one call, and what it has taken from the engine.
type page struct {
	call   *call
	leases []relay.Lease
	relays []relay.ID
	trace  string // the packet that it began with
}

// NewBook makes an empty book. A journal, if there is one, keeps it.
func NewBook(j Journal, sites []Site) *Book {
	b := &Book{pages: map[string]*page{}, journal: j}
	b.Tally.legs = map[string]*legTally{}
	for _, s := range sites {
		b.Tally.legs[s.Leg] = &legTally{}
	}
	return b
}

// Restore takes up calls of an earlier process or another node, as the journal had them: the same ports, the same rules, what was
// learned. It returns how many there are now. A call whose ports somebody else has, or whose leg is gone, is given up; one for which
// there is no place at the moment stays in the journal.
func (b *Book) Restore(calls map[string][]byte, cfg Config) int {
	for id, text := range calls {
		if b.pages[id] != nil {
			continue
		}
		g := &page{call: &call{ID: id}}
		if err := g.read(text, &cfg); err != nil {
			cfg.Log.Error("a call's media cannot be taken up again", "call", id, "error", err)
			g.release(cfg.Engine)
			if !errors.Is(err, relay.ErrNoPorts) {
				b.journal.Delete(id)
			}
			continue
		}
		b.pages[id] = g
		b.Tally.Sessions.Add(1)
	}
	return len(b.pages)
}

// Away tells whether the media are on another node: then nothing is relayed here.
func (b *Book) Away() bool { return b.isAway.Load() }

// SendAway has the media be on another node, before there are any here.
func (b *Book) SendAway() { b.isAway.Store(true) }

// open begins a page.
func (b *Book) open(g *page) {
	b.pages[g.call.ID] = g
	b.Tally.Sessions.Add(1)
	b.Tally.Total.Add(1)
}

// keep writes a page to the journal.
func (b *Book) keep(g *page) {
	if b.journal == nil {
		return
	}
	text, err := json.Marshal(g.call)
	if err != nil {
		panic(err) // a call is plain data
	}
	b.journal.Put(g.call.ID, text)
}

// strike takes a page out whose call is over.
func (b *Book) strike(g *page) {
	b.forget(g)
	if b.journal != nil {
		b.journal.Delete(g.call.ID)
	}
}

// forget takes a page out that is another node's from now on.
func (b *Book) forget(g *page) {
	if b.pages[g.call.ID] == g {
		delete(b.pages, g.call.ID)
		b.Tally.Sessions.Add(-1)
	}
}
