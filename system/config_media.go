package system

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Media is the relay of audio and video (media).
type Media struct {
	// Relay (media.relay) puts this proxy into the way of the media: it writes addresses and ports of its own into session
	// descriptions and passes on what arrives there. Default false: session descriptions pass as they are.
	Relay bool
	// Low and High (media.ports, as LOW-HIGH) are the UDP ports of media on the address of each leg that names none of its
	// own, both included, 1024 to 65535, at least 4, the first one even. Default 20000-29999.
	Low, High uint16
	// MaxSessions (media.max_sessions) is how many calls may have relays at a time, 0 to 1000000; one more is answered 503.
	// Default 0: as many as there are ports.
	MaxSessions int
	// MaxStreams (media.max_streams_per_session) is how many media streams one call may have, 0 to 64; an offer of more is
	// answered 488. Default 0, which is 64.
	MaxStreams int
	// Unused (media.unused) is how long a relay waits for its first packet before it ends, 1s to 24h. Default 3m.
	Unused time.Duration
	// Silent (media.silent) is how long neither direction of a relay carries a packet before it ends, 1s to 24h. A call on
	// hold is not silent. Default 30s.
	Silent time.Duration
	// Closed (media.closed) is how long ports stay open after the end of a call, for what is on its way, 100ms to 1m.
	// Default 1s.
	Closed time.Duration
	// Journal (media.journal) is the file from which a process that starts learns the relays of the one before it. A
	// relative path begins at the directory of the configuration file. Empty, written off: a restart ends all relays.
	// Default media.db there.
	Journal string
	// Shared (media.shared) names the media place of this node: nodes that say the same name relay in turn, whichever has the media addresses
	// of the legs, which move between their hosts; calls stay up when they do. 1 to 64 letters, digits, dots, dashes and underscores; only
	// with cluster.etcd, where the journal is then. Default empty: calls end with this node's media.
	Shared string
	// Workers (media.workers) is how many threads move media packets, 0 to 64. Default 0: one for each CPU.
	Workers int
}

// LegMedia is where the media of a leg go in and out (legs[].media). While Media.Relay is false its values are checked
// and not used, and its defaults are not filled in.
type LegMedia struct {
	// Address (legs[].media.address) is where the media ports of the leg are bound. Default: the address that the leg
	// listens on; a leg that listens on all addresses has none.
	Address netip.Addr
	// Advertise (legs[].media.advertise) is the address, of the same family, that is written into session descriptions.
	// Default: Address.
	Advertise netip.Addr
	// Low and High (legs[].media.ports, as LOW-HIGH) are the ports of this leg, as those of Media. Legs of one Address have
	// the same ports, and then share them, or ports apart. Default: those of Media.
	Low, High uint16
	// Hairpin (legs[].media.hairpin) relays the calls too that leave by this leg after they came by it. Default false: their
	// session descriptions pass as they are.
	Hairpin bool
}

// portRange is a range of ports, both ends included.
type portRange struct{ low, high uint16 }

func (m Media) ports() portRange    { return portRange{m.Low, m.High} }
func (m LegMedia) ports() portRange { return portRange{m.Low, m.High} }

// String is r as the configuration file has it.
func (r portRange) String() string { return fmt.Sprintf("%d-%d", r.low, r.high) }

func (r portRange) holds(port uint16) bool { return r.low <= port && port <= r.high }

func (r portRange) meets(other portRange) bool { return r.low <= other.high && other.low <= r.high }

// fault is the sentence about a range that RTP cannot use; empty when it can.
func (r portRange) fault() string {
	const least = 4 // RTP and RTCP, towards both ends of a call
	switch {
	case r.low < 1024:
		return fmt.Sprintf("%v begins below 1024; write ports from 1024 to 65535, as 20000-29999", r)
	case r.high < r.low:
		return fmt.Sprintf("%v runs backwards; write %v", r, portRange{r.high, r.low})
	case r.high-r.low < least-1:
		return fmt.Sprintf("%v holds fewer than %d ports, and one call takes as many; write a longer range", r, least)
	case r.low%2 != 0:
		return fmt.Sprintf("%v begins with an odd port, and RTP takes the even ones; write %v", r, portRange{r.low + 1, r.high})
	}
	return ""
}

// fillMedia gives the legs what they do not say about their media. What they say, and lost tells could not be read,
// stays empty.
func (c *Config) fillMedia(lost func(path string) bool) {
	if !c.Media.Relay {
		return
	}
	for i := range c.Legs {
		l, path := &c.Legs[i], fmt.Sprintf("legs[%d].media", i)
		m := &l.Media
		if !m.Address.IsValid() && !lost(path+".address") && c.Media.Shared == "" && l.Listen.IsValid() && !l.Listen.Addr().IsUnspecified() {
			m.Address = l.Listen.Addr()
		}
		if !m.Advertise.IsValid() && !lost(path+".advertise") {
			m.Advertise = m.Address
		}
		if m.ports() == (portRange{}) && !lost(path+".ports") {
			m.Low, m.High = c.Media.Low, c.Media.High
		}
	}
}

// parsePorts reads LOW-HIGH, whatever the two are.
func parsePorts(s string) (portRange, error) {
	low, high, _ := strings.Cut(s, "-")
	l, errLow := strconv.ParseUint(strings.TrimSpace(low), 10, 16)
	h, errHigh := strconv.ParseUint(strings.TrimSpace(high), 10, 16)
	if errLow != nil || errHigh != nil {
		return portRange{}, fmt.Errorf("%s is no range of ports; write it as 20000-29999", quoted(s))
	}
	return portRange{uint16(l), uint16(h)}, nil
}

// parseMediaAddress reads an address as it stands in a session description, with nothing behind it.
func parseMediaAddress(s string) (netip.Addr, error) {
	a, err := parseAddr(s)
	if err == nil {
		return a, nil
	}
	if _, err := netip.ParseAddrPort(s); err == nil {
		return netip.Addr{}, fmt.Errorf("%s has a port; write the address alone, and ports: LOW-HIGH beside it", quoted(s))
	}
	if validHost(s) {
		return netip.Addr{}, fmt.Errorf("%s is a name; write the address", quoted(s))
	}
	return netip.Addr{}, fmt.Errorf("%s is no address; write it as 192.0.2.1 or \"2001:db8::1\"", quoted(s))
}

// parseJournal is empty for off.
func parseJournal(s string) (string, error) {
	if s == "off" {
		return "", nil
	}
	return parseText(s)
}
