package system

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/actorsip/actorsip/sipwire"
)

// Validate tells all that is wrong with c, a line each, in the words of Parse without the places in a file.
func (c Config) Validate() error {
	var errs []error
	c.check(func(path, text string) { errs = append(errs, fmt.Errorf("%s: %s", path, text)) })
	return errors.Join(errs...)
}

// check reports what is wrong with c. It holds for a Config made in Go as well as for one from a file, of which some
// values could not be read and are missing.
func (c Config) check(report func(path, text string)) {
	in := func(path string, value, low, high int) { within(report, path, value, low, high) }
	if len(c.Node) > 255 || c.Node == "" || strings.ContainsFunc(c.Node, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		report("node", fmt.Sprintf("%s is no name for a node; write 1 to 255 characters without blanks", quoted(c.Node)))
	}
	in("lanes", c.Lanes, 0, 256)
	c.checkLegs(report)
	for _, h := range c.NextHops {
		path := pathOf("next_hops", h.Domain)
		if d, err := parseDomain(h.Domain); err != nil || d != h.Domain {
			report(path, fmt.Sprintf("%s is no domain in lower case", quoted(h.Domain)))
		}
		c.checkHop(path, h.URI, c.Legs, report)
	}
	if c.OutboundProxy != "" {
		c.checkHop("outbound_proxy", c.OutboundProxy, c.Legs, report)
	}
	if c.Contact > Never {
		report("contact.rewrite", fmt.Sprintf("%d is none of crossing, always and never", c.Contact))
	}
	c.checkMedia(report)
	c.checkCluster(report)
	if t := c.DrainTimeout; t < 0 || t > 24*time.Hour {
		report("drain.timeout", fmt.Sprintf("%v is out of range; write 0s to 24h", t))
	}
	if c.KeyFile == "" {
		report("keys.file", "the file has no name; write one, as keys.yaml")
	}
	if t := c.DNS.Timeout; t != 0 && (t < 10*time.Millisecond || t > time.Minute) {
		report("dns.timeout", fmt.Sprintf("%v is out of range; write 10ms to 1m", t))
	}
	in("dns.attempts", c.DNS.Attempts, 0, 10)
	in("dns.max_waiting", c.DNS.MaxWaiting, 1, 1000000)
	in("dns.cache", c.DNS.Cache, 1, 1000000)
	in("limits.max_message", c.Limits.MaxMessage, 1500, 65535)
	in("limits.packets", c.Limits.Packets, 16, 65536)
	in("limits.waiting", c.Limits.Waiting, 0, max(c.Limits.Packets, 16)-1) // one is left for those that need not wait
	in("forwarding.max_forwards", c.MaxForwards, 1, 255)
	if c.LargeRequests > LargeNever {
		report("forwarding.large_requests", fmt.Sprintf("%d is none of auto and never", c.LargeRequests))
	}
	c.Streams.check("streams", report)
	c.checkChain(report)
	c.checkFiles(report)
	if c.AdminListen != "" {
		if _, err := parseAdmin(c.AdminListen); err != nil {
			report("admin.listen", err.Error())
		}
	}
	if c.Log.Format > LogText {
		report("log.format", fmt.Sprintf("%d is none of json and text", c.Log.Format))
	}
	c.Telemetry.check(report)
}

// within refuses a number that is out of its range.
func within(report func(path, text string), path string, value, low, high int) {
	if value < low || value > high {
		report(path, fmt.Sprintf("%d is out of range; write %d to %d", value, low, high))
	}
}

var legName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

