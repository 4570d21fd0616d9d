package cluster

// A media place is what several nodes of one cluster name alike (Config.Place), and one of them has at a time: addresses that move
// between them, with the calls whose media are there. Which node that is decides who moves the addresses; nodes tell one another.
// A place has an id as a node has one, so that a mark in a dialog may name either.

// PlaceID is the short id of a media place.
func PlaceID(place string) uint16 { return ID("media/" + place) }

// SetHolds has the others know whether this node has its place: 0 when it does not, else a number that is greater than that of who had
// it before. Without it a node has no part in the media.
func (c *Cluster) SetHolds(term int64) {
	c.change(func(own *card) { own.Holds = term })
}

// roles are what a node does at the moment.
func (c *card) roles() Roles {
	if c.Place != "" && c.Holds == 0 {
		return c.Roles &^ Media
	}
	return c.Roles
}

// holds tells whether m has its place rather than other, which may be nil. Of two that say so it is the one that is there, and has
// taken it last.
func (m *Member) holds(other *Member) bool {
	switch {
	case m.Holds == 0:
		return false
	case other == nil:
		return true
	case m.Alive != other.Alive:
		return m.Alive
	}
	return m.Holds > other.Holds
}

// places adds those who hold a place, by its id.
func (v *view) places() {
	for i := range v.members {
		m := &v.members[i]
		if m.Place == "" {
			continue
		}
		id := PlaceID(m.Place)
		other := v.byID[id]
		if isNode := other != nil && other.ID == id; !isNode && m.holds(other) {
			v.byID[id] = m
		}
	}
}
