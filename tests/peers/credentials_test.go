package peers

import (
	"fmt"
	"testing"

	"github.com/actorsip/actorsip/tests/stage"
)

// credentials are what everybody on TLS in a test has: a certificate for the loopback, by an authority that all of them
// trust, and only that one.
type credentials struct {
	authority *stage.Authority
	pair      stage.Pair
}

func issue(t *testing.T) *credentials {
	t.Helper()
	a := stage.NewAuthority(t)
	return &credentials{a, a.Issue(t, t.TempDir(), "loopback", "127.0.0.1", "127.0.0.2", "127.0.0.3", "::1")}
}

// files are those of the certificate, of its key, and of the authority.
func (c *credentials) files() []string { return []string{c.pair.Cert, c.pair.Key, c.authority.File} }

// leg is the setting of a proxy's leg.
func (c *credentials) leg() string {
	return fmt.Sprintf("tls: {cert: %q, key: %q, ca: %q}", c.pair.Cert, c.pair.Key, c.authority.File)
}
