package contact

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/tests/stage"
)

const alice = "sip:alice@10.0.0.5:5060"

// Tokens are out for days, on other nodes and in registrars. What made them may change; what opens them must not.
func TestATokenOfYesterdayOpens(t *testing.T) {
	h := build(t)
	const golden = "sip:xed2tdjpku2szilep35xt3psfikf7guman2wwbzbeii@203.0.113.1:5060"
	if got := h.one(t, h.inside, h.outside, alice); got != golden {
		t.Errorf("sealed as %s, before as %s", got, golden)
	}
	if got, home := h.opened(t, h.outside, golden); got != alice || home != "inside" {
		t.Errorf("opened to %s behind leg %q", got, home)
	}
}

// RFC 3261 §16.11: a retransmission is treated as the first one was, by whichever actor.
func TestTheSameContactIsAlwaysTheSameToken(t *testing.T) {
	h := build(t)
	first := h.one(t, h.inside, h.outside, alice)
	for range 3 {
		if got := h.one(t, h.inside, h.outside, alice); got != first {
			t.Errorf("%s, then %s", first, got)
		}
		h.with(h.Legs, keyring.NewRing(stage.ReadKeys(t, h.keyFile)))
	}
	for other, uri := range map[string]string{
		"user": "sip:alicf@10.0.0.5:5060", "address": "sip:alice@10.0.0.6:5060", "port": "sip:alice@10.0.0.5:5061",
		"no port": "sip:alice@10.0.0.5", "scheme": "sips:alice@10.0.0.5:5060", "parameter": alice + ";ob",
	} {
		if user(t, h.one(t, h.inside, h.outside, uri)) == user(t, first) {
			t.Errorf("another %s has the same token", other)
		}
	}
	if user(t, h.one(t, h.inside, h.dmz, alice)) == user(t, first) || user(t, h.one(t, h.dmz, h.outside, alice)) == user(t, first) {
		t.Error("other legs have the same token")
	}
}

// A token is a bearer's right to call one contact: no character of it may be anybody's choice.
func TestAChangedTokenIsRefused(t *testing.T) {
	for _, uri := range []string{alice, "sip:1001@192.168.178.23", "sips:a-rather-long-user@[2001:db8::1234];transport=tls"} {
		h := build(t)
		token := user(t, h.one(t, h.inside, h.outside, uri))
		refused := func(what, changed string, at int) {
			t.Helper()
			if _, _, ok := h.tokens.open(h.Legs, h.outside, []byte(changed)); ok != strings.EqualFold(changed, token) {
				t.Fatalf("%s at %d of %s is accepted: %v\n%s", what, at, token, ok, changed)
			}
		}
		for i := range token {
			for c := range 256 {
				refused("another character", token[:i]+string([]byte{byte(c)})+token[i+1:], i)
			}
			for bit := range 8 {
				refused("a flipped bit", token[:i]+string([]byte{token[i] ^ 1<<bit})+token[i+1:], i)
			}
			refused("a character less", token[:i]+token[i+1:], i)
			refused("a character more", token[:i]+"a"+token[i:], i)
			if i+1 < len(token) && token[i] != token[i+1] {
				refused("two characters exchanged", token[:i]+token[i+1:i+2]+token[i:i+1]+token[i+2:], i)
			}
		}
		refused("nothing", token, 0)
		for _, more := range []string{"a", "=", "7", " ", "a=", ":", ":password", ";a=b", "@"} {
			refused("more behind", token+more, len(token))
		}
	}
}

func TestNoRandomTokenIsAccepted(t *testing.T) {
	tries := 1_000_000
	if testing.Short() {
		tries = 10_000
	}
	h := build(t)
	random := rand.New(rand.NewPCG(1, 2))
	real := []byte(user(t, h.one(t, h.inside, h.outside, alice)))
	text := make([]byte, maxToken+2)
	for n := range tries {
		var b []byte
		switch n % 4 {
		case 0: // any letters, of any length
			b = text[:random.IntN(60)]
			letters(random, b)
		case 1: // of a token's shape, with a key that there is
			b = text[:len(real)]
			letters(random, b)
			copy(b, real[:2])
		case 2: // the beginning or end of a true one
			b = append(text[:0], real...)
			if from := random.IntN(len(b)); n%8 == 2 {
				letters(random, b[from:])
			} else {
				letters(random, b[:from])
			}
		case 3: // bytes
			b = text[:random.IntN(60)]
			for i := range b {
				b[i] = byte(random.Uint32())
			}
		}
		if len(b) > 0 {
			b[0] = letter
		}
		if string(b) == string(real) {
			continue
		}
		if _, _, ok := h.tokens.open(h.Legs, h.outside, b); ok {
			t.Fatalf("%q is accepted", b)
		}
	}
}

