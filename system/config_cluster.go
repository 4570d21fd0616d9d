package system

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/actorsip/actorsip/cluster"
)

// Cluster makes this process a node of several (cluster). Its own name among them is Config.Node.
type Cluster struct {
	// Name (cluster.name) is that of the cluster; certificates of nodes are for it. No default: without it there is none.
	Name string
	// Listen (cluster.listen) is where other nodes reach this one: ADDRESS:PORT. No default.
	Listen netip.AddrPort
	// Advertise (cluster.advertise) is what others are told, as HOST:PORT. Default empty: Listen.
	Advertise string
	// Roles (cluster.roles) are what this node does: signalling, media. Default both.
	Roles []cluster.Roles
	// Peers (cluster.peers) are HOST:PORT of the other nodes, its own may be among them. There is either this list or Etcd.
	Peers []string
	// Etcd (cluster.etcd) is where nodes find one another.
	Etcd Etcd
	// TLS (cluster.tls) is what nodes know one another by. No default: there is no cluster without.
	TLS ClusterTLS
}

// Etcd is where what the nodes share is kept.
type Etcd struct {
	// Endpoints (cluster.etcd.endpoints) are HOST:PORT of its members.
	Endpoints []string
	// CA (cluster.etcd.ca) is the PEM file of those who sign its certificates. Default empty: it is spoken to in the clear.
	CA string
	// Cert and Key (cluster.etcd.cert, key) are shown to it. Default empty: none is.
	Cert, Key string
	// User and Password (cluster.etcd.user, password) are told to it. Default empty: none.
	User, Password string
}

// ClusterTLS are PEM files; relative paths begin at the directory of the configuration file.
type ClusterTLS struct {
	// Cert and Key (cluster.tls.cert, key) are this node's, for the cluster's name, and good for both ends of a connection.
	Cert, Key string
	// CA (cluster.tls.ca) signs the certificates of nodes: best an authority for nothing else.
	CA string
}

// clustered tells whether there is a cluster.
func (c Config) clustered() bool { return c.Cluster.Name != "" }

// roles are all of them together.
func (c Cluster) roles() (all cluster.Roles) {
	for _, r := range c.Roles {
		all |= r
	}
	if all == 0 {
		return cluster.Signalling | cluster.Media
	}
	return all
}

// config is c as the package cluster wants it, but for what only a running system knows.
func (c Cluster) config(node string) (cfg cluster.Config, err error) {
	cfg = cluster.Config{
		Name: c.Name, Node: node, Listen: c.Listen, Advertise: c.Advertise, Roles: c.roles(), Peers: c.Peers,
		TLS: cluster.TLS{Cert: c.TLS.Cert, Key: c.TLS.Key, CA: c.TLS.CA},
	}
	if len(c.Etcd.Endpoints) > 0 {
		cfg.Etcd = cluster.Etcd{Endpoints: c.Etcd.Endpoints, User: c.Etcd.User, Password: c.Etcd.Password}
		cfg.Etcd.TLS, err = c.Etcd.tls()
	}
	return cfg, err
}

// tls is how etcd is spoken to; nil in the clear.
func (e Etcd) tls() (*tls.Config, error) {
	if e.CA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(e.CA)
	if err != nil {
		return nil, fmt.Errorf("cluster.etcd.ca: %w", err)
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
	if !t.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("cluster.etcd.ca: %s has no certificate", e.CA)
	}
	if e.Cert != "" {
		own, err := tls.LoadX509KeyPair(e.Cert, e.Key)
		if err != nil {
			return nil, fmt.Errorf("cluster.etcd.cert: %w", err)
		}
		t.Certificates = []tls.Certificate{own}
	}
	return t, nil
}

// cluster are the keys of the section.
func (v configValue) cluster(c *Cluster) {
	v.keys(
		configKey{"name", scalar(&c.Name, "a name", parseText)},
		configKey{"listen", scalar(&c.Listen, "ADDRESS:PORT", parseRemoting)},
		configKey{"advertise", scalar(&c.Advertise, "HOST:PORT", parseNodeAddr)},
		configKey{"roles", scalars(&c.Roles, "signalling, media", parseClusterRole)},
		configKey{"peers", scalars(&c.Peers, `"10.0.0.2:7070"`, parseNodeAddr)},
		configKey{"etcd", func(v configValue) {
			v.keys(
				configKey{"endpoints", scalars(&c.Etcd.Endpoints, `"10.0.0.9:2379"`, parseNodeAddr)},
				configKey{"ca", scalar(&c.Etcd.CA, "a file name", parseText)},
				configKey{"cert", scalar(&c.Etcd.Cert, "a file name", parseText)},
				configKey{"key", scalar(&c.Etcd.Key, "a file name", parseText)},
				configKey{"user", scalar(&c.Etcd.User, "a name", parseText)},
				configKey{"password", scalar(&c.Etcd.Password, "a password", parseHeader)},
			)
		}},
		configKey{"tls", func(v configValue) {
			v.keys(
				configKey{"cert", scalar(&c.TLS.Cert, "a file name", parseText)},
				configKey{"key", scalar(&c.TLS.Key, "a file name", parseText)},
				configKey{"ca", scalar(&c.TLS.CA, "a file name", parseText)},
			)
		}},
	)
}

func parseRemoting(s string) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return a, fmt.Errorf("%s is no address with a port; write it as 10.0.0.1:7070", quoted(s))
	}
	return a, nil
}

func parseNodeAddr(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" || port == "" {
		return "", fmt.Errorf("%s is no host with a port; write it as 10.0.0.1:7070", quoted(s))
	}
	return s, nil
}

func parseClusterRole(s string) (cluster.Roles, error) {
	return parseWord(s, "signalling or media", map[string]cluster.Roles{"signalling": cluster.Signalling, "media": cluster.Media})
}

// resolveCluster has the paths of files begin where the configuration file is.
func (c *Config) resolveCluster(name string) {
	for _, path := range []*string{&c.Cluster.TLS.Cert, &c.Cluster.TLS.Key, &c.Cluster.TLS.CA, &c.Cluster.Etcd.CA, &c.Cluster.Etcd.Cert, &c.Cluster.Etcd.Key} {
		*path = beside(name, *path)
	}
}

var errNodes = errors.New("a cluster needs cluster.etcd.endpoints or cluster.peers, not both: nodes find one another by it")

// checkCluster reports what is wrong with the section.
func (c Config) checkCluster(report func(path, text string)) {
	k := c.Cluster
	switch {
	case !c.clustered():
		if k.Listen.IsValid() || len(k.Peers) > 0 || len(k.Etcd.Endpoints) > 0 {
			report("cluster.name", "the cluster has no name; write one, as name: edge")
		}
		return
	case !k.Listen.IsValid():
		report("cluster.listen", "other nodes have no way to this one; write listen: ADDRESS:7070")
	case k.Listen.Addr().IsUnspecified() && k.Advertise == "":
		report("cluster.listen", "others cannot reach a node by every address; add advertise: HOST:PORT")
	}
	if (len(k.Peers) > 0) == (len(k.Etcd.Endpoints) > 0) {
		report("cluster", errNodes.Error())
	}
	for key, value := range map[string]string{"cert": k.TLS.Cert, "key": k.TLS.Key, "ca": k.TLS.CA} {
		if value == "" {
			report("cluster.tls."+key, "nodes know one another by certificates and by nothing else; write a file name")
		}
	}
	if (k.Etcd.Cert == "") != (k.Etcd.Key == "") {
		report("cluster.etcd.cert", "a certificate and its key go together; write both, or neither")
	}
}
