package system

import (
	"errors"
	"fmt"

	"github.com/actorsip/actorsip/stream"
)

// TLSConfig is what a leg's TLS is made of (legs[].tls): files in PEM, whose relative paths begin at the directory of the configuration
// file. They are read again when they change.
type TLSConfig struct {
	// Cert and Key (legs[].tls.cert, key) are a certificate with those that lead to its authority, and its private key. It is shown
	// to who names nobody, or nobody we know. No default, but the first of Certificates is as good.
	Cert, Key string
	// Certificates (legs[].tls.certificates) are more of them: who connects and says to whom (SNI) is shown the one that is for that
	// name, wildcards included. Default: none.
	Certificates []stream.KeyPair
	// CA (legs[].tls.ca) are those who may sign the certificates of peers. Default empty: those whom the system trusts.
	CA string
	// VerifyClient (legs[].tls.verify_client) demands a certificate, signed by CA, of who connects. Default false.
	VerifyClient bool
	// SkipVerify (legs[].tls.insecure_skip_verify) takes any certificate of those whom we connect to. Default false: it must be
	// signed by CA and be for the domain or address of the next hop (RFC 5922).
	SkipVerify bool
}

func (c TLSConfig) says() bool {
	return c.Cert != "" || c.Key != "" || len(c.Certificates) > 0 || c.CA != "" || c.VerifyClient || c.SkipVerify
}

// files are what c names, the certificate that is shown by default first.
func (c TLSConfig) files() stream.TLSFiles {
	f := stream.TLSFiles{CA: c.CA, VerifyClient: c.VerifyClient, SkipVerify: c.SkipVerify}
	if c.Cert != "" {
		f.Certificates = append(f.Certificates, stream.KeyPair{Cert: c.Cert, Key: c.Key})
	}
	f.Certificates = append(f.Certificates, c.Certificates...)
	return f
}

// resolveTLS has the paths of certificates begin where the configuration file is.
func (c *Config) resolveTLS(name string) {
	for i := range c.Legs {
		t := &c.Legs[i].TLS
		t.Cert, t.Key, t.CA = beside(name, t.Cert), beside(name, t.Key), beside(name, t.CA)
		for j, p := range t.Certificates {
			t.Certificates[j] = stream.KeyPair{Cert: beside(name, p.Cert), Key: beside(name, p.Key)}
		}
	}
}

// LoadTLS reads the certificates of each leg, by its index; it is nil for a leg without TLS. The error joins all that cannot be used,
// a line each.
func (c Config) LoadTLS() ([]*stream.TLS, error) {
	all, errs := make([]*stream.TLS, len(c.Legs)), []error(nil)
	for i, l := range c.Legs {
		if !l.Transport.IsSecure() {
			continue
		}
		t, err := stream.LoadTLS(l.TLS.files())
		if err != nil {
			errs = append(errs, fmt.Errorf("leg %s: %w", l.Name, err))
		}
		all[i] = t
	}
	return all, errors.Join(errs...)
}