func letters(random *rand.Rand, b []byte) {
	for i := range b {
		b[i] = "abcdefghijklmnopqrstuvwxyz234567"[random.IntN(32)]
	}
}

// Devices fold the case of user parts, which RFC 3261 §19.1.4 forbids.
func TestATokenOpensInAnyCase(t *testing.T) {
	h := build(t)
	sealed := h.one(t, h.inside, h.outside, alice)
	mixed := []byte(sealed)
	for i := 4; i < strings.IndexByte(sealed, '@'); i += 2 {
		mixed[i] = strings.ToUpper(sealed)[i]
	}
	for _, uri := range []string{sealed, "sip:" + strings.ToUpper(sealed[4:]), string(mixed)} {
		if got, home := h.opened(t, h.outside, uri); got != alice || home != "inside" {
			t.Errorf("%s opens to %s behind %q", uri, got, home)
		}
	}
}

func TestATokenOpensOnlyWhereItWasGivenOut(t *testing.T) {
	h := build(t)
	sealed := h.one(t, h.inside, h.outside, alice)
	for _, leg := range h.Legs.All {
		got, home := h.opened(t, leg, sealed)
		if leg == h.outside && (got != alice || home != "inside") || leg != h.outside && (got != sealed || home != "") {
			t.Errorf("on leg %s it opens to %s behind %q", leg.Name, got, home)
		}
	}
	if _, home := h.opened(t, h.inside, h.one(t, h.outside, h.inside, alice)); home != "outside" {
		t.Errorf("the other way round it opens to a contact behind %q", home)
	}
}

// Legs come and go while calls are up: only a leg's own name is in its tokens.
func TestOtherLegsDoNotVoidTokens(t *testing.T) {
	h := build(t)
	sealed := h.one(t, h.inside, h.outside, alice)
	for _, names := range [][]string{
		{"outside", "inside"}, {"more", "dmz", "outside", "inside"}, {"inside", "more", "outside"},
	} {
		h.with(legsOf(names...), h.ring)
		if got, home := h.opened(t, h.outside, sealed); got != alice || home != "inside" {
			t.Errorf("with the legs %v it opens to %s behind %q", names, got, home)
		}
		if got := h.one(t, h.inside, h.outside, alice); got != sealed {
			t.Errorf("with the legs %v it is sealed as %s, before as %s", names, got, sealed)
		}
	}
	legs := legsOf("outside", "more") // its home is gone
	h.with(legs, h.ring)
	if got, home := h.opened(t, legs.All[0], sealed); home != "" {
		t.Errorf("without its leg it opens to %s behind %q", got, home)
	}
}

// A leg's id is one byte: two legs may share it, and only the MAC tells them apart.
func TestTwoLegsOfOneIDAreToldApart(t *testing.T) {
	h := build(t)
	for _, l := range h.Legs.All {
		l.ID = 7
	}
	for _, home := range h.Legs.All {
		for _, away := range h.Legs.All {
			if home == away {
				continue
			}
			sealed := h.one(t, home, away, alice)
			if got, behind := h.opened(t, away, sealed); got != alice || behind != home.Name {
				t.Errorf("from %s to %s: opened to %s behind %q", home.Name, away.Name, got, behind)
			}
		}
	}
}

func TestAnotherClustersTokenIsRefused(t *testing.T) {
	h := build(t)
	sealed := h.one(t, h.inside, h.outside, alice)
	h.with(h.Legs, keyring.NewRing(stage.ReadKeys(t, stage.KeyFile(t, "another")))) // the same secrets
	if got, home := h.opened(t, h.outside, sealed); home != "" {
		t.Errorf("it opens to %s behind %q", got, home)
	}
}

// The key's id stands in the token: whoever changes it has the other key's word against it.
func TestATokenUnderAnotherKeysIDIsRefused(t *testing.T) {
	h := build(t)
	for _, method := range []string{"INVITE", "REGISTER"} {
		sealed := strings.Trim(h.via(t, h.inside, h.outside, method, "<"+alice+">")[0], "<>")
		b := make([]byte, 100)
		n, ok := keyring.Decode(b, []byte(user(t, sealed))[1:])
		if !ok {
			t.Fatalf("%s cannot be read", sealed)
		}
		for id := range byte(keyMask + 1) {
			for v := range byte(8) {
				hdr := v<<5 | id
				changed := append([]byte{hdr}, b[1:n]...)
				token := keyring.Encoding.AppendEncode([]byte{letter}, changed)
				if _, _, ok := h.tokens.open(h.Legs, h.outside, token); ok != (hdr == b[0]) {
					t.Errorf("%s: version %d, key %d is accepted: %v", method, v, id, ok)
				}
			}
		}
	}
}

