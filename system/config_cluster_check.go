package system

import (
	"fmt"
	"net/netip"
	"regexp"
)

// A name of a cluster or of its node goes into keys of etcd and marks of dialogs as it is.
var clusterName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

const writeClusterName = "write 1 to 64 letters, digits, dots, dashes or underscores"

// checkCluster reports what is wrong with the section.
func (c Config) checkCluster(report func(path, text string)) {
	k := c.Cluster
	if !c.clustered() {
		if k.says() {
			report("cluster.name", "the cluster has no name; write one, as name: edge")
		}
		return
	}
	if !clusterName.MatchString(k.Name) {
		report("cluster.name", fmt.Sprintf("%s is no name of a cluster; %s", quoted(k.Name), writeClusterName))
	}
	if !clusterName.MatchString(c.Node) {
		report("node", fmt.Sprintf("%s is no name for a node of a cluster; %s", quoted(c.Node), writeClusterName))
	}
	k.checkListen(c, report)
	k.checkRoles(c.Media.Relay, report)
	if (len(k.Peers) > 0) == (len(k.Etcd.Endpoints) > 0) {
		report("cluster", "nodes find one another by etcd or by a list; write either etcd: {endpoints: [HOST:PORT]} or peers: [HOST:PORT], not both")
	}
	checkNodeAddrs("cluster.peers", k.Peers, report)
	k.Etcd.check(report)
	k.checkShared(report)
	for _, f := range []struct{ key, value string }{{"cert", k.TLS.Cert}, {"key", k.TLS.Key}, {"ca", k.TLS.CA}} {
		if f.value == "" {
			report("cluster.tls."+f.key, fmt.Sprintf("nodes know one another by certificates and by nothing else; write a file, as %s: %s.pem", f.key, f.key))
		}
	}
}

// says tells whether anything but the name is written.
func (k Cluster) says() bool {
	return k.Listen.IsValid() || k.Advertise != "" || len(k.Roles)+len(k.Peers)+len(k.Etcd.Endpoints) > 0 || k.TLS != ClusterTLS{} ||
		k.Secret != "" || k.WhenAway != RefuseWhenAway || k.Etcd.CA+k.Etcd.Cert+k.Etcd.Key+k.Etcd.User+k.Etcd.Password != ""
}

func (k Cluster) checkListen(c Config, report func(path, text string)) {
	const path = "cluster.listen"
	a, text := k.Listen.Addr(), quoted(k.Listen.String())
	switch {
	case !k.Listen.IsValid():
		report(path, fmt.Sprintf("other nodes have no way to this one; write listen: ADDRESS:%d", remotingPort))
	case a.Is4In6():
		report(path, fmt.Sprintf("%s is IPv4 written as IPv6; write %s", text, netip.AddrPortFrom(a.Unmap(), k.Listen.Port())))
	case a.Zone() != "":
		report(path, fmt.Sprintf("%s has a zone, which has no meaning on other machines; listen on an address without %%%s", text, a.Zone()))
	case a.IsMulticast():
		report(path, fmt.Sprintf("%s is no address of one machine; write an address of this one", text))
	case a.IsUnspecified() && k.Advertise == "":
		report(path, fmt.Sprintf("%s is every address, and other nodes would be told none; listen on one address, or add advertise: HOST:PORT", text))
	}
	if k.Advertise != "" {
		if _, err := parseNodeAddr(k.Advertise); err != nil {
			report("cluster.advertise", err.Error())
		}
	}
	if k.Listen.Port() == 0 {
		return
	}
	meets := func(b netip.AddrPort) bool {
		return b.Port() == k.Listen.Port() && (a == b.Addr() || a.IsUnspecified() || b.Addr().IsUnspecified())
	}
	for i, l := range c.Legs {
		if l.Transport.IsStream() && meets(l.Listen) {
			report(path, fmt.Sprintf("the TCP port of %s is legs[%d].listen already; write another port", text, i))
		}
	}
	if b, err := netip.ParseAddrPort(c.AdminListen); err == nil && meets(b) {
		report(path, fmt.Sprintf("the TCP port of %s is admin.listen already; write another port", text))
	}
}

func (k Cluster) checkRoles(relay bool, report func(path, text string)) {
	first := map[string]string{}
	for i, r := range k.Roles {
		path := fmt.Sprintf("cluster.roles[%d]", i)
		switch before, twice := first[r.String()]; {
		case r.String() == "":
			report(path, fmt.Sprintf("%d is none of signalling and media", r))
		case twice:
			report(path, fmt.Sprintf("%s is %s already", r, before))
		case r.String() == "media" && !relay:
			report(path, "a node relays media when the section media says so; write media: {relay: true}, or leave the role out")
		}
		first[r.String()] = path
	}
}

// checkNodeAddrs refuses what nobody can be reached by, and what stands there twice.
func checkNodeAddrs(path string, all []string, report func(path, text string)) {
	first := map[string]string{}
	for i, s := range all {
		at := fmt.Sprintf("%s[%d]", path, i)
		if _, err := parseNodeAddr(s); err != nil {
			report(at, err.Error())
		} else if before, twice := first[s]; twice {
			report(at, fmt.Sprintf("%s is %s already", quoted(s), before))
		} else {
			first[s] = at
		}
	}
}

// checkShared refuses what nodes without an etcd do not share.
func (k Cluster) checkShared(report func(path, text string)) {
	if len(k.Etcd.Endpoints) > 0 {
		return
	}
	if k.Secret != "" {
		report("cluster.secret", "it is for keys in etcd, and there is none; write etcd: {endpoints: [HOST:PORT]}, or leave it out and copy the key file to all nodes")
	}
	if k.WhenAway != RefuseWhenAway {
		report("cluster.when_away", "it is about registrations in etcd, and there is none; write etcd: {endpoints: [HOST:PORT]}, or leave it out")
	}
}

func (e Etcd) check(report func(path, text string)) {
	const path = "cluster.etcd"
	checkNodeAddrs(path+".endpoints", e.Endpoints, report)
	switch {
	case len(e.Endpoints) == 0 && e.CA+e.Cert+e.Key+e.User+e.Password != "":
		report(path+".endpoints", `nobody says where etcd is; write endpoints: ["10.0.0.9:2379"]`)
	case e.Cert != "" && e.Key == "":
		report(path+".key", "the certificate has no key; write its file, as key: key.pem")
	case e.Cert == "" && e.Key != "":
		report(path+".cert", "the key has no certificate; write its file, as cert: cert.pem")
	case e.Cert != "" && e.CA == "":
		report(path+".ca", "without it etcd is spoken to in the clear, and is shown no certificate; write the file of those who sign its own")
	}
	switch {
	case e.User != "" && e.Password == "":
		report(path+".password", "the user has no password; write both, or neither")
	case e.User == "" && e.Password != "":
		report(path+".user", "the password is nobody's; write both, or neither")
	}
}
