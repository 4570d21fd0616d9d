package stream

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// KeyPair names the files of one certificate, both PEM: its chain, own certificate first, and its private key.
type KeyPair struct{ Cert, Key string }

// TLSFiles are what a leg's TLS is made of.
type TLSFiles struct {
	// Certificates are at least one. A peer that names whom it wants (SNI) gets the first that is for that name; otherwise the
	// first one is shown.
	Certificates []KeyPair
	// CA is the PEM file of those who may sign the certificates of peers. Empty: those that the system trusts.
	CA string
	// VerifyClient demands a certificate of who connects to us, signed by CA.
	VerifyClient bool
	// SkipVerify takes whatever certificate those show whom we connect to.
	SkipVerify bool
}

// TLS is certificates from files. They can be read again at any time: handshakes that begin afterwards see the new ones, connections
// that are open stay as they are. It is safe for concurrent use.
type TLS struct {
	files   TLSFiles    // set once
	accept  *tls.Config // set once: the same for all that connect, and asks what is in force
	inForce atomic.Pointer[material]

	mu   sync.Mutex    // guards seen: readings come one after another
	seen []os.FileInfo // the files as the last reading has met them; nil for one that was not there
}

// material is what the files held at one time. It never changes.
type material struct {
	digest   [sha256.Size]byte // of all files
	own      []tls.Certificate // as TLSFiles.Certificates
	roots    *x509.CertPool    // nil: the system's
	signers  []*x509.Certificate
	server   *tls.Config
	sessions tls.ClientSessionCache
}

// sessionsKept is how many peers that we connect to are remembered, to shorten the next handshake.
const sessionsKept = 64

// LoadTLS reads the files. The error names the file and says what is wrong with it.
func LoadTLS(f TLSFiles) (*TLS, error) {
	if len(f.Certificates) == 0 {
		return nil, errors.New("there is no certificate to be shown to those who connect")
	}
	t := &TLS{files: f}
	t.accept = &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return t.inForce.Load().server, nil },
	}
	t.seen = t.look()
	m, err := t.read()
	if err != nil {
		return nil, err
	}
	t.inForce.Store(m)
	return t, nil
}

// Changed tells whether a file is another than at the last reading, as far as its time, its size and its place on the disk tell.
// A link is followed, so a file that is replaced by renaming, or a directory of links that is swapped, is noticed too.
func (t *TLS) Changed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !slices.EqualFunc(t.seen, t.look(), func(a, b os.FileInfo) bool {
		if a == nil || b == nil {
			return a == nil && b == nil
		}
		return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
	})
}

// Reload reads the files again. changed is false when they hold what is in force already. On an error, be it that only one file of a
// pair is written yet, all stays as it was; Changed tells when there is something new to be tried.
func (t *TLS) Reload() (changed bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen = t.look() // before the reading: what is written meanwhile is seen by the next look
	m, err := t.read()
	if err != nil {
		return false, fmt.Errorf("the certificates that are in use stay in use: %w", err)
	}
	if m.digest == t.inForce.Load().digest {
		return false, nil
	}
	t.inForce.Store(m)
	return true, nil
}

// Warnings are sentences about what is in force and out of its time: no peer that verifies us will have it, or none can satisfy us.
func (t *TLS) Warnings() (all []string) {
	m, now := t.inForce.Load(), time.Now()
	for i, c := range m.own {
		switch path := t.files.Certificates[i].Cert; {
		case now.After(c.Leaf.NotAfter):
			all = append(all, fmt.Sprintf("the certificate %s has expired on %s", path, c.Leaf.NotAfter.Format(time.DateOnly)))
		case now.Before(c.Leaf.NotBefore):
			all = append(all, fmt.Sprintf("the certificate %s is not valid before %s", path, c.Leaf.NotBefore.Format(time.DateOnly)))
		}
	}
	expired := func(c *x509.Certificate) bool { return now.After(c.NotAfter) }
	if len(m.signers) > 0 && !slices.ContainsFunc(m.signers, func(c *x509.Certificate) bool { return !expired(c) }) {
		all = append(all, fmt.Sprintf("everything in %s has expired, so no peer can be verified", t.files.CA))
	}
	return all
}

