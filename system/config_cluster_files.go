package system

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/actorsip/actorsip/keyring"
)

// CheckCluster reads the files that a node of a cluster needs, and says all that is wrong with them, a line each.
func (c Config) CheckCluster() error {
	if !c.clustered() {
		return nil
	}
	_, etcd := c.Cluster.Etcd.tls()
	return errors.Join(c.checkKeys(), c.Cluster.checkCertificate(), etcd)
}

// checkKeys refuses a node without a key file: with keys of its own, made at its first start, it could not read what the other nodes have
// written into dialogs. With keys in etcd it refuses one without their secret; etcd is not asked.
func (c Config) checkKeys() error {
	if c.Cluster.Secret != "" {
		_, err := keyring.OpenVault(nil, c.Cluster.Secret)
		if err != nil {
			return fmt.Errorf("cluster.secret: %w", err)
		}
		return nil
	}
	if _, err := os.Stat(c.KeyFile); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("there is no %s, and all nodes of a cluster have the same keys; make the file once, with actorsip keys make, and copy it to every node",
		c.KeyFile)
}

func (k Cluster) checkCertificate() error {
	own, err := tls.LoadX509KeyPair(k.TLS.Cert, k.TLS.Key)
	switch {
	case err != nil:
		return fmt.Errorf("cluster.tls: the certificate and its key: %w", err)
	case !slices.Contains(own.Leaf.DNSNames, k.Name):
		return fmt.Errorf("cluster.tls.cert: %s is for %q, and not for the cluster %s, whose name must be among its DNS names", k.TLS.Cert, own.Leaf.DNSNames, k.Name)
	}
	text, err := os.ReadFile(k.TLS.CA)
	if err != nil {
		return fmt.Errorf("cluster.tls.ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return fmt.Errorf("cluster.tls.ca: %s has no certificate", k.TLS.CA)
	}
	between := x509.NewCertPool()
	for _, der := range own.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		if _, err := own.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
			return fmt.Errorf("cluster.tls.cert: %s is not good for both ends of a connection: %w", k.TLS.Cert, err)
		}
	}
	return nil
}
