package system

import (
	"fmt"
	"strings"
	"time"

	"github.com/actorsip/actorsip/sipwire"
)

// check reports what is wrong with the bounds of connections.
func (s Streams) check(path string, report func(path, text string)) {
	lasts := func(key string, value, low, high time.Duration, write string) {
		if value < low || value > high {
			report(pathOf(path, key), fmt.Sprintf("%v is out of range; write %s", value, write))
		}
	}
	within(report, path+".max_connections", s.MaxConnections, 0, 1000000)
	within(report, path+".max_per_source", s.MaxPerSource, 0, 1000000)
	if s.Idle != 0 {
		lasts("idle", s.Idle, time.Second, 7*24*time.Hour, "1s to 168h, or 0s for ever")
	}
	lasts("partial", s.Partial, 100*time.Millisecond, 5*time.Minute, "100ms to 5m")
	lasts("connect", s.Connect, 100*time.Millisecond, time.Minute, "100ms to 1m")
	lasts("handshake", s.Handshake, 100*time.Millisecond, time.Minute, "100ms to 1m")
	lasts("write", s.Write, 100*time.Millisecond, 5*time.Minute, "100ms to 5m")
	within(report, path+".queue", s.Queue, 65536, 16<<20)
}

// checkStream reports what is wrong with the connections of a leg.
func (l Leg) checkStream(path string, report func(path, text string)) {
	if !l.Listen.IsValid() {
		return // nobody knows what the leg is
	}
	carries := l.Transport.Param()
	switch {
	case l.Transport.IsStream():
		l.Stream.check(path+".stream", report)
	case l.Stream != (Streams{}):
		report(path+".stream", fmt.Sprintf("the leg listens on %s, which has no connections; leave the key out", carries))
	}
	switch {
	case l.Transport.IsSecure():
		l.TLS.check(path+".tls", report)
	case l.TLS.says():
		report(path+".tls", fmt.Sprintf("the leg listens on %s, which has no TLS; leave the key out, or listen on %s", carries, secure(l.Transport)))
	}
	switch {
	case l.Transport.IsWebSocket():
		l.WebSocket.check(path+".websocket", report)
	case l.WebSocket.Path != "" || len(l.WebSocket.Origins) > 0:
		report(path+".websocket", fmt.Sprintf("the leg listens on %s, which is no WebSocket; leave the key out, or listen on ws or wss", carries))
	}
}

// secure is the transport that has what t has, and TLS.
func secure(t sipwire.Transport) string {
	if t == sipwire.WS {
		return "wss"
	}
	return "tls"
}

func (c TLSConfig) check(path string, report func(path, text string)) {
	const noKey = "the certificate has no key; write its file, as key: key.pem"
	switch {
	case c.Cert == "" && c.Key == "" && len(c.Certificates) == 0:
		report(path, "the leg has no certificate; write tls: {cert: FILE, key: FILE}")
	case c.Cert == "" && c.Key != "":
		report(path+".cert", "the key has no certificate; write its file, as cert: cert.pem")
	case c.Cert != "" && c.Key == "":
		report(path+".key", noKey)
	}
	for i, p := range c.Certificates {
		at := fmt.Sprintf("%s.certificates[%d]", path, i)
		switch {
		case p.Cert == "":
			report(at+".cert", "no certificate is named; write its file, as cert: cert.pem")
		case p.Key == "":
			report(at+".key", noKey)
		}
	}
	if c.VerifyClient && c.CA == "" {
		report(path+".ca", "whom a public authority knows would be let in, which is everybody; write the file of those who may sign certificates for this leg")
	}
}

func (w WebSocket) check(path string, report func(path, text string)) {
	if w.Path != "" {
		if _, err := parsePath(w.Path); err != nil {
			report(path+".path", err.Error())
		}
	}
	first := map[string]string{}
	for i, o := range w.Origins {
		at := fmt.Sprintf("%s.origins[%d]", path, i)
		if want, err := parseOrigin(o); err != nil {
			report(at, err.Error())
		} else if want != o {
			report(at, fmt.Sprintf("%s has capitals; write %s", quoted(o), strings.ToLower(o)))
		} else if before, twice := first[o]; twice {
			report(at, fmt.Sprintf("%s is %s already", quoted(o), before))
		} else {
			first[o] = at
		}
	}
}
