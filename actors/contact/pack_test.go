package contact

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/sipwire"
)

// open(seal(x)) = x: a request to the sealed contact is a request to the contact, and a sealed contact that comes home
// is that contact.
func TestWhatIsSealedOpensToItself(t *testing.T) {
	n := 20_000
	if testing.Short() {
		n = 1_000
	}
	h := build(t)
	g := generator{rand.New(rand.NewPCG(3, 4))}
	for range n {
		uri := g.uri()
		sealed := h.one(t, h.inside, h.outside, uri)
		// RFC 3261 §19.1.5: who makes a request of a URI takes its headers out of it.
		address, _, _ := strings.Cut(sealed, "?")
		want := parse(t, uri)
		want.headers = ""
		if got, home := h.opened(t, h.outside, address); !same(parse(t, got), want) || home != "inside" {
			t.Fatalf("%s\nsealed as %s\nopens to  %s behind %q", uri, sealed, got, home)
		}
		if got := h.one(t, h.outside, h.inside, sealed); !same(parse(t, got), parse(t, uri)) {
			t.Fatalf("%s\nsealed as %s\ncomes home as %s", uri, sealed, got)
		}
		if strings.Contains(sealed, string(parse(t, uri).host)) {
			t.Fatalf("%s\nsealed as %s, in which its host can be read", uri, sealed)
		}
	}
}

// generator makes contact URIs as they are met, and odder ones.
type generator struct{ *rand.Rand }

func (g generator) pick(of ...string) string { return of[g.IntN(len(of))] }

func (g generator) word(alphabet string, atLeast, atMost int) string {
	b := make([]byte, atLeast+g.IntN(atMost-atLeast+1))
	for i := range b {
		b[i] = alphabet[g.IntN(len(alphabet))]
	}
	return string(b)
}

const alnum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

func (g generator) user() string {
	switch g.IntN(8) {
	case 0:
		return ""
	case 1:
		return g.word(alnum, 1, 8) + ":" + g.word(alnum+"&=+$,", 0, 10) + "@"
	case 2:
		return "+49" + g.word("0123456789", 3, 12) + ";phone-context=" + g.word(alnum, 1, 10) + "@"
	case 3:
		return "%4" + g.pick("0", "1", "a", "F") + g.word(alnum+"-_.!~*'()&=+$,;?/", 0, 20) + "@"
	case 4:
		return g.word(alnum, 60, 200) + "@"
	case 5:
		return "x" + g.word("abcdefghijklmnopqrstuvwxyz234567", 24, 50) + "@" // looks like a token
	}
	return g.word(alnum, 1, 12) + "@"
}

func (g generator) host() string {
	switch g.IntN(4) {
	case 0:
		return fmt.Sprintf("[2001:db8::%x:%x]", 1+g.IntN(65535), 1+g.IntN(65535))
	case 1:
		return g.word("abcdefghijklmnopqrstuvwxyz0123456789-", 10, 40) + "." + g.pick("example.com", "local", "Example.ORG")
	}
	return fmt.Sprintf("172.%d.%d.%d", 16+g.IntN(16), g.IntN(256), 1+g.IntN(255))
}

func (g generator) uri() string {
	uri := g.pick("sip:", "sip:", "sip:", "sips:") + g.user() + g.host()
	if g.IntN(2) == 0 {
		uri += fmt.Sprintf(":%d", 1+g.IntN(65535))
	}
	for range g.IntN(5) * g.IntN(2) {
		uri += g.pick(";transport=tcp", ";transport=udp", ";transport=TLS", ";transport=quic", ";maddr=192.0.2.1", ";ttl=15", ";ob", ";lr",
			";rinstance="+g.word(alnum, 1, 16), ";pn-prid="+g.word(alnum+":-_", 20, 160), ";x=%22"+g.word(alnum, 0, 5), ";user=phone")
	}
	if g.IntN(8) == 0 {
		uri += "?" + g.pick("Replaces=", "X=") + g.word(alnum+"%20", 3, 60)
	}
	return uri
}

// address is a URI in the form in which two are compared (RFC 3261 §19.1.4).
type address struct {
	scheme  sipwire.Scheme
	user    string
	host    string
	port    uint16
	params  []string
	headers string
}

func parse(t *testing.T, uri string) address {
	t.Helper()
	u, ok := sipwire.ParseURI([]byte(uri))
	if !ok {
		t.Fatalf("%q is no URI", uri)
	}
	a := address{scheme: u.Scheme, user: string(u.User), host: string(u.Host), port: u.Port, headers: string(u.Headers)}
	if addr, ok := sipwire.ParseAddr(u.Host); ok {
		a.host = addr.String()
	}
	routed := map[string]bool{}
	for p := range strings.SplitSeq(strings.TrimPrefix(string(u.Params), ";"), ";") {
		name, value, _ := strings.Cut(p, "=")
		if slices.Contains(routing, strings.ToLower(name)) {
			if routed[name] {
				continue // RFC 3261 §19.1.1: no parameter may be there twice; the first one counts
			}
			routed[name] = true
			p = name + "=" + strings.ToLower(value)
		}
		a.params = append(a.params, p)
	}
	slices.Sort(a.params)
	return a
}