func (c Config) checkLegs(report func(path, text string)) {
	switch n := len(c.Legs); {
	case n == 0:
		report("legs", `there is no leg to send and receive by; write at least legs: [{name: inside, listen: "udp:ADDRESS:5060"}]`)
	case n > 255:
		report("legs", fmt.Sprintf("%d legs are too many; write at most 255", n))
	}
	names := map[string]string{}
	listens := map[string]string{}
	advertised := map[string]string{}
	domains := map[string]string{}
	reaches := map[string]string{}
	once := func(seen map[string]string, key, path, text string) {
		if first, twice := seen[key]; twice {
			report(path, fmt.Sprintf("%s is %s already", text, first))
			return
		}
		seen[key] = path
	}
	for i, l := range c.Legs {
		path := fmt.Sprintf("legs[%d]", i)
		switch {
		case l.Name == "":
			report(path+".name", "the leg has no name; write one, as name: inside")
		case !legName.MatchString(l.Name):
			report(path+".name", fmt.Sprintf(
				"%s is no name for a leg; write lower-case letters, digits and dashes, 32 at most, no dash first", quoted(l.Name)))
		default:
			once(names, l.Name, path+".name", quoted(l.Name))
		}
		l.checkListen(path, report)
		l.checkStream(path, report)
		l.Registrar.check(path+".registrar", report)
		if l.Listen.IsValid() && l.Listen.Port() != 0 {
			text := quoted(l.Transport.Param() + ":" + l.Listen.String())
			if l.Transport.IsStream() {
				text = "the TCP port of " + text // which is that of another transport as well
			}
			once(listens, l.socket()+":"+l.Listen.String(), path+".listen", text)
		}
		if l.AdvertiseHost != "" { // two legs of one address could not be told apart in a Route
			port := l.AdvertisePort
			if port == 0 {
				port = l.Listen.Port()
			}
			if at := fmt.Sprintf("%s:%d", strings.ToLower(l.AdvertiseHost), port); port != 0 {
				once(advertised, l.socket()+":"+at, path+".advertise", quoted(at))
			}
		}
		for j, r := range l.Reach {
			at := fmt.Sprintf("%s.reach[%d]", path, j)
			l.checkReach(at, r, report)
			if r.Prefix.IsValid() {
				once(reaches, l.Transport.Param()+" "+r.String(), at, quoted(r.String()))
			}
		}
		for j, d := range l.Domains {
			at := fmt.Sprintf("%s.domains[%d]", path, j)
			if want, err := parseDomain(d); err != nil || want != d {
				report(at, fmt.Sprintf("%s is no domain in lower case", quoted(d)))
				continue
			}
			once(domains, d, at, quoted(d))
		}
		if l.Proxy != "" {
			c.checkHop(path+".proxy", l.Proxy, c.Legs[i:i+1], report)
		}
		for _, p := range l.Prefixes {
			l.checkPrefix(pathOf(path+".prefixes", p.Digits), p, report)
		}
	}
}

// socket is what the leg is bound to. The port of one kind is not that of the other, so that a leg of UDP and another may share a
// number.
func (l Leg) socket() string {
	if l.Transport.IsStream() {
		return "tcp"
	}
	return "udp"
}

func (l Leg) checkListen(path string, report func(path, text string)) {
	a, text := l.Listen.Addr(), quoted(l.Transport.Param()+":"+l.Listen.String())
	switch path := path + ".listen"; {
	case !a.IsValid():
		report(path, "the leg listens nowhere; write listen: udp:ADDRESS:5060")
	case l.Transport != sipwire.UDP && !l.Transport.IsStream():
		report(path, fmt.Sprintf("%s begins with a transport that no leg carries; write udp, tcp, tls, ws or wss", text))
	case a.Is4In6():
		report(path, fmt.Sprintf("%s is IPv4 written as IPv6; write %s:%s", text, l.Transport.Param(), netip.AddrPortFrom(a.Unmap(), l.Listen.Port())))
	case a.Zone() != "":
		report(path, fmt.Sprintf("%s has a zone, which has no meaning on other machines; listen on an address without %%%s", text, a.Zone()))
	case a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		report(path, fmt.Sprintf("%s is no address of one machine; write an address of this one", text))
	case a.IsUnspecified() && l.AdvertiseHost == "":
		report(path, fmt.Sprintf("%s is every address, so Via and Record-Route would have none; "+
			"listen on one address, or add advertise: HOST", text))
	}
	if l.AdvertiseHost != "" {
		if err := checkHost(l.AdvertiseHost); err != nil {
			report(path+".advertise", err.Error())
		}
	}
}

