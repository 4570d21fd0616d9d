package system

import (
	"github.com/actorsip/actorsip/actors/leg"
	"github.com/actorsip/actorsip/stream"
	"github.com/actorsip/actorsip/telemetry"
)

// openStreams binds the endpoints of the legs of connections. Each lane has an intake for each: a connection is read by one lane
// as long as it lasts, and any lane may write to it.
func (s *System) openStreams(lanes int) error {
	s.streams = make([]*stream.Endpoint, len(s.config.Legs))
	var err error
	if s.certificates, err = s.config.LoadTLS(); err != nil {
		return err
	}
	s.intakes = make([][]*leg.Intake, lanes)
	for i := range s.intakes {
		s.intakes[i] = make([]*leg.Intake, len(s.config.Legs))
	}
	for i, c := range s.config.Legs {
		if !c.Transport.IsStream() {
			continue
		}
		var sinks []stream.Sink
		for _, intakes := range s.intakes {
			intakes[i] = leg.NewIntake()
			sinks = append(sinks, intakes[i])
		}
		if s.streams[i], err = stream.Listen(s.streamConfig(c, s.certificates[i]), sinks); err != nil {
			return err
		}
	}
	return nil
}

// streamConfig is a leg's part of the file.
func (s *System) streamConfig(l Leg, t *stream.TLS) stream.Config {
	return stream.Config{
		Name: l.Name, Transport: l.Transport, Listen: l.Listen, TLS: t,
		WebSocket:  stream.WebSocket{Path: l.WebSocket.Path, Origins: l.WebSocket.Origins},
		MaxMessage: s.config.Limits.MaxMessage,
		Limits: stream.Limits{
			Connections: l.Stream.MaxConnections, PerSource: l.Stream.MaxPerSource, Idle: l.Stream.Idle, Partial: l.Stream.Partial,
			Connect: l.Stream.Connect, Handshake: l.Stream.Handshake, Write: l.Stream.Write, Queue: l.Stream.Queue,
		},
		Log: s.log, Failed: s.failed("streams/" + l.Name), Node: s.node(),
	}
}

// accept begins to take connections, now that there is somebody to read them.
func (s *System) accept() {
	for _, e := range s.streams {
		if e != nil {
			e.Serve()
		}
	}
}

// closeStreams ends all connections. Readers that wait for a lane are let go first.
func (s *System) closeStreams() {
	for _, l := range s.lanes {
		l.Refuse()
	}
	for _, e := range s.streams {
		if e != nil {
			e.Close()
		}
	}
}

// StreamStatus is the connections of one leg in Status.
type StreamStatus struct {
	Open       int               `json:"open"`
	Opening    int               `json:"opening"`
	Accepted   uint64            `json:"accepted"`
	Dialed     uint64            `json:"dialed"`
	Ended      map[string]uint64 `json:"ended"` // by why
	KeepAlives uint64            `json:"keepalives"`
	Received   uint64            `json:"received"` // messages
	Sent       uint64            `json:"sent"`     // messages
}

// streamStatus is nil for a leg of datagrams.
func (s *System) streamStatus(leg int) *StreamStatus {
	e := s.streams[leg]
	if e == nil {
		return nil
	}
	n := e.Stats()
	st := &StreamStatus{
		Open: n.Open, Opening: n.Dialing, Accepted: n.Accepted, Dialed: n.Dialed, Ended: map[string]uint64{}, KeepAlives: n.KeepAlives,
		Received: n.MessagesIn, Sent: n.MessagesOut,
	}
	for why, count := range n.Ends {
		if count > 0 {
			st.Ended[stream.End(why).String()] = count
		}
	}
	return st
}

func (s *System) putStreams(put telemetry.Put) {
	for i, e := range s.streams {
		if e == nil {
			continue
		}
		leg, n := s.legs.All[i].Name, e.Stats()
		put(telemetry.StreamConnections, int64(n.Open), leg, "open")
		put(telemetry.StreamConnections, int64(n.Dialing), leg, "opening")
		put(telemetry.StreamOpened, int64(n.Accepted), leg, "accepted")
		put(telemetry.StreamOpened, int64(n.Dialed), leg, "dialed")
		put(telemetry.StreamBytes, int64(n.BytesIn), leg, "read")
		put(telemetry.StreamBytes, int64(n.BytesOut), leg, "written")
		put(telemetry.StreamKeepAlives, int64(n.KeepAlives), leg)
		for why, count := range n.Ends {
			put(telemetry.StreamEnded, int64(count), leg, stream.End(why).String())
		}
	}
}
