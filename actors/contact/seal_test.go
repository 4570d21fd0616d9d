package contact

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/tests/stage"
)

var tokenInURI = regexp.MustCompile(`(sips?:)x[a-z2-7]{24,}@`)

// masked puts TOKEN in the place of the tokens of Contact values.
func masked(values []string) []string {
	for i, v := range values {
		values[i] = tokenInURI.ReplaceAllString(v, "${1}TOKEN@")
	}
	return values
}

func TestOnlyTheURIOfAContactIsSealed(t *testing.T) {
	h := build(t)
	const at = "TOKEN@203.0.113.1:5060"
	for _, c := range []struct {
		name   string
		method string // of the CSeq; a response unless INVITE
		in     []string
		want   []string
	}{
		{"in brackets", "INVITE", []string{"<sip:alice@10.0.0.5>"}, []string{"<sip:" + at + ">"}},
		{
			"with a display name and parameters", "INVITE",
			[]string{`"Alice, \"A.\" <sip:x@y>" <sip:alice@10.0.0.5>;expires=60;+sip.instance="<urn:uuid:1>"`},
			[]string{`"Alice, \"A.\" <sip:x@y>" <sip:` + at + `>;expires=60;+sip.instance="<urn:uuid:1>"`},
		},
		{"without brackets", "INVITE", []string{"sip:alice@10.0.0.5"}, []string{"<sip:" + at + ">"}},
		{"without brackets, with parameters of the header", "INVITE", []string{"sip:alice@10.0.0.5;expires=60"}, []string{"<sip:" + at + ">;expires=60"}},
		{
			"a list", "REGISTER",
			[]string{"<sip:alice@10.0.0.5>;q=1, sip:alice@10.0.0.6 ,\"b\" <sips:b@10.0.0.7>"},
			[]string{"<sip:" + at + ">;q=1, <sip:" + at + "> ,\"b\" <sips:" + at + ">"},
		},
		{
			"several headers", "REGISTER",
			[]string{"<sip:alice@10.0.0.5>", "<mailto:a@b>, <sip:b@10.0.0.6>", "tel:+49301"},
			[]string{"<sip:" + at + ">", "<mailto:a@b>, <sip:" + at + ">", "tel:+49301"},
		},
		{"all bindings", "REGISTER", []string{"*"}, []string{"*"}},
		{"a telephone", "INVITE", []string{"<tel:+4930123456>"}, []string{"<tel:+4930123456>"}},
		{"a secure one", "INVITE", []string{"<sips:alice@10.0.0.5:5061>"}, []string{"<sips:" + at + ">"}},
		{"headers for who calls it", "INVITE", []string{"<sip:alice@10.0.0.5?Replaces=a%40b>"}, []string{"<sip:" + at + "?Replaces=a%40b>"}},
		{
			"long parameters", "INVITE",
			[]string{"<sip:alice@10.0.0.5;pn-prid=" + strings.Repeat("f", 80) + ";transport=tcp;ob>"},
			[]string{"<sip:" + at + ";pn-prid=" + strings.Repeat("f", 80) + ";ob>"},
		},
		{
			"long parameters and headers", "INVITE",
			[]string{"<sip:alice@10.0.0.5;p=" + strings.Repeat("f", 80) + "?a=b>"},
			[]string{"<sip:" + at + ";p=" + strings.Repeat("f", 80) + "?a=b>"},
		},
		{"a name that looks like a token", "INVITE", []string{"<sip:xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@10.0.0.5>"}, []string{"<sip:" + at + ">"}},
		{"none", "INVITE", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := masked(h.via(t, h.inside, h.outside, c.method, c.in...))
			if !slices.Equal(got, c.want) {
				t.Errorf("%q\nleaves as %q\nwant      %q", c.in, got, c.want)
			}
		})
	}
}

// Everything but the Contact leaves as it came.
func TestNothingElseIsTouched(t *testing.T) {
	h := build(t)
	text := request("INVITE", "sip:bob@example.com", "INVITE", "<sip:alice@10.0.0.5>")
	text = strings.Replace(text, "\n\n", "\nX-Contact: <sip:alice@10.0.0.5>\nReply-To: <sip:alice@10.0.0.5>\nContent-Length: 31\n\nContact: <sip:alice@10.0.0.5>\n", 1)
	p := h.packet(t, h.inside, text)
	defer p.Free()
	p.Egress = h.outside
	h.seal(p)
	before := strings.ReplaceAll(text, "\n", "\r\n")
	after := string(p.AppendTo(nil))
	sealed := stage.Headers(after, "Contact")[0]
	if back := strings.Replace(after, sealed, "<sip:alice@10.0.0.5>", 1); back != before {
		t.Errorf("it left as\n%s\nbut came as\n%s", after, before)
	}
}

func TestAContactThatCannotBeSealedIsRefusedRatherThanShown(t *testing.T) {
	h := build(t)
	bad := message.Answer(message.Reason(sipwire.BadContact))
	for name, contact := range map[string]string{
		"no URI":               "alice",
		"a bracket not closed": "<sip:alice@10.0.0.5",
		"blanks inside":        "<sip:alice @10.0.0.5>",
		"an impossible host":   "<sip:alice@[10.0.0.5]>",
		"a port that is none":  "<sip:alice@10.0.0.5:65536>",
		"far too long":         "<sip:" + strings.Repeat("a", maxPlain) + "@10.0.0.5>",
		"the second one":       "<sip:alice@10.0.0.5>, alice",
	} {
		for _, method := range []string{"INVITE", "BYE"} { // a request; a response, which is dropped for it
			p := h.packet(t, h.inside, request("INVITE", "sip:bob@example.com", method, contact))
			p.Egress = h.outside
			if got := h.seal(p); got != bad {
				t.Errorf("%s: %q", name, got)
			}
			p.Free()
		}
	}
}

