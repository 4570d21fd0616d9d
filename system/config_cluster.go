package system

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/actorsip/actorsip/cluster"
)

// Cluster makes this process a node of several (cluster). Its own name among them is Config.Node.
type Cluster struct {
	// Name (cluster.name) is that of the cluster, 1 to 64 letters, digits, dots, dashes and underscores; certificates of nodes are for it.
	// No default: without it there is none.
	Name string
	// Listen (cluster.listen) is where other nodes reach this one, ADDRESS:PORT by TCP; port 0 is any. No default.
	Listen netip.AddrPort
	// Advertise (cluster.advertise) is what others are told, as HOST:PORT. Default empty: Listen.
	Advertise string
	// Roles (cluster.roles) are what this node does: signalling, media. Default both; without media.relay no node has media.
	Roles []cluster.Roles
	// Peers (cluster.peers) are HOST:PORT of the other nodes' Listen; its own may be among them. There is either this list or Etcd.
	Peers []string
	// Etcd (cluster.etcd) is where nodes find one another.
	Etcd Etcd
	// TLS (cluster.tls) is what nodes know one another by. No default: there is no cluster without.
	TLS ClusterTLS
	// Secret (cluster.secret) is a file of 32 bytes or more, the same on all nodes, under which the keys lie in etcd: then all nodes have
	// the same, and a rotation is of all. Default empty: each node has its key file, which must be the same.
	Secret string
	// WhenAway (cluster.when_away) is what becomes of a REGISTER while etcd is away: refuse (503) or accept (it is written when etcd is
	// back). Default refuse.
	WhenAway WhenAway
}

// WhenAway is what becomes of registrations that etcd cannot be told.
type WhenAway uint8

// RefuseWhenAway answers 503, AcceptWhenAway keeps them in this node's memory until etcd is back.
const (
	RefuseWhenAway WhenAway = iota
	AcceptWhenAway
)

// String is the word of the configuration file.
func (w WhenAway) String() string { return [...]string{"refuse", "accept"}[w] }

func parseWhenAway(s string) (WhenAway, error) {
	return parseWord(s, "refuse or accept", map[string]WhenAway{"refuse": RefuseWhenAway, "accept": AcceptWhenAway})
}

// shares tells whether the nodes have an etcd for what they share.
func (c Config) shares() bool { return c.clustered() && len(c.Cluster.Etcd.Endpoints) > 0 }

// Etcd is where what the nodes share is kept.
type Etcd struct {
	// Endpoints (cluster.etcd.endpoints) are HOST:PORT of its members.
	Endpoints []string
	// CA (cluster.etcd.ca) is the PEM file of those who sign its certificates. Default empty: it is spoken to in the clear.
	CA string
	// Cert and Key (cluster.etcd.cert, key) are shown to it; they need CA. Default empty: none is.
	Cert, Key string
	// User and Password (cluster.etcd.user, password) are told to it; both or neither. Default empty: none.
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

// relays tells whether this node has media sessions.
func (c Config) relays() bool {
	return c.Media.Relay && (!c.clustered() || c.Cluster.roles().Has(cluster.Media))
}

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

// clusterConfig is the section as the package cluster wants it, but for what only a running system knows.
func (c Config) clusterConfig() (cfg cluster.Config, err error) {
	k := c.Cluster
	cfg = cluster.Config{
		Name: k.Name, Node: c.Node, Listen: k.Listen, Advertise: k.Advertise, Roles: k.roles(), Peers: k.Peers,
		TLS: cluster.TLS{Cert: k.TLS.Cert, Key: k.TLS.Key, CA: k.TLS.CA},
	}
	if c.relays() {
		cfg.Place = c.Media.Shared
	} else {
		cfg.Roles &^= cluster.Media // others would send it their calls
	}
	if len(k.Etcd.Endpoints) > 0 {
		cfg.Etcd = cluster.Etcd{Endpoints: k.Etcd.Endpoints, User: k.Etcd.User, Password: k.Etcd.Password}
		cfg.Etcd.TLS, err = k.Etcd.tls()
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
		configKey{"secret", scalar(&c.Secret, "a file name", parseText)},
		configKey{"when_away", scalar(&c.WhenAway, "refuse or accept", parseWhenAway)},
		configKey{"peers", scalars(&c.Peers, `"10.0.0.2:7070", "10.0.0.3:7070"`, parseNodeAddr)},
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

// remotingPort is what the examples have; no port is usual.
const remotingPort = 7070

func parseRemoting(s string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddrPort(s); err == nil {
		return a, nil
	}
	if a, err := parseAddr(s); err == nil {
		return netip.AddrPort{}, fmt.Errorf("%s names no port; write %s", quoted(s), netip.AddrPortFrom(a, remotingPort))
	}
	if host, port, ok := cutPort(s); ok && validHost(host) {
		return netip.AddrPort{}, fmt.Errorf("%s listens on the name %s; write the address, and advertise: %s:%s below", quoted(s), host, host, port)
	}
	return netip.AddrPort{}, fmt.Errorf("%s is no address with a port; write it as 10.0.0.1:%d", quoted(s), remotingPort)
}

// parseNodeAddr checks where a node, or etcd, is reached, and keeps it as it is.
func parseNodeAddr(s string) (string, error) {
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		return "", fmt.Errorf("%s is a URL; write %s, without %s://", quoted(s), strings.TrimRight(rest, "/"), scheme)
	}
	switch _, port, err := splitHostPort(s); {
	case err != nil:
		return "", err
	case port == 0:
		return "", fmt.Errorf("%s names no port; write HOST:PORT", quoted(s))
	}
	return s, nil
}

func parseClusterRole(s string) (cluster.Roles, error) {
	return parseWord(s, "signalling or media", map[string]cluster.Roles{"signalling": cluster.Signalling, "media": cluster.Media})
}

// resolveCluster has the paths of files begin where the configuration file is.
func (c *Config) resolveCluster(name string) {
	for _, path := range []*string{&c.Cluster.Secret, &c.Cluster.TLS.Cert, &c.Cluster.TLS.Key, &c.Cluster.TLS.CA, &c.Cluster.Etcd.CA, &c.Cluster.Etcd.Cert, &c.Cluster.Etcd.Key} {
		*path = beside(name, *path)
	}
}
