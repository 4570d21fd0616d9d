package torture

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/tests/ua"
)

// forgeries is how many responses a stranger tries.
const forgeries = 100_000

// alphabet is what a branch is written in behind its magic cookie: base32 in lower case.
const alphabet = "abcdefghijklmnopqrstuvwxyz234567"

const cookie = "z9hG4bK"

// RFC 3261 §16.11: a stateless proxy discards a response whose top Via it did not insert. A proxy that brought it back
// would be a reflector: whoever writes the second Via says who is hit.
func TestNoForgedResponseIsBroughtBack(t *testing.T) {
	b := start(t)
	caller := newCaller(t, 0)
	invite := caller.Invite("sip:bob@example.com", ua.Options{Proxy: b.inside}).Invite
	request := b.callee.Receive()
	f := forger{
		rng:     rand.New(rand.NewPCG(seed, seed)),
		branch:  request.Branch(),
		foreign: branchOfOtherKeys(t, caller, invite),
	}
	sent := 0
	for sent < forgeries {
		for range gust {
			branch, changed := f.next()
			real := b.callee.Response(request, 200, ua.Options{Headers: []string{fmt.Sprintf("Subject: %q %s", branch, changed)}})
			text := strings.Replace(string(real.Raw), f.branch, branch, 1)
			if from, to, ok := strings.Cut(changed, " is now "); ok {
				text = strings.Replace(text, "\r\n"+from, "\r\n"+to, 1)
			}
			b.callee.Send([]byte(text), b.outside)
			sent++
		}
		if _, strays := b.shelter(t, caller); len(strays) > 0 {
			t.Fatalf("the branch is %q; a forged response was brought back:\n%s", f.branch, strays[0])
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

// forger knows one branch that the proxy made, and one that another proxy made for the same request.
type forger struct {
	rng             *rand.Rand
	branch, foreign string
	one             int
}

// next is a branch, and what else is changed in the response that carries it, as "header is now header".
func (f *forger) next() (branch, changed string) {
	made := strings.TrimPrefix(f.branch, cookie)
	switch f.rng.IntN(6) {
	case 0: // the right shape
		return cookie + f.letters(len(made)), ""
	case 1: // the right beginning, and a guess
		keep := f.rng.IntN(len(made) - 4)
		return cookie + made[:keep] + f.letters(len(made)-keep), ""
	case 2: // the key ring of another proxy
		return f.foreign, ""
	case 3: // one other letter: each place and letter in its turn
		f.one++
		at, letter := f.one/len(alphabet)%len(made), alphabet[f.one%len(alphabet)]
		if made[at] == letter {
			letter = '0'
		}
		return cookie + made[:at] + string(letter) + made[at+1:], ""
	case 4: // the true branch, on the response to another request
		if f.rng.IntN(2) == 0 {
			return f.branch, "CSeq: 1 is now CSeq: 2"
		}
		return f.branch, "Call-ID: is now Call-ID: x"
	default: // longer, shorter, none
		return []string{f.branch + "a", f.branch[:len(f.branch)-1], cookie, "", made}[f.rng.IntN(5)], ""
	}
}

// letters are n letters of a branch.
func (f *forger) letters(n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(alphabet[f.rng.IntN(len(alphabet))])
	}
	return b.String()
}