func TestAContactThatStaysOnItsLegIsLeftAlone(t *testing.T) {
	h := build(t)
	if got := h.one(t, h.inside, h.inside, alice); got != alice {
		t.Errorf("it left as %s", got)
	}
	h.Always = true
	sealed := h.one(t, h.inside, h.inside, alice)
	if sealed == alice || !strings.HasSuffix(sealed, "@10.0.0.1:5060") {
		t.Errorf("contact.rewrite is always, and it left as %s", sealed)
	}
	if got, home := h.opened(t, h.inside, sealed); got != alice || home != "inside" {
		t.Errorf("opened to %s behind %q", got, home)
	}
	if again := h.one(t, h.inside, h.inside, sealed); again != alice {
		t.Errorf("it comes back to where it lives as %s", again)
	}
}

// A registrar's 200 lists bindings: those that are tokens of ours become what they were when they come home.
func TestATokenThatComesHomeIsOpened(t *testing.T) {
	h := build(t)
	sealed := h.via(t, h.inside, h.outside, "REGISTER", "<sip:alice@10.0.0.5;ob>;expires=60")[0]
	got := masked(h.via(t, h.outside, h.inside, "REGISTER", sealed, "<sip:alice@198.51.100.7>;expires=50"))
	want := []string{"<sip:alice@10.0.0.5;ob>;expires=60", "<sip:TOKEN@10.0.0.1:5060>;expires=50"}
	if !slices.Equal(got, want) {
		t.Errorf("the bindings come home as %q, want %q", got, want)
	}
	bare := strings.NewReplacer("<", "", ">", "").Replace(sealed) // as some registrars write it
	if got := h.via(t, h.outside, h.inside, "REGISTER", bare); !slices.Equal(got, want[:1]) {
		t.Errorf("%s comes home as %s: the parameters of the URI are not those of the header", bare, got)
	}
	upper := strings.Replace(sealed, user(t, sealed[1:strings.Index(sealed, ">")]), strings.ToUpper(user(t, sealed[1:strings.Index(sealed, ">")])), 1)
	if got := h.via(t, h.outside, h.inside, "REGISTER", upper); !slices.Equal(got, want[:1]) {
		t.Errorf("%s comes home as %s", upper, got)
	}
}

// What peers add to the URI is theirs, but the way to us is not the way to the contact.
func TestParametersOfPeersGoWithTheToken(t *testing.T) {
	h := build(t)
	sealed := h.one(t, h.inside, h.outside, "sip:alice@10.0.0.5:5070;ob")
	for added, want := range map[string]string{
		"":                             "",
		";line=7":                      ";line=7",
		";user=phone;line=7":           ";user=phone;line=7",
		";transport=udp":               "",
		";maddr=203.0.113.1;ttl=1;a=b": ";a=b",
		";TRANSPORT=udp;x;lr":          ";x;lr",
		";a=b;transport=tcp;maddr=x;c": ";a=b;c",
	} {
		if got, home := h.opened(t, h.outside, sealed+added); got != "sip:alice@10.0.0.5:5070;ob"+want || home != "inside" {
			t.Errorf("with %s it opens to %s", added, got)
		}
	}
	// The host and port are not part of it: who reaches us by another name reaches the contact.
	if got, _ := h.opened(t, h.outside, "sip:"+user(t, sealed)+"@sip.example.com"); got != "sip:alice@10.0.0.5:5070;ob" {
		t.Errorf("under another name of ours it opens to %s", got)
	}
}

func TestATokenThatGoesOnToAThirdLegIsSealedForThat(t *testing.T) {
	h := build(t)
	first := h.one(t, h.inside, h.outside, "sip:alice@10.0.0.5;ob")
	second := h.one(t, h.outside, h.dmz, first)
	if !strings.HasSuffix(second, "@[2001:db8::1]:5060") || user(t, second) == user(t, first) {
		t.Fatalf("%s goes on as %s", first, second)
	}
	if got, home := h.opened(t, h.dmz, second); got != "sip:alice@10.0.0.5;ob" || home != "inside" {
		t.Errorf("it opens to %s behind %q: not to a token behind the leg between", got, home)
	}
	if second != h.one(t, h.inside, h.dmz, "sip:alice@10.0.0.5;ob") {
		t.Error("by a detour the contact has another token")
	}
}

// A token of one leg that is met on another is a name like any other there: it is sealed again, and both open in turn.
func TestATokenOfAnotherLegIsSealedAgain(t *testing.T) {
	h := build(t)
	first := h.one(t, h.inside, h.outside, alice)
	second := h.one(t, h.dmz, h.inside, first)
	got, home := h.opened(t, h.inside, second)
	if got != first || home != "dmz" {
		t.Fatalf("it opens to %s behind %q", got, home)
	}
	if got, home := h.opened(t, h.outside, got); got != alice || home != "inside" {
		t.Errorf("and that to %s behind %q", got, home)
	}
}

func TestOpenedExplainsAToken(t *testing.T) {
	h := build(t)
	sealed := h.one(t, h.inside, h.outside, alice)
	contact, home, ok := h.Opened([]byte(sealed+";line=7"), h.outside)
	if !ok || string(contact) != alice+";line=7" || home != h.inside {
		t.Errorf("opened to %s behind %v: %v", contact, home, ok)
	}
	for _, uri := range []string{"sip:bob@example.com", "sip:example.com", "tel:1", "", sealed[:30] + "@h"} {
		if contact, _, ok := h.Opened([]byte(uri), h.outside); ok {
			t.Errorf("%s opens to %s", uri, contact)
		}
	}
	if _, _, ok := h.Opened([]byte(sealed), h.inside); ok {
		t.Error("it opens on the wrong leg")
	}
}
