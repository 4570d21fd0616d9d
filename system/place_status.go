package system

import "github.com/actorsip/actorsip/telemetry"

// PlaceStatus is how this node stands to its media place.
type PlaceStatus struct {
	Name    string `json:"name"`
	ID      uint16 `json:"id"`
	Holds   bool   `json:"holds"`   // this node has it
	Taken   uint64 `json:"taken"`   // how often it has taken it
	Waiting int    `json:"waiting"` // calls whose newest state is not in etcd yet
}

func (p *place) status() *PlaceStatus {
	return &PlaceStatus{p.name, p.id, p.holds(), p.taken.Load(), p.journal.Standing().Waiting}
}

func (p *place) put(put telemetry.Put) {
	st := p.status()
	put(telemetry.PlaceHeld, int64(count(st.Holds)))
	put(telemetry.PlaceTaken, int64(st.Taken))
	put(telemetry.PlaceWaiting, int64(st.Waiting))
}