func same(a, b address) bool {
	return a.scheme == b.scheme && a.user == b.user && a.host == b.host && a.port == b.port && slices.Equal(a.params, b.params) &&
		a.headers == b.headers
}

// What is short comes back letter by letter, parameters in their order.
func TestAShortContactComesBackAsItWas(t *testing.T) {
	h := build(t)
	for _, uri := range []string{
		"sip:alice@10.0.0.5:5060", "sip:10.0.0.5", "sip:alice@10.0.0.5;transport=tcp", "sip:alice@10.0.0.5;transport=TCP",
		"sip:alice@10.0.0.5;transport=tcp;ob", "sip:a@10.0.0.5;ob;transport=tcp", "sip:alice@10.0.0.5;transport=tcp;transport=udp",
		"sip:alice@10.0.0.5;transport", "sip:alice@10.0.0.5;transport=", "sip:alice@10.0.0.5;Transport=udp",
		"sip:alice@10.0.0.5;maddr=1.2.3.4;ttl=1", "sips:alice:secret@[2001:db8::5]:1", "sip:alice@pc.example.com:65535",
		"sip:a@b", "sip:%40@10.0.0.5", "sip:alice@10.0.0.5;x=y@z",
	} {
		if got, home := h.opened(t, h.outside, h.one(t, h.inside, h.outside, uri)); got != uri || home != "inside" {
			t.Errorf("%s comes back as %s behind %q", uri, got, home)
		}
	}
}

// Devices and registrars cut long Contacts off: 255 characters is what most of them take.
func TestTokensAreShort(t *testing.T) {
	h := build(t)
	push := ";app-id=929724111839;pn-type=firebase;pn-timeout=0;pn-silent=1;transport=tls;pn-tok=" // as Linphone writes it
	for _, c := range []struct {
		uri       string
		user, all int // at most
	}{
		{alice, 43, 64},
		{"sip:1001@192.168.178.23:5062", 41, 64},
		{"sip:1001@192.168.178.23", 38, 64},
		{"sip:alice@192.168.178.23:41234;ob", 49, 70},
		{"sip:alice@192.168.178.23:41234;transport=tcp", 43, 64},
		{"sip:an-eighteen-chars@[2001:db8::1234];transport=tcp", 80, 101},
		{"sip:alice@192.168.178.23:41234;transport=udp;rinstance=0123456789abcdef", 64, 100},
		{"sip:alice@192.168.178.23:41234" + push + strings.Repeat("f", 234-30-len(push)), 43, 255},
	} {
		sealed := h.one(t, h.inside, h.outside, c.uri)
		if n := len(user(t, sealed)); n > c.user || len(sealed) > c.all {
			t.Errorf("%d characters are sealed in %d, the user is %d of them; want at most %d and %d:\n%s", len(c.uri), len(sealed), n, c.all, c.user, sealed)
		}
		t.Logf("%3d characters: user %2d, all %3d: %s", len(c.uri), len(user(t, sealed)), len(sealed), c.uri[:min(len(c.uri), 60)])
	}
}

// A longer contact grows by what hiding its host costs, and no more.
func TestALongContactGrowsByItsTokenOnly(t *testing.T) {
	h := build(t)
	for n := range 500 {
		uri := "sip:alice@192.168.178.23:41234;transport=tls;pn-prid=" + strings.Repeat("f", n)
		sealed := h.one(t, h.inside, h.outside, uri)
		if len(user(t, sealed)) > comfortable || len(sealed) > len(uri)+40 {
			t.Fatalf("%d characters are sealed in %d, the user is %d of them", len(uri), len(sealed), len(user(t, sealed)))
		}
	}
}

func TestWhatPackDoesNotMakeIsNotUnpacked(t *testing.T) {
	for name, plain := range map[string]string{
		"no address":           "\x01\x00\x0a\x00\x00",
		"no IPv6 address":      "\x02\x00\x0a\x00\x00\x05\x0a\x00\x00\x05",
		"no port":              "\x05\x00\x0a\x00\x00\x05\x13",
		"no host":              "\x00\x00alice",
		"an unknown transport": "\x71\x00\x0a\x00\x00\x05alice",
	} {
		if uri, ok := unpack(nil, []byte(plain), nil); ok {
			t.Errorf("%s: unpacked to %s", name, uri)
		}
	}
}
