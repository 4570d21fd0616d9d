package room

import (
	"sync"
	"weak"
)

// Depths knows how many messages wait for rooms, by the rooms' names. It keeps no room alive.
type Depths struct {
	mu    sync.Mutex
	rooms map[string][]weak.Pointer[mailbox]
}

// note is told of each mailbox that is made for rooms of a name.
func (d *Depths) note(name string, m *mailbox) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rooms == nil {
		d.rooms = map[string][]weak.Pointer[mailbox]{}
	}
	d.rooms[name] = append(d.rooms[name], weak.Make(m))
}

// ByRoom is how many messages wait for all rooms of each name together. It may be asked at any time, and takes nothing from
// those who send.
func (d *Depths) ByRoom() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string]int{}
	for name, all := range d.rooms {
		alive := all[:0]
		for _, p := range all {
			if m := p.Value(); m != nil {
				out[name] += m.users.length()
				alive = append(alive, p)
			}
		}
		clear(all[len(alive):])
		d.rooms[name] = alive
	}
	return out
}
