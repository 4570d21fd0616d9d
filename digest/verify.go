package digest

import (
	"crypto/subtle"
	"encoding/hex"
	"hash/maphash"
	"net/netip"
	"time"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/sipwire"
)

// Checker checks credentials on one goroutine.
type Checker struct {
	v      *Verifier
	macs   *keyring.MACs
	sum    func(Algorithm, []byte) HA1 // set once
	creds  credentials
	source [16]byte // whose request it is; of IPv6 the /64
	fresh  []byte   // a nonce
	text   []byte   // to be hashed
	name   []byte   // of a user, where it was escaped
}

// Checker is a checker for one more goroutine.
func (v *Verifier) Checker() *Checker {
	return &Checker{
		v: v, macs: keyring.NewMACs(keyring.Nonce), sum: Algorithm.sum,
		fresh: make([]byte, 0, nonceLen), text: make([]byte, 0, 1024), name: make([]byte, 0, maxUser),
	}
}

// From says whose request the next calls are about: a nonce is good for the address that it was made for, of IPv6 for its /64.
func (c *Checker) From(a netip.Addr) {
	c.source = a.As16()
	if a.Is6() && !a.Is4In6() {
		clear(c.source[8:])
	}
}

// Resolve asks for the user of a result that is Waiting. done is called once, from another goroutine, and must not block; when
// Resolve returns an error it is not called, and the request is answered as for Unavailable.
func (v *Verifier) Resolve(r Result, done func()) error {
	return v.cfg.Users.Resolve(string(r.User), v.cfg.Realm, r.Algorithm, done)
}

// Verify tells what the credentials of the request m are worth.
//
// ACK and CANCEL cannot be challenged, as they cannot be sent again with another CSeq: they repeat what their INVITE had (RFC 3261
// §22.1), so neither the age of their nonce nor its count is looked at, nor is the uri of an ACK: it goes to the Contact of who
// answered. A CANCEL may have been computed for either method.
func (c *Checker) Verify(m *sipwire.Message, now time.Time) Result {
	field, verdict := c.find(m)
	if verdict != OK {
		return Result{Verdict: verdict}
	}
	r := Result{Field: field}
	var nc uint32
	if nc, r.Verdict = c.read(&r); r.Verdict != OK {
		return r
	}
	n, ok := c.openNonce(c.creds.nonce, now)
	isACK := m.Is("ACK")
	repeats := isACK || m.Is("CANCEL")
	switch {
	case !ok:
		r.Verdict = Foreign
	case !repeats && !c.v.inTime(n):
		r.Verdict = Stale
	case !isACK && !c.isFor(m):
		r.Verdict = WrongURI
	default:
		r.Verdict = c.knows(m, r)
	}
	if r.Verdict == OK && !repeats {
		r.Verdict = c.v.seen.use(n, nc, maphash.Bytes(c.v.seed, m.Raw()), now)
	}
	return r
}

// find reads the first credentials for our realm. Of several the others are not looked at: each would be one more guess.
func (c *Checker) find(m *sipwire.Message) (f sipwire.CredentialsValue, verdict Verdict) {
	id := c.v.names.credentials
	verdict = NoCredentials
	for f, ok := m.FirstCredentials(id); ok; f, ok = m.NextCredentials(f) {
		params, isDigest := scheme(m.Bytes(f.Value))
		switch {
		case !isDigest:
		case len(params) > maxCredentials || !c.creds.parse(params):
			verdict = Malformed // and perhaps for another realm
		case string(c.creds.realm) == c.v.cfg.Realm:
			return f, OK
		}
	}
	return f, verdict
}

// read takes from the credentials what is needed beside the nonce. A missing nonce count is 1: without it, a nonce is good for
// one request.
func (c *Checker) read(r *Result) (nc uint32, verdict Verdict) {
	cr := &c.creds
	if !cr.complete() {
		return 0, Malformed
	}
	var ok bool
	if r.User, ok = cr.user(c.name); !ok {
		r.User = nil
		return 0, Malformed
	}
	if cr.algorithm != nil { // none is MD5 (RFC 7616 §3.4)
		if r.Algorithm, ok = parseAlgorithm(cr.algorithm); !ok {
			return 0, NotOffered
		}
	}
	if !c.v.offered[r.Algorithm] || cr.userhash != nil && sipwire.EqualFold(cr.userhash, "true") {
		return 0, NotOffered
	}
	switch {
	case cr.qop == nil && c.v.cfg.WithoutQop:
		return 1, OK
	case cr.qop == nil || !sipwire.EqualFold(cr.qop, "auth"):
		return 0, NotOffered
	}
	if nc, ok = count(cr.nc); !ok {
		return 0, Malformed
	}
	return nc, OK
}

// isFor tells whether the credentials are for the request-URI: as received, or as a strict router's was put back.
func (c *Checker) isFor(m *sipwire.Message) bool {
	return c.v.cfg.URI == AnyURI || sameURI(c.creds.uri, m.RequestURI()) || sameURI(c.creds.uri, m.CurrentURI())
}

// knows tells whether the response was made with the user's password. All who are not let in take the same way.
func (c *Checker) knows(m *sipwire.Message, r Result) Verdict {
	ha1, found := c.v.cfg.Users.Lookup(r.User, c.v.cfg.Realm, r.Algorithm)
	known := 1
	switch found {
	case Unasked:
		return Waiting
	case Failed:
		return Unavailable
	case Absent:
		ha1, known = c.v.absent[r.Algorithm], 0
	}
	var match int
	switch {
	case m.Is("ACK"):
		match = c.responds(r.Algorithm, ha1, inviteMethod)
	case m.Is("CANCEL"):
		match = c.responds(r.Algorithm, ha1, m.Method()) | c.responds(r.Algorithm, ha1, inviteMethod)
	default:
		match = c.responds(r.Algorithm, ha1, m.Method())
	}
	if known&match != 1 {
		return BadCredentials
	}
	return OK
}

var inviteMethod = []byte("INVITE")

// responds is 1 when the response is that of HA1 and method (RFC 7616 §3.4.1), else 0.
func (c *Checker) responds(a Algorithm, ha1 HA1, method []byte) int {
	cr, size := &c.creds, a.size()
	b := append(c.text[:0], method...)
	b = append(b, ':')
	b = append(b, cr.uri...)
	ha2 := c.sum(a, b)

	b = hex.AppendEncode(b[:0], ha1[:size])
	b = append(b, ':')
	b = append(b, cr.nonce...)
	b = append(b, ':')
	if cr.qop != nil {
		b = append(b, cr.nc...)
		b = append(b, ':')
		b = append(b, cr.cnonce...)
		b = append(b, ':')
		b = append(b, cr.qop...)
		b = append(b, ':')
	}
	b = hex.AppendEncode(b, ha2[:size])
	want := c.sum(a, b)

	from := len(b)
	b = hex.AppendEncode(b, want[:size])
	to := len(b)
	for _, d := range cr.response { // in capital letters it is the same number
		if d >= 'A' && d <= 'F' {
			d |= 0x20
		}
		b = append(b, d)
	}
	c.text = b
	return subtle.ConstantTimeCompare(b[from:to], b[to:])
}
