package digest

import "github.com/actorsip/actorsip/sipwire"

// Verdict is what the credentials of a request are worth. The set is small and fixed, so that it can be counted.
type Verdict uint8

// The verdicts, and how a request is answered for them.
const (
	OK             Verdict = iota // the user knows the password
	NoCredentials                 // challenge: there are none for our realm
	Stale                         // challenge: the nonce is too old, or we no longer know what it was used for
	Foreign                       // challenge: the nonce is not ours, or not for this realm and role
	Replayed                      // challenge: another request had the same nonce and nonce count
	BadCredentials                // challenge: the user is unknown, or the password wrong
	NotOffered                    // challenge: an algorithm or a quality of protection that we did not offer
	WrongURI                      // 400: the credentials are for another request-URI (RFC 7616 §3.4.6)
	Malformed                     // 400: the credentials cannot be read
	Waiting                       // none yet: the user must be asked for, see Verifier.Resolve; then Verify again
	Unavailable                   // 503: who knows the users gives no answer
	numVerdicts
)

// Verdicts is how many verdicts there are.
const Verdicts = int(numVerdicts)

var verdicts = [numVerdicts]string{
	OK: "authenticated", NoCredentials: "no credentials", Stale: "stale nonce", Foreign: "foreign nonce", Replayed: "replayed credentials",
	BadCredentials: "bad credentials", NotOffered: "not offered", WrongURI: "credentials for another URI",
	Malformed: "malformed credentials", Waiting: "waiting for the user", Unavailable: "users unavailable",
}

// String is for logs and counters.
func (v Verdict) String() string { return verdicts[v] }

// Challenges tells whether the request is answered with a challenge.
func (v Verdict) Challenges() bool { return v >= NoCredentials && v <= NotOffered }

// Stale tells whether the challenge says stale=true: a phone with the right password gets in with the new nonce. That is said
// before the password is looked at, so it tells nothing of it.
func (v Verdict) Stale() bool { return v == Stale || v == Foreign || v == Replayed }

// Result is what Verify found.
type Result struct {
	Verdict   Verdict
	User      []byte                   // whose credentials they claim to be; empty where that was not read. Valid until the next call
	Algorithm Algorithm                // of the credentials
	Field     sipwire.CredentialsValue // the header field they were in, for TakeCredentials; only when OK
}
