package system

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strconv"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/relay"
	"github.com/actorsip/actorsip/room"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/stream"
	"github.com/actorsip/actorsip/telemetry"
)

// stages are the rooms and verbs by message.Stage, as spans and metrics name them.
var stages = [message.Stages]telemetry.Stage{
	message.AtReceive:   {Room: "leg", Verb: "receive"},
	message.AtOpen:      {Room: "contact", Verb: "open"},
	message.AtScreen:    {Room: "screen", Verb: "screen"},
	message.AtAuthorize: {Room: "authority", Verb: "authorize"},
	message.AtLocate:    {Room: "registrar", Verb: "locate"},
	message.AtRoute:     {Room: "router", Verb: "route"},
	message.AtSeal:      {Room: "contact", Verb: "seal"},
	message.AtAnchor:    {Room: "mediasession", Verb: "anchor"},
	message.AtSend:      {Room: "leg", Verb: "send"},
}

// reasons are message.Reason, as spans and metrics name them.
func reasons() (all []telemetry.Reason) {
	for r := range message.Reason(message.Reasons) {
		quiet := r == message.KeepAlive || r == message.Acknowledged || r == message.Alive
		all = append(all, telemetry.Reason{Text: r.String(), Status: r.Status(), Quiet: quiet})
	}
	return all
}

// startTelemetry is told by the configuration and by the standard environment variables where to send what.
func (s *System) startTelemetry() (err error) {
	c := s.config.Telemetry
	if s.telemetry, err = telemetry.Start(context.Background(), telemetry.Config{
		Version: Version(), Node: s.config.Node, Secret: traceSecret(s.ring.Load()),
		Stages: stages[:], Reasons: reasons(),
		Endpoint: c.Endpoint, Protocol: c.Protocol, Headers: c.Headers,
		Ratio: c.Sampling, CallsPerSecond: c.CallsPerSecond, Slow: c.Slow, Rooms: c.Rooms, RequestURI: c.RequestURI,
		Forcing: c.LogMe || len(c.Users) > 0, Level: s.config.Log.Level, Log: s.log,
	}); err != nil {
		return err
	}
	s.log = slog.New(s.telemetry.Handler(s.log.Handler()))
	return nil
}

// traceSecret is what trace ids are made with: of the oldest key, which stays the same while newer ones come into use.
func traceSecret(keys *keyring.Keys) []byte { return keys.All()[0].NewMAC(keyring.Trace).Sum(nil) }

// forced tells whether somebody asked for a trace of a request: its user agent, by logme (RFC 8497 §4), or the
// configuration, by a user. nil when nobody may.
func (c Telemetry) forced() func(*message.Packet) bool {
	if !c.LogMe && len(c.Users) == 0 {
		return nil
	}
	users := map[string]bool{}
	for _, u := range c.Users {
		users[u] = true
	}
	return func(p *message.Packet) bool {
		if !p.IsRequest() {
			return false // what its request has asked for stands in our Via
		}
		if c.LogMe && hasLogMe(p.Session()) {
			return true
		}
		if len(users) == 0 {
			return false
		}
		u, ok := sipwire.ParseURI(p.RequestURI())
		return ok && users[string(u.User)] || users[string(p.FromUser())]
	}
}

// hasLogMe tells whether a Session-ID carries the marker.
func hasLogMe(session []byte) bool {
	for param := range bytes.SplitSeq(session, []byte(";")) {
		if sipwire.EqualFold(bytes.TrimSpace(param), "logme") {
			return true
		}
	}
	return false
}

