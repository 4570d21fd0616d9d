package mediasession

import (
	"encoding/json"
	"log/slog"

	"github.com/actorsip/actorsip/journal"
	"github.com/actorsip/actorsip/relay"
)

// Book is what is known of all calls. It belongs to the system, above the actors: they may fail and be restarted, and
// find it as it was. Only the rooms of this package read or write its pages, each its own.
type Book struct {
	Tally Tally

	pages   map[string]*page // by Call-ID
	journal *journal.Journal // nil: nothing is kept for the next process
	spawned uint64           // sessions so far: their names never repeat
}

// page is what is known of one call, and what it has taken from the engine.
type page struct {
	call   *call
	leases []relay.Lease
	relays []relay.ID
	trace  string // the packet that it began with
}

// NewBook makes an empty book. A journal, if there is one, keeps it for the next process.
func NewBook(j *journal.Journal, sites []Site) *Book {
	b := &Book{pages: map[string]*page{}, journal: j}
	b.Tally.legs = map[string]*legTally{}
	for _, s := range sites {
		b.Tally.legs[s.Leg] = &legTally{}
	}
	return b
}

// Restore takes up the calls of an earlier process: the same ports, the same rules, what was learned. It returns how
// many there are. A call whose ports somebody else has, or whose leg is gone, is given up.
func (b *Book) Restore(cfg Config, log *slog.Logger) int {
	if b.journal == nil {
		return 0
	}
	for id, text := range b.journal.All() {
		g := &page{call: &call{ID: id}}
		if err := g.read(text, &cfg); err != nil {
			log.Error("a call's media cannot be taken up again", "call", id, "error", err)
			g.release(cfg.Engine)
			b.journal.Delete(id)
			continue
		}
		b.pages[id] = g
		b.Tally.Sessions.Add(1)
	}
	return len(b.pages)
}

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

// strike takes a page out.
func (b *Book) strike(g *page) {
	if b.pages[g.call.ID] == g {
		delete(b.pages, g.call.ID)
		b.Tally.Sessions.Add(-1)
	}
	if b.journal != nil {
		b.journal.Delete(g.call.ID)
	}
}
