package system

import (
	"net/netip"
	"time"

	"github.com/actorsip/actorsip/actors/mediasession"
	"github.com/actorsip/actorsip/journal"
	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/relay"
	"github.com/actorsip/actorsip/telemetry"
)

// media is what the media sessions may not lose: ports and relays, and what is known of calls. nil when nothing is
// relayed.
type media struct {
	engine  relay.Engine
	journal *journal.Journal // nil: nothing is kept for the next process
	place   *place           // nil: what is relayed here stays here
	book    *mediasession.Book
	sites   []mediasession.Site
	pools   []relay.Pool
	tracer  *telemetry.Tracer
}

// openMedia binds what an earlier process had bound, so that its calls are heard again.
func (s *System) openMedia() (err error) {
	if !s.config.relays() {
		return nil
	}
	m := &media{tracer: s.telemetry.Tracer()}
	for _, l := range s.config.Legs {
		p := relay.Pool{Addr: l.Media.Address, Low: l.Media.Low, High: l.Media.High, Shared: s.config.Media.Shared != ""}
		m.sites = append(m.sites, mediasession.Site{Leg: l.Name, Pool: m.pool(p), Advertise: l.Media.Advertise})
	}
	failed := s.failed("relay")
	m.engine, err = relay.New(relay.Config{
		Pools: m.pools, Workers: s.config.Media.Workers, Log: s.log, Chaos: workerChaos(s.chaos),
		Restarted: func(_ int, e loop.Ended) { failed(e) },
	})
	if err != nil {
		return err
	}
	s.media = m
	switch file := s.config.Media.Journal; {
	case s.config.Media.Shared != "":
		if m.place, err = s.openPlace(m.pools); err != nil {
			return err
		}
		m.book = mediasession.NewBook(m.place.journal, m.sites)
		m.book.SendAway()
	case file == "":
		m.book = mediasession.NewBook(nil, m.sites)
	default:
		if m.journal, err = journal.Open(file, s.log); err != nil {
			return err
		}
		m.book = mediasession.NewBook(m.journal, m.sites)
		if n := m.book.Restore(m.journal.All(), s.mediaConfig()); n > 0 {
			s.log.Info("calls of an earlier process have their media again", "calls", n)
		}
	}
	return nil
}

// pool is the number of a pool; legs with the same ports share one.
func (m *media) pool(p relay.Pool) int {
	for i, q := range m.pools {
		if p == q {
			return i
		}
	}
	m.pools = append(m.pools, p)
	return len(m.pools) - 1
}

func (m *media) close() {
	if m == nil {
		return
	}
	m.engine.Close()
	if m.journal != nil {
		m.journal.Close()
	}
	if m.place != nil {
		m.place.journal.Close()
	}
}

func (s *System) mediaConfig() mediasession.Config {
	c := s.config.Media
	moved := func() {}
	if s.media.place != nil {
		moved = s.media.place.rouse
	}
	return mediasession.Config{
		Moved: moved,
		Sites: s.media.sites, Engine: s.media.engine, Book: s.media.book,
		MaxSessions: c.MaxSessions, MaxStreams: c.MaxStreams, Unused: c.Unused, Silent: c.Silent, Closed: c.Closed,
		Restarts: s.restarts, Chaos: s.chaos, Tracer: s.media.tracer, Log: s.log,
		Quality: func(leg string, jitter time.Duration, mos float64) {
			s.telemetry.Record(telemetry.MediaJitter, jitter.Seconds(), leg)
			s.telemetry.Record(telemetry.MediaMOS, mos, leg)
		},
	}
}

// isFull tells whether a new call would find no place here.
func (s *System) isFull() bool {
	if most := s.config.Media.MaxSessions; most > 0 && s.Sessions() >= int64(most) {
		return true
	}
	for i := range s.media.pools {
		if s.media.engine.Full(i) {
			return true
		}
	}
	return false
}

// PortState is how many pairs of media ports are in which state.
type PortState struct {
	Address netip.Addr `json:"address"`
	Low     uint16     `json:"low"`
	High    uint16     `json:"high"`
	Leased  int        `json:"leased"`
	Resting int        `json:"resting"`
	Free    int        `json:"free"`
}

// MediaStatus is the media part of Status.
type MediaStatus struct {
	Sessions int64             `json:"sessions"`
	Total    uint64            `json:"total"`
	Refused  uint64            `json:"refused"` // for want of ports, sessions or streams
	Ended    map[string]uint64 `json:"ended"`   // by why
	Silent   map[string]uint64 `json:"silent"`  // sides that were not heard when their call was established, by why
	Ports    []PortState       `json:"ports"`
	Journal  uint64            `json:"journal_failed"`  // attempts to write the journal that failed
	Place    *PlaceStatus      `json:"place,omitempty"` // none: what is relayed here stays here
}

func (m *media) status() *MediaStatus {
	if m == nil {
		return nil
	}
	t := &m.book.Tally
	st := &MediaStatus{
		Sessions: t.Sessions.Load(), Total: t.Total.Load(), Refused: t.Refused.Load(), Ended: t.EndedBy(), Silent: t.SilentBy(),
	}
	for i, p := range m.pools {
		now := m.engine.Ports(i)
		st.Ports = append(st.Ports, PortState{p.Addr, p.Low, p.High, now.Leased, now.Resting, now.Free})
	}
	switch {
	case m.journal != nil:
		st.Journal = m.journal.Failed()
	case m.place != nil:
		st.Journal = m.place.journal.Failed()
		st.Place = m.place.status()
	}
	return st
}