func (l Leg) checkReach(path string, r Reach, report func(path, text string)) {
	listen := l.Listen.Addr()
	switch a := r.Prefix.Addr(); {
	case !r.Prefix.IsValid() || r.Prefix != r.Prefix.Masked() || r.Port != 0 && !r.Prefix.IsSingleIP():
		report(path, fmt.Sprintf("%s is no network, address or address:port", quoted(r.String())))
	case a.Is4In6():
		report(path, fmt.Sprintf("%s is IPv4 written as IPv6; write it as IPv4", quoted(r.String())))
	case listen.IsValid() && a.Is4() != listen.Is4():
		report(path, fmt.Sprintf("%s is %s, but the leg listens on %s; make another leg for it", quoted(r.String()), family(a), family(listen)))
	}
}

// String is r as the configuration file has it.
func (r Reach) String() string {
	switch {
	case r.Port != 0:
		return netip.AddrPortFrom(r.Prefix.Addr(), r.Port).String()
	case r.Prefix.IsSingleIP():
		return r.Prefix.Addr().String()
	}
	return r.Prefix.String()
}

func (l Leg) checkPrefix(path string, p Prefix, report func(path, text string)) {
	if p.Digits == "" || strings.Trim(p.Digits, "0123456789+*#") != "" {
		report(path, fmt.Sprintf("%s is no prefix; write digits, +, * and # in quotes", quoted(p.Digits)))
	}
	if _, _, err := splitHostPort(p.Domain); err != nil {
		report(path, err.Error())
	}
}

// checkHop refuses a next hop that none of legs can send to, or that is this proxy itself.
func (c Config) checkHop(path, uri string, legs []Leg, report func(path, text string)) {
	if _, err := parseHop(uri); err != nil {
		report(path, err.Error())
		return
	}
	h := hopOf(uri, legs)
	carried, reached := false, false
	for _, l := range legs {
		if l.Transport == h.transport || !l.Listen.IsValid() { // which is refused as it is
			carried = true
			reached = reached || !h.addr.IsValid() || !l.Listen.IsValid() || l.Listen.Addr().Is4() == h.addr.Is4()
		}
	}
	switch own := c.legAt(h); {
	case len(legs) == 0: // is reported
	case !carried:
		report(path, fmt.Sprintf("%s needs %s, which no leg here carries; make a leg for it, or write another transport", quoted(uri), h.transport.Param()))
	case !reached:
		report(path, fmt.Sprintf("%s is %s, on which no leg of %s listens; make one", quoted(uri), family(h.addr), h.transport.Param()))
	case own != nil:
		report(path, fmt.Sprintf("%s is the leg %s of this proxy: requests would run in a circle; write another next hop", quoted(uri), own.Name))
	}
}

// legAt is the leg that a next hop names, by the address that it listens on or by what it advertises; nil when it is
// none of ours.
func (c Config) legAt(h hop) *Leg {
	for i, l := range c.Legs {
		if l.Transport != h.transport {
			continue // two sockets, not one
		}
		port := l.AdvertisePort
		if port == 0 {
			port = l.Listen.Port()
		}
		listen := l.Listen.Addr()
		here := h.addr == listen || listen.IsValid() && listen.IsUnspecified() && h.addr.IsLoopback() && h.addr.Is4() == listen.Is4()
		if h.addr.IsValid() && here && h.port == l.Listen.Port() || strings.EqualFold(h.host, l.AdvertiseHost) && h.port == port {
			return &c.Legs[i]
		}
	}
	return nil
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}