// RFC 3261 §10.3: a Contact that changes is a new binding. So registrations are sealed with a key that stays.
func TestARegistrationOutlivesTheRotationOfDialogKeys(t *testing.T) {
	h := build(t)
	contact := "<" + alice + ">;expires=3600"
	before, call := h.via(t, h.inside, h.outside, "REGISTER", contact)[0], h.one(t, h.inside, h.outside, alice)
	if strings.HasPrefix(before, "<"+call+">") {
		t.Fatal("a REGISTER is sealed like a dialog")
	}
	h.rotate(t, keyring.Dialog)
	if after := h.via(t, h.inside, h.outside, "REGISTER", contact)[0]; after != before {
		t.Errorf("the binding was %s and is now %s", before, after)
	}
	if h.one(t, h.inside, h.outside, alice) == call {
		t.Error("the dialog key was rotated, and is still in use")
	}
	h.rotate(t, keyring.Register)
	if after := h.via(t, h.inside, h.outside, "REGISTER", contact)[0]; after == before {
		t.Error("the register key was rotated, and is still in use")
	}
}

// rotate adds a key, in use at once.
func (h *house) rotate(t *testing.T, p keyring.Purpose) {
	t.Helper()
	if _, err := keyring.Rotate(h.keyFile, p, 0, stage.KeysMade.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	h.ring.Replace(stage.ReadKeys(t, h.keyFile))
}

func TestAnOldKeyOpensUntilItIsRetired(t *testing.T) {
	h := build(t)
	old := h.one(t, h.inside, h.outside, alice)
	h.rotate(t, keyring.Dialog)
	young := h.one(t, h.inside, h.outside, alice)
	if old == young {
		t.Fatal("the new key is not in use")
	}
	for _, sealed := range []string{old, young} {
		if got, home := h.opened(t, h.outside, sealed); got != alice || home != "inside" {
			t.Errorf("after the rotation %s opens to %s behind %q", sealed, got, home)
		}
	}
	if _, err := keyring.Retire(h.keyFile, time.Hour, stage.KeysMade.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	h.ring.Replace(stage.ReadKeys(t, h.keyFile))
	if got, home := h.opened(t, h.outside, old); home != "" || got != old {
		t.Errorf("its key is gone, and it opens to %s behind %q", got, home)
	}
	if got, _ := h.opened(t, h.outside, young); got != alice {
		t.Errorf("with the old key went the young one: %s", got)
	}
}

// Whoever tries tokens must not learn from the answer which of them is one (and retired), and which just a name.
func TestABadTokenIsAUserLikeAnyOther(t *testing.T) {
	h := build(t)
	sealed := h.one(t, h.inside, h.outside, alice)
	for _, uri := range []string{
		"sip:bob@203.0.113.1", "sip:203.0.113.1", "sip:x@203.0.113.1", "sip:xavier@203.0.113.1",
		strings.Replace(sealed, "sip:x", "sip:y", 1), sealed[:20] + "a" + sealed[20:], "tel:+4930123",
		"sip:" + strings.Repeat("x", 2000) + "@203.0.113.1", "sip:x" + strings.Repeat("a", maxToken-1) + "@203.0.113.1",
	} {
		p := h.packet(t, h.outside, request("BYE", "sip:b@b", "BYE"))
		p.SetRequestURI(append(p.Text(), uri...))
		if got := h.open(p); got.String() != "pass to router: Route" || p.Opened || p.Egress != nil || string(p.CurrentURI()) != uri {
			t.Errorf("%s: %s, opened %v to %s", uri, got, p.Opened, p.CurrentURI())
		}
		p.Free()
	}
}

func TestSealAndOpenDoNotAllocate(t *testing.T) {
	h := build(t)
	invite := h.packet(t, h.inside, request("INVITE", "sip:bob@example.com", "INVITE", "<sip:alice@10.0.0.5:5060;ob>"))
	bye := h.packet(t, h.outside, request("BYE", h.one(t, h.inside, h.outside, alice), "BYE"))
	invite.Egress = h.outside
	if n := testing.AllocsPerRun(100, func() { invite.Parse(invite.In); h.seal(invite) }); n > 0 {
		t.Errorf("a contact is sealed with %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { bye.Parse(bye.In); h.open(bye) }); n > 0 || !bye.Opened {
		t.Errorf("a token is opened with %v allocations", n)
	}
}