// server is for those who connect to us. It is the same at all times.
func (t *TLS) server() *tls.Config { return t.accept }

// client is for one connection to a peer, which must be who name says: a domain, or an address with or without brackets.
func (t *TLS) client(name string) *tls.Config {
	m, name := t.inForce.Load(), plainName(name)
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         name,
		Certificates:       m.own, // for a peer that demands one
		ClientSessionCache: m.sessions,
		InsecureSkipVerify: true, // VerifyConnection does it, as crypto/tls does not know the names that RFC 5922 has beside DNS
	}
	if !t.files.SkipVerify {
		c.VerifyConnection = func(s tls.ConnectionState) error { return m.verify(s.PeerCertificates, name) }
	}
	return c
}

// look is how the files are on the disk now.
func (t *TLS) look() (found []os.FileInfo) {
	add := func(path string) {
		info, err := os.Stat(path)
		if err != nil {
			info = nil // the reading says why
		}
		found = append(found, info)
	}
	for _, p := range t.files.Certificates {
		add(p.Cert)
		add(p.Key)
	}
	if t.files.CA != "" {
		add(t.files.CA)
	}
	return found
}

// read makes of the files what they are for.
func (t *TLS) read() (*material, error) {
	m, all := &material{sessions: tls.NewLRUClientSessionCache(sessionsKept)}, sha256.New()
	for _, p := range t.files.Certificates {
		c, err := readPair(p, all)
		if err != nil {
			return nil, err
		}
		m.own = append(m.own, c)
	}
	if path := t.files.CA; path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("the certificates that may sign others cannot be read: %w", err)
		}
		if m.signers, err = certificatesIn(path, text); err != nil {
			return nil, err
		}
		m.roots = x509.NewCertPool()
		for _, c := range m.signers {
			m.roots.AddCert(c)
		}
		all.Write(text)
	}
	all.Sum(m.digest[:0])
	m.server = t.serverOf(m)
	return m, nil
}

// readPair reads one certificate and its key, and adds them to all that was read.
func readPair(p KeyPair, all hash.Hash) (c tls.Certificate, err error) {
	cert, err := os.ReadFile(p.Cert)
	if err != nil {
		return c, fmt.Errorf("the certificate cannot be read: %w", err)
	}
	key, err := os.ReadFile(p.Key)
	if err != nil {
		return c, fmt.Errorf("the key of the certificate %s cannot be read: %w", p.Cert, err)
	}
	if _, err := certificatesIn(p.Cert, cert); err != nil {
		return c, err
	}
	if c, err = tls.X509KeyPair(cert, key); err != nil {
		return c, fmt.Errorf("%s cannot be used as the key of the certificate %s: %w", p.Key, p.Cert, err)
	}
	all.Write(cert)
	all.Write(key)
	return c, nil
}

// certificatesIn are the certificates in the text of a PEM file, at least one. What cannot be understood, or ends in the middle as a
// file does that is being written, is an error rather than left out.
func certificatesIn(path string, text []byte) (all []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of %s cannot be understood: %w", len(all)+1, path, err)
		}
		all = append(all, c)
	}
	switch {
	case bytes.Contains(text, []byte("-----BEGIN ")):
		return nil, fmt.Errorf("%s ends in the middle of a certificate", path)
	case len(all) == 0:
		return nil, fmt.Errorf("%s holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----", path)
	}
	return all, nil
}

// serverOf is what a handshake goes by that begins while m is in force. Sessions may go on (RFC 8446 §2.2) whatever is in force, as long
// as m trusts who vouched for the peer: crypto/tls looks at that. The keys of their tickets are those of t.accept, which changes them
// every day.
func (t *TLS) serverOf(m *material) *tls.Config {
	c := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: m.own, // crypto/tls picks by name, wildcards too, and by what the peer can verify
		ClientCAs:    m.roots,
	}
	if t.files.VerifyClient {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c
}
