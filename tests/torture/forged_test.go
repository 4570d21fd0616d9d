package torture

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/tests/ua"
)

// forgeries is how many responses a stranger tries.
const forgeries = 100_000

// alphabet is what a branch is written in behind its magic cookie: base32 in lower case.
const alphabet = "abcdefghijklmnopqrstuvwxyz234567"

// RFC 3261 §16.11: a stateless proxy discards a response whose top Via it did not insert. A proxy that brought it back
// would be a reflector: whoever writes the second Via says who is hit.
func TestNoForgedResponseIsBroughtBack(t *testing.T) {
	b := start(t)
	caller := newCaller(t, 0)
	invite := caller.Invite("sip:bob@example.com", ua.Options{Proxy: b.inside}).Invite
	request := b.callee.Receive()
	branch := request.Branch()
	forged := forgeriesOf(branch, branchOfOtherKeys(t, caller, invite))
	rng := rand.New(rand.NewPCG(seed, seed))

	sent := 0
	for sent < forgeries {
		for range gust {
			resp := b.callee.Response(request, 200, ua.Options{})
			b.callee.Send(forged(rng, resp), b.outside)
			sent++
		}
		if strays := b.shelter(t, caller); len(strays) > 0 {
			t.Fatalf("a forged response was brought back:\n%s", strays[0])
		}
	}
	t.Logf("%d forged responses", sent)

	b.callee.Answer(request, 200, ua.Options{}) // and the true one comes back
	if m := caller.Receive(); m.Status() != 200 || m.First("Call-ID") != invite.First("Call-ID") {
		t.Fatalf("the response to the proxy's own request:\n%s", m)
	}
}

// branchOfOtherKeys is the branch that a proxy like this one, with keys of its own, gives the same request.
func branchOfOtherKeys(t *testing.T, caller *ua.Phone, invite ua.Message) string {
	t.Helper()
	callee := ua.New(t, "127.0.0.1:0")
	inside, _ := serve(t, callee.Addr())
	caller.Send(invite.Raw, inside)
	return callee.Receive().Branch()
}

// forgeriesOf makes forged responses of a true one with that branch.
func forgeriesOf(branch, foreign string) func(*rand.Rand, ua.Message) []byte {
	const cookie = "z9hG4bK"
	made := strings.TrimPrefix(branch, cookie)
	one := 0
	return func(rng *rand.Rand, real ua.Message) []byte {
		text := string(real.Raw)
		other := func(b string) []byte { return []byte(strings.Replace(text, branch, b, 1)) }
		switch rng.IntN(6) {
		case 0: // a branch of the right shape
			return other(cookie + letters(rng, len(made)))
		case 1: // the right beginning, a guessed rest
			keep := rng.IntN(len(made))
			return other(cookie + made[:keep] + letters(rng, len(made)-keep))
		case 2: // the key ring of another proxy
			return other(foreign)
		case 3: // the true branch with one other letter: each place and letter in its turn
			one++
			at, letter := one/len(alphabet)%len(made), alphabet[one%len(alphabet)]
			if made[at] == letter {
				letter = '0'
			}
			return other(cookie + made[:at] + string(letter) + made[at+1:])
		case 4: // the true branch on the response to another request
			if rng.IntN(2) == 0 {
				return []byte(strings.Replace(text, "CSeq: 1 ", "CSeq: 2 ", 1))
			}
			return []byte(strings.Replace(text, "Call-ID: ", "Call-ID: x", 1))
		default: // longer, shorter, none
			return other([]string{branch + "a", branch[:len(branch)-1], cookie, "", made}[rng.IntN(5)])
		}
	}
}

// letters are n letters of a branch.
func letters(rng *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(alphabet[rng.IntN(len(alphabet))])
	}
	return b.String()
}
