package sipwire

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator makes messages that no two parsers may read differently: canonical names, one blank where one belongs, no
// folds; but of any shape within that.
type generator struct{ *rand.Rand }

func (g generator) message() []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	method := g.pick("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "MESSAGE", "SUBSCRIBE", "NOTIFY", "X-ODD")
	request := g.IntN(3) > 0
	if request {
		line("%s %s SIP/2.0", method, g.uri())
	} else {
		line("SIP/2.0 %d %s", 100+g.IntN(600), g.pick("OK", "Ringing", "Not Found", "Nobody, \"really\" nobody"))
	}
	for i := range 1 + g.IntN(3) {
		line("Via: %s", g.list(1+g.IntN(2)*g.IntN(2), func() string { return g.via(i) }))
	}
	if request && g.maybe() {
		line("Max-Forwards: %d", g.IntN(256))
	}
	for range g.IntN(3) {
		line("Route: %s", g.list(1+g.IntN(3), func() string { return "<" + g.uri() + ">" }))
	}
	line("From: %s;tag=%s", g.address(), g.word())
	to := g.address()
	if g.maybe() {
		to += ";tag=" + g.word()
	}
	line("To: %s", to)
	line("Call-ID: %s@%s", g.word(), g.host())
	line("CSeq: %d %s", g.IntN(1<<31), method)
	for range g.IntN(3) {
		line("Contact: %s", g.list(1+g.IntN(3), func() string { return g.address() + g.pick("", ";expires=60", ";q=0.7;x") }))
	}
	for range g.IntN(5) {
		line("X-%s: %s", g.word(), g.pick("", "a, b", `"quoted, <text>;" and more`, "Grüße"))
	}
	body := strings.Repeat("v=0\r\n", g.IntN(9))
	line("Content-Length: %d", len(body))
	return []byte(b.String() + "\r\n" + body)
}

func (g generator) maybe() bool                 { return g.IntN(2) == 0 }
func (g generator) pick(these ...string) string { return these[g.IntN(len(these))] }
func (g generator) word() string                { return fmt.Sprintf("%s%x", g.pick("a", "z9hG4bK", "-"), g.Uint32()) }

func (g generator) list(n int, one func() string) string {
	s := one()
	for range n - 1 {
		s += ", " + one()
	}
	return s
}

func (g generator) host() string {
	switch g.IntN(3) {
	case 0:
		return fmt.Sprintf("%d.%d.%d.%d", g.IntN(256), g.IntN(256), g.IntN(256), g.IntN(256))
	case 1:
		return fmt.Sprintf("[2001:db8::%x:%x]", g.IntN(1<<16), g.IntN(1<<16))
	}
	return g.pick("a", "proxy-1", "x9") + g.pick(".example.com", ".example.net", "")
}

func (g generator) port() string {
	if g.maybe() {
		return ""
	}
	return fmt.Sprintf(":%d", 1+g.IntN(1<<16-1))
}

// params are 0 to 3 of those, each at most once.
func (g generator) params(of ...string) (s string) {
	g.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
	for _, p := range of[:g.IntN(min(3, len(of))+1)] {
		s += ";" + p
	}
	return s
}

func (g generator) uri() string {
	user := g.pick("", "alice@", "+49%20301234@", "j.doe-1_2@", "bob:secret@")
	return g.pick("sip:", "sips:") + user + g.host() + g.port() +
		g.params("transport=tcp", "lr", "user=phone", "maddr=192.0.2.9", "x=%41")
}

func (g generator) address() string {
	return g.pick("", `"Alice" `, `"Alice, (the ;one)" `, "Bob ") + "<" + g.uri() + ">"
}

func (g generator) via(i int) string {
	return fmt.Sprintf("SIP/2.0/%s %s%s;branch=z9hG4bK%d%s%s", g.pick("UDP", "TCP", "TLS", "WS", "WSS"), g.host(), g.port(), i, g.word(),
		g.params("rport", "received="+g.pick("192.0.2.7", "2001:db8::7"), "maddr=192.0.2.9", "ttl=1", "x="+g.word()))
}
