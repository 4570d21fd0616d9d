package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"

	"google.golang.org/grpc/credentials"
)

// TLS is what the nodes of a cluster know one another by: files in PEM, read again at every handshake. A peer is a node of this cluster
// when CA has signed its certificate and one of the certificate's DNS names is among Names.
type TLS struct {
	Cert, Key string   // of this node; good for both ends of a connection
	CA        string   // who signs the certificates of nodes: best an authority for nothing else
	Names     []string // empty: the cluster's name
}

var (
	errNoAuthority = errors.New("the file of the cluster's authority has no certificate")
	errNoNode      = errors.New("the certificate is of no node of this cluster")
)

// check reads the files once, so that what is wrong with them is found at the start.
func (t TLS) check() error {
	if t.Cert == "" || t.Key == "" || t.CA == "" {
		return errors.New("a cluster needs a certificate, its key and the authority of its nodes: nodes know one another by nothing else")
	}
	if _, err := tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
		return fmt.Errorf("the certificate of this node: %w", err)
	}
	_, err := t.authority()
	return err
}

func (t TLS) authority() (*x509.CertPool, error) {
	text, err := os.ReadFile(t.CA)
	if err != nil {
		return nil, fmt.Errorf("the authority of the cluster: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: %w", t.CA, errNoAuthority)
	}
	return pool, nil
}

// accept is for those who connect to this node.
func (t TLS) accept() credentials.TransportCredentials {
	return credentials.NewTLS(&tls.Config{
		MinVersion:             tls.VersionTLS13,
		ClientAuth:             tls.RequireAnyClientCert, // verified below, by an authority that may have changed since the start
		SessionTicketsDisabled: true,
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return t.own() },
		VerifyConnection:       t.verify(x509.ExtKeyUsageClientAuth),
	})
}

// dial is for those whom this node connects to. They are known by address, and their certificates by name, so that the usual
// comparison of the two is replaced, not left out.
func (t TLS) dial() credentials.TransportCredentials {
	return credentials.NewTLS(&tls.Config{
		MinVersion:           tls.VersionTLS13,
		InsecureSkipVerify:   true,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return t.own() },
		VerifyConnection:     t.verify(x509.ExtKeyUsageServerAuth),
	})
}

func (t TLS) own() (*tls.Certificate, error) {
	c, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	return &c, err
}

// verify says whether the other end is a node of this cluster.
func (t TLS) verify(usage x509.ExtKeyUsage) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return errNoNode
		}
		roots, err := t.authority()
		if err != nil {
			return err
		}
		between := x509.NewCertPool()
		for _, c := range s.PeerCertificates[1:] {
			between.AddCert(c)
		}
		leaf := s.PeerCertificates[0]
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
			return err
		}
		if !slices.ContainsFunc(leaf.DNSNames, func(name string) bool { return slices.Contains(t.Names, name) }) {
			return fmt.Errorf("%w: it is for %q", errNoNode, leaf.DNSNames)
		}
		return nil
	}
}
