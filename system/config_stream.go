package system

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Streams bound what connections cost (streams, and legs[].stream for one leg).
type Streams struct {
	// MaxConnections (max_connections) is how many connections a leg may have, accepted and opened, 0 to 1000000; one more is
	// closed at once. 0 is no bound. Default 20000.
	MaxConnections int
	// MaxPerSource (max_per_source) is how many of these one address may have opened to us, of IPv6 one /64, 0 to 1000000. 0 is no
	// bound. Default 1000.
	MaxPerSource int
	// Idle (idle) is how long a connection stays on which nothing comes, keep-alives included, 1s to 168h. 0s is for ever. Default
	// 65m, which is more than the hour that phones register for.
	Idle time.Duration
	// Partial (partial) is how long a message may take from its first byte to its last, 100ms to 5m. Default 10s.
	Partial time.Duration
	// Connect (connect) is how long a peer may take to be connected to, 100ms to 1m. Default 5s.
	Connect time.Duration
	// Handshake (handshake) is how long TLS and WebSocket may take together, 100ms to 1m. Default 10s.
	Handshake time.Duration
	// Write (write) is how long a peer may read none of what waits for it, 100ms to 5m. Default 10s.
	Write time.Duration
	// Queue (queue) is how many bytes may wait to be written to one connection, beyond what the kernel takes, 65536 to 16777216. A
	// peer that has more to read is closed. Default 262144.
	Queue int
}

// defaultStreams is a section that says nothing.
func defaultStreams() Streams {
	return Streams{
		MaxConnections: 20000, MaxPerSource: 1000, Idle: 65 * time.Minute, Partial: 10 * time.Second,
		Connect: 5 * time.Second, Handshake: 10 * time.Second, Write: 10 * time.Second, Queue: 256 << 10,
	}
}

// WebSocket is what is asked of those who open a WebSocket to a leg (legs[].websocket).
type WebSocket struct {
	// Path (legs[].websocket.path) is the path that their URL must have, and that we ask for when we open one. Default empty: any,
	// and / when we open one.
	Path string
	// Origins (legs[].websocket.origins) are the web sites whose pages may, as https://phone.example.com. Default none: all may.
	Origins []string
}

// LargeRequests says what becomes of a request over 1300 bytes whose next hop is reached by UDP.
type LargeRequests uint8

// LargeAuto sends it by TCP when a leg can, as RFC 3261 §18.1.1 has it; LargeNever sends it by UDP.
const (
	LargeAuto LargeRequests = iota
	LargeNever
)

// String is the word of the configuration file.
func (l LargeRequests) String() string { return [...]string{"auto", "never"}[l] }

func parseLarge(s string) (LargeRequests, error) {
	return parseWord(s, "auto or never", map[string]LargeRequests{"auto": LargeAuto, "never": LargeNever})
}

// fillStreams gives the legs of connections what the section of all says.
func (c *Config) fillStreams() {
	for i := range c.Legs {
		if l := &c.Legs[i]; l.Transport.IsStream() {
			l.Stream = c.Streams
		}
	}
}

// parsePath reads the path of a URL as it is on the wire.
func parsePath(s string) (string, error) {
	strange := func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`?#"<>\^`+"`{|}", r) }
	if !strings.HasPrefix(s, "/") || strings.ContainsFunc(s, strange) {
		return "", fmt.Errorf("%s is no path of a URL; write it as /sip", quoted(s))
	}
	return s, nil
}

// parseOrigin reads a web site as browsers tell it (RFC 6454 §6.1), in lower case.
func parseOrigin(s string) (string, error) {
	origin := strings.ToLower(s)
	u, err := url.Parse(origin)
	switch {
	case origin == "*":
		return "", errors.New(`"*" is what the list means when it is not there; leave the key out`)
	case err != nil || u.Scheme == "" || u.Hostname() == "" || u.User != nil:
		return "", fmt.Errorf("%s is no web site; write it as https://phone.example.com", quoted(s))
	case u.Scheme+"://"+u.Host != origin:
		return "", fmt.Errorf("%s is more than a web site; write %s://%s", quoted(s), u.Scheme, u.Host)
	case u.Scheme == "https" && u.Port() == "443", u.Scheme == "http" && u.Port() == "80":
		return "", fmt.Errorf("%s has a port that browsers leave out; write %s", quoted(s), origin[:strings.LastIndexByte(origin, ':')])
	}
	if _, _, err := splitHostPort(u.Host); err != nil {
		return "", err
	}
	return origin, nil
}