// observe has metrics read what is counted anyway.
func (s *System) observe() error {
	t := s.telemetry
	if err := t.Observe(s.putPackets, telemetry.Packets, telemetry.Written, telemetry.PoolPackets); err != nil {
		return err
	}
	if err := t.Observe(s.putRooms, telemetry.Restarts, telemetry.DeadLetters, telemetry.MailboxDepth); err != nil {
		return err
	}
	if err := t.Observe(s.putDNS, telemetry.DNSQueries, telemetry.DNSLookups, telemetry.DNSCache, telemetry.DNSWaiting); err != nil {
		return err
	}
	if slices.ContainsFunc(s.streams, func(e *stream.Endpoint) bool { return e != nil }) {
		if err := t.Observe(s.putStreams, telemetry.StreamConnections, telemetry.StreamOpened, telemetry.StreamEnded, telemetry.StreamBytes,
			telemetry.StreamKeepAlives); err != nil {
			return err
		}
	}
	if s.nodes != nil {
		if err := t.Observe(s.nodes.putCluster, telemetry.ClusterMembers, telemetry.ClusterLinks, telemetry.ClusterQueued, telemetry.ClusterMessages,
			telemetry.ClusterRefused); err != nil {
			return err
		}
	}
	if err := s.observeChain(); err != nil || s.media == nil {
		return err
	}
	if s.media.place != nil {
		if err := t.Observe(s.media.place.put, telemetry.PlaceHeld, telemetry.PlaceTaken, telemetry.PlaceWaiting); err != nil {
			return err
		}
	}
	return t.Observe(s.putMedia, telemetry.MediaSessions, telemetry.MediaStarted, telemetry.MediaRefused, telemetry.MediaEnded, telemetry.MediaPorts,
		telemetry.MediaPackets, telemetry.MediaBytes, telemetry.MediaRTCP, telemetry.MediaLost, telemetry.MediaLate, telemetry.MediaRejected,
		telemetry.MediaRebound, telemetry.JournalFailed)
}

func (s *System) putPackets(put telemetry.Put) {
	for _, n := range s.Counts() {
		at := stages[slices.IndexFunc(stages[:], func(t telemetry.Stage) bool { return t.Verb == n.Stage })]
		put(telemetry.Packets, int64(n.Packets), at.Room, at.Verb, n.Outcome, n.Reason)
	}
	put(telemetry.Written, int64(s.written()))
	pool := func(lane string, p *message.Pool) {
		used, size := p.Used()
		put(telemetry.PoolPackets, int64(used), lane, "used")
		put(telemetry.PoolPackets, int64(size-used), lane, "idle")
	}
	for i, l := range s.lanes {
		pool(strconv.Itoa(i), l.Pool)
	}
	if s.nodes != nil {
		pool("remote", s.nodes.pool)
	}
}

func (s *System) putRooms(put telemetry.Put) {
	for path, n := range s.restarts.ByRoom() {
		put(telemetry.Restarts, int64(n), path)
	}
	put(telemetry.DeadLetters, int64(s.lost.Load()))
	for name, n := range s.depths.ByRoom() {
		put(telemetry.MailboxDepth, int64(n), name)
	}
}

func (s *System) putDNS(put telemetry.Put) {
	n := s.resolver.Stats()
	put(telemetry.DNSQueries, int64(n.Answered), "answered")
	put(telemetry.DNSQueries, int64(n.Failed), "failed")
	put(telemetry.DNSLookups, int64(n.Remembered), "cache")
	put(telemetry.DNSLookups, int64(n.Asked), "asked")
	put(telemetry.DNSCache, int64(n.Cached))
	put(telemetry.DNSWaiting, int64(n.Waiting))
}

func (s *System) putMedia(put telemetry.Put) {
	st := s.media.status()
	put(telemetry.MediaSessions, st.Sessions)
	put(telemetry.MediaStarted, int64(st.Total))
	put(telemetry.MediaRefused, int64(st.Refused))
	for why, n := range st.Ended {
		put(telemetry.MediaEnded, int64(n), why)
	}
	for i, p := range st.Ports {
		pool := strconv.Itoa(i)
		put(telemetry.MediaPorts, int64(p.Leased), pool, "leased")
		put(telemetry.MediaPorts, int64(p.Resting), pool, "resting")
		put(telemetry.MediaPorts, int64(p.Free), pool, "free")
	}
	for leg, n := range s.media.book.Tally.Flows() {
		put(telemetry.MediaPackets, int64(n.Packets), leg)
		put(telemetry.MediaBytes, int64(n.Bytes), leg)
		put(telemetry.MediaRTCP, int64(n.RTCP), leg)
		put(telemetry.MediaLost, int64(n.Lost), leg)
		put(telemetry.MediaLate, int64(n.Late), leg)
		put(telemetry.MediaRebound, int64(n.Rebound), leg)
		for why, count := range n.Rejected {
			put(telemetry.MediaRejected, int64(count), leg, relay.Reject(why).String())
		}
	}
	put(telemetry.JournalFailed, int64(st.Journal))
}

// undelivered counts what was told to rooms that are gone, and gives it back.
func (s *System) undelivered(event any) {
	if _, ok := event.(*actor.DeadLetterEvent); ok {
		s.lost.Add(1)
	}
	room.Undelivered(event)
}
