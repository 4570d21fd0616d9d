package stage

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Authority signs the certificates of a test.
type Authority struct {
	File string // PEM of its own certificate, for those who are to trust it

	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Pair are the files of a certificate, PEM: the certificate, and its private key.
type Pair struct{ Cert, Key string }

// NewAuthority makes an authority whose file goes with the test.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{File: filepath.Join(t.TempDir(), "ca.pem"), key: newKey(t)}
	a.cert = &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: "Test Authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, a.key.Public(), a.key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	replace(t, a.File, "CERTIFICATE", der)
	return a
}

// Issue writes dir/base.pem and dir/base-key.pem, in place of those that are there: a certificate for servers and clients, good for a
// day. Names are domains, wildcards too, addresses, and URIs as sip:example.com.
func (a *Authority) Issue(t testing.TB, dir, base string, names ...string) Pair {
	t.Helper()
	return a.IssueUntil(t, dir, base, time.Now().Add(24*time.Hour), names...)
}

// IssueUntil is Issue with the time of its end, which may be past.
func (a *Authority) IssueUntil(t testing.TB, dir, base string, until time.Time, names ...string) Pair {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: base},
		NotBefore: until.Add(-48 * time.Hour), NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range names {
		ip := net.ParseIP(name)
		switch u, err := url.Parse(name); {
		case ip != nil:
			c.IPAddresses = append(c.IPAddresses, ip)
		case err == nil && strings.Contains(name, ":"):
			c.URIs = append(c.URIs, u)
		default:
			c.DNSNames = append(c.DNSNames, name)
		}
	}
	key := newKey(t)
	cert, err := x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p := Pair{filepath.Join(dir, base+".pem"), filepath.Join(dir, base+"-key.pem")}
	replace(t, p.Cert, "CERTIFICATE", cert)
	replace(t, p.Key, "PRIVATE KEY", der)
	return p
}

// Pool is for a TLS configuration that trusts the authority and nobody else.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Load is the certificate for a TLS configuration.
func (p Pair) Load(t testing.TB) tls.Certificate {
	t.Helper()
	c, err := tls.LoadX509KeyPair(p.Cert, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// replace writes a file beside path and puts it in its place, as those do who renew certificates.
func replace(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	next := path + ".new"
	err := os.WriteFile(next, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		t.Fatal(err)
	}
}
