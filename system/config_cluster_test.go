package system

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/cluster"
	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/tests/stage"
)

// clustered is a good section cluster, from line 5 of a file on, with one line of it written anew, or added.
func clustered(line string) string {
	lines := []string{"name: edge", `listen: "10.0.0.1:7070"`, "peers: [\"10.0.0.2:7070\"]", "tls: {cert: n.pem, key: k.pem, ca: ca.pem}"}
	key, _, _ := strings.Cut(line, ":")
	added := line != ""
	for i, l := range lines {
		if k, _, _ := strings.Cut(l, ":"); k == key {
			lines[i], added = line, false
		}
	}
	if added {
		lines = append(lines, line)
	}
	return twoLegs + "cluster:\n  " + strings.Join(lines, "\n  ") + "\nnode: a\n"
}

// inEtcd is the same with etcd in place of peers.
func inEtcd(etcd string) string {
	return strings.Replace(clustered(""), "peers: [\"10.0.0.2:7070\"]", "etcd: "+etcd, 1)
}

func TestWhatIsWrongWithTheClusterIsToldWithItsPlace(t *testing.T) {
	const either = `nodes find one another by etcd or by a list; write either etcd: {endpoints: [HOST:PORT]} or peers: [HOST:PORT], not both`
	refuse(t, []refusal{
		{"no name", twoLegs + "cluster: {listen: \"10.0.0.1:7070\"}\n", `f:4:10: cluster.name: the cluster has no name; write one, as name: edge`},
		{"name with a blank", clustered("name: my edge"), `f:5:9: cluster.name: "my edge" is no name of a cluster; write 1 to 64 letters, digits, dots, dashes or underscores`},
		{
			"node with a slash", strings.Replace(clustered(""), "node: a", "node: a/b", 1),
			`f:9:7: node: "a/b" is no name for a node of a cluster; write 1 to 64 letters, digits, dots, dashes or underscores`,
		},
		{
			"nowhere to listen", twoLegs + "cluster: {name: edge, peers: [\"10.0.0.2:7070\"], tls: {cert: c, key: k, ca: a}}\n",
			`f:4:10: cluster.listen: other nodes have no way to this one; write listen: ADDRESS:7070`,
		},
		{"listen without port", clustered("listen: 10.0.0.1"), `f:6:11: cluster.listen: "10.0.0.1" names no port; write 10.0.0.1:7070`},
		{"listen on a name", clustered("listen: a.example:7070"), `f:6:11: cluster.listen: "a.example:7070" listens on the name a.example; write the address, and advertise: a.example:7070 below`},
		{"listen on nonsense", clustered("listen: x y"), `f:6:11: cluster.listen: "x y" is no address with a port; write it as 10.0.0.1:7070`},
		{"listen everywhere", clustered("listen: 0.0.0.0:7070"), `f:6:11: cluster.listen: "0.0.0.0:7070" is every address, and other nodes would be told none; listen on one address, or add advertise: HOST:PORT`},
		{"listen on IPv4 as IPv6", clustered(`listen: "[::ffff:10.0.0.1]:7070"`), `f:6:11: cluster.listen: "[::ffff:10.0.0.1]:7070" is IPv4 written as IPv6; write 10.0.0.1:7070`},
		{"listen on multicast", clustered("listen: 224.0.0.1:7070"), `f:6:11: cluster.listen: "224.0.0.1:7070" is no address of one machine; write an address of this one`},
		{"listen in a zone", clustered(`listen: "[fe80::1%eth0]:7070"`), `f:6:11: cluster.listen: "[fe80::1%eth0]:7070" has a zone, which has no meaning on other machines; listen on an address without %eth0`},
		{
			"listen where a leg does", "legs:\n  - {name: a, listen: \"udp:10.0.0.1:7070\"}\n  - {name: b, listen: \"tcp:10.0.0.1:7070\"}\n" + strings.TrimPrefix(clustered(""), twoLegs),
			`f:6:11: cluster.listen: the TCP port of "10.0.0.1:7070" is legs[1].listen already; write another port`,
		},
		{"listen where the admin port is", clustered("listen: 127.0.0.1:8060"), `f:6:11: cluster.listen: the TCP port of "127.0.0.1:8060" is admin.listen already; write another port`},
		{"advertise without port", clustered("advertise: a.example"), `f:9:14: cluster.advertise: "a.example" names no port; write HOST:PORT`},
		{"advertise everything", clustered("advertise: 0.0.0.0:7070"), `f:9:14: cluster.advertise: "0.0.0.0" is no address that anybody can send to; write the one that others use`},
		{"unknown role", clustered("roles: [proxy]"), `f:9:11: cluster.roles[0]: "proxy" is not known; write signalling or media`},
		{"role twice", clustered("roles: [signalling, signalling]"), `f:9:23: cluster.roles[1]: signalling is cluster.roles[0] already`},
		{
			"media without relay", clustered("roles: [signalling, media]"),
			`f:9:23: cluster.roles[1]: a node relays media when the section media says so; write media: {relay: true}, or leave the role out`,
		},
		{"neither etcd nor peers", clustered("peers: []"), `f:5:3: cluster: ` + either},
		{"etcd and peers", clustered(`etcd: {endpoints: ["10.0.0.9:2379"]}`), `f:5:3: cluster: ` + either},
		{"peer without port", clustered("peers: [10.0.0.2]"), `f:7:11: cluster.peers[0]: "10.0.0.2" names no port; write HOST:PORT`},
		{"peer twice", clustered(`peers: ["10.0.0.2:7070", "10.0.0.2:7070"]`), `f:7:28: cluster.peers[1]: "10.0.0.2:7070" is cluster.peers[0] already`},
		{"peer on port 0", clustered(`peers: ["10.0.0.2:0"]`), `f:7:11: cluster.peers[0]: "10.0.0.2:0" has no valid port; write a port from 1 to 65535 behind the colon`},
		{"etcd as a URL", inEtcd(`{endpoints: ["https://10.0.0.9:2379/"]}`), `f:7:22: cluster.etcd.endpoints[0]: "https://10.0.0.9:2379/" is a URL; write 10.0.0.9:2379, without https://`},
		{"etcd nowhere", clustered("etcd: {ca: ca.pem}"), `f:9:9: cluster.etcd.endpoints: nobody says where etcd is; write endpoints: ["10.0.0.9:2379"]`},
		{"etcd's certificate without a key", inEtcd(`{endpoints: ["a:2379"], ca: c, cert: c}`), `f:7:9: cluster.etcd.key: the certificate has no key; write its file, as key: key.pem`},
		{"etcd's key without a certificate", inEtcd(`{endpoints: ["a:2379"], ca: c, key: c}`), `f:7:9: cluster.etcd.cert: the key has no certificate; write its file, as cert: cert.pem`},
		{
			"a certificate in the clear", inEtcd(`{endpoints: ["a:2379"], cert: c, key: c}`),
			`f:7:9: cluster.etcd.ca: without it etcd is spoken to in the clear, and is shown no certificate; write the file of those who sign its own`,
		},
		{"a user without password", inEtcd(`{endpoints: ["a:2379"], user: c}`), `f:7:9: cluster.etcd.password: the user has no password; write both, or neither`},
		{"a password without user", inEtcd(`{endpoints: ["a:2379"], password: c}`), `f:7:9: cluster.etcd.user: the password is nobody's; write both, or neither`},
		{
			"a secret for no etcd", clustered("secret: s.txt"),
			`f:9:11: cluster.secret: it is for keys in etcd, and there is none; write etcd: {endpoints: [HOST:PORT]}, or leave it out and copy the key file to all nodes`,
		},
		{
			"registrations in no etcd", clustered("when_away: accept"),
			`f:9:14: cluster.when_away: it is about registrations in etcd, and there is none; write etcd: {endpoints: [HOST:PORT]}, or leave it out`,
		},
		{
			"a media place for no etcd", clustered("") + "media: {shared: front}\n",
			`f:10:17: media.shared: the nodes of a media place know one another's calls by etcd, and there is none; write cluster: {etcd: {endpoints: [HOST:PORT]}}, or leave it out`,
		},
		{
			"a media place for no cluster", twoLegs + "media: {shared: front}\n",
			`f:4:17: media.shared: the nodes of a media place know one another's calls by etcd, and there is none; write cluster: {etcd: {endpoints: [HOST:PORT]}}, or leave it out`,
		},
		{
			"a media place with a slash", inEtcd(`{endpoints: ["a:2379"]}`) + "media: {shared: a/b}\n",
			`f:10:17: media.shared: "a/b" is no name of a media place; write 1 to 64 letters, digits, dots, dashes or underscores`,
		},
		{
			"a media place without addresses", strings.Replace(inEtcd(`{endpoints: ["a:2379"]}`), "}\n", ", media: {address: 10.0.0.9}}\n", 1) + "media: {relay: true, shared: front}\n",
			`f:3:5: legs[1].media.address: the nodes of the media place "front" have one address for the media of this leg, which moves between them; write media: {address: ADDRESS}`,
		},
		{"when_away misspelt", clustered("when_away: acept"), `f:9:14: cluster.when_away: "acept" is not known; write refuse or accept`},
		{"a secret for no cluster", twoLegs + "cluster: {secret: s.txt}\n", `f:4:10: cluster.name: the cluster has no name; write one, as name: edge`},
		{"no certificate", clustered("tls: {key: k.pem, ca: ca.pem}"), `f:8:8: cluster.tls.cert: nodes know one another by certificates and by nothing else; write a file, as cert: cert.pem`},
		{"misspelt", clustered("role: [media]"), `f:9:3: cluster.role: unknown key "role"; did you mean roles?`},
		{"drain for days", twoLegs + "drain: {timeout: 48h}\n", `f:4:18: drain.timeout: 48h0m0s is out of range; write 0s to 24h`},
		{"drain without unit", twoLegs + "drain: {timeout: 60}\n", `f:4:18: drain.timeout: "60" has no unit; write 60s or 60ms`},
	})
}

func TestEveryKeyOfTheClusterArrives(t *testing.T) {
	c, err := Parse("conf/actorsip.yaml", []byte(twoLegs+`
node: edge-1
cluster:
  name: edge
  listen: "0.0.0.0:7070"
  advertise: edge-1.example.com:7071
  roles: [media, signalling]
  etcd: {endpoints: ["10.0.0.9:2379", "[2001:db8::9]:2379"], ca: ca.pem, cert: etcd.pem, key: /etc/etcd-key.pem, user: sip, password: "p w"}
  secret: secret.txt
  when_away: accept
  tls: {cert: node.pem, key: node-key.pem, ca: /etc/cluster-ca.pem}
media: {relay: true}
drain: {timeout: 10m}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Cluster{
		Name: "edge", Listen: netip.MustParseAddrPort("0.0.0.0:7070"), Advertise: "edge-1.example.com:7071",
		Roles: []cluster.Roles{cluster.Media, cluster.Signalling},
		Etcd: Etcd{
			Endpoints: []string{"10.0.0.9:2379", "[2001:db8::9]:2379"}, CA: "conf/ca.pem", Cert: "conf/etcd.pem", Key: "/etc/etcd-key.pem",
			User: "sip", Password: "p w",
		},
		TLS:    ClusterTLS{Cert: "conf/node.pem", Key: "conf/node-key.pem", CA: "/etc/cluster-ca.pem"},
		Secret: "conf/secret.txt", WhenAway: AcceptWhenAway,
	}
	if !reflect.DeepEqual(c.Cluster, want) || c.DrainTimeout != 10*time.Minute {
		t.Errorf("\n%+v\nwant\n%+v", c.Cluster, want)
	}
}

// A node that relays nothing must not be brought the calls of others.
func TestANodeWithoutARelayIsNoMediaNode(t *testing.T) {
	for src, want := range map[string]cluster.Roles{
		clustered(""):                            cluster.Signalling,
		clustered("") + "media: {relay: true}\n": cluster.Signalling | cluster.Media,
		clustered("roles: [signalling]") + "media: {relay: true}\n": cluster.Signalling,
	} {
		c, err := Parse("f", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.clusterConfig()
		if err != nil || got.Roles != want || c.relays() != want.Has(cluster.Media) {
			t.Errorf("%s\nhas the roles %v, %v", src, got.Roles, err)
		}
	}
}

// What is wrong with the files of a node is found before it joins.
func TestTheFilesOfANodeAreChecked(t *testing.T) {
	ca, dir := stage.NewAuthority(t), t.TempDir()
	ca.Issue(t, dir, "node", "edge")
	ca.Issue(t, dir, "other", "inner")
	stage.NewAuthority(t).Issue(t, dir, "stranger", "edge")
	check := func(name string) error {
		c, err := Parse(filepath.Join(dir, "f"), []byte(clustered("tls: {cert: "+name+".pem, key: "+name+"-key.pem, ca: "+ca.File+"}")))
		if err != nil {
			t.Fatal(err)
		}
		return c.CheckCluster()
	}
	if err := check("node"); err == nil || !strings.Contains(err.Error(), "make the file once, with actorsip keys make, and copy it to every node") {
		t.Errorf("a node without keys: %v", err)
	}
	if err := keyring.Create(filepath.Join(dir, "keys.yaml"), "", time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := check("node"); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{
		"other": "whose name must be among its DNS names", "stranger": "is not good for both ends", "none": "the certificate and its key: open ",
	} {
		if err := check(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A node that has its keys from etcd needs no key file, but their secret; whether it has it is known without asking etcd.
func TestTheSecretOfTheKeysIsChecked(t *testing.T) {
	ca, dir := stage.NewAuthority(t), t.TempDir()
	ca.Issue(t, dir, "n", "edge")
	text := strings.Replace(inEtcd(`{endpoints: ["127.0.0.1:1"]}`), "cert: n.pem, key: k.pem, ca: ca.pem}", "cert: n.pem, key: n-key.pem, ca: "+ca.File+"}\n  secret: secret", 1)
	c, err := Parse(filepath.Join(dir, "f"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	good := strings.Repeat("s", 32)
	for _, x := range []struct {
		name, secret string
		mode         os.FileMode
		want         string
	}{
		{"none", "", 0, "cluster.secret: the cluster secret cannot be read: open "},
		{"short", "1234\n", 0o600, "cluster.secret: the cluster secret is too short: "},
		{"open to others", good, 0o644, "run: chmod 600 "},
		{"good", good, 0o600, ""},
	} {
		if x.mode != 0 {
			if err := os.WriteFile(c.Cluster.Secret, []byte(x.secret), x.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(c.Cluster.Secret, x.mode); err != nil {
				t.Fatal(err)
			}
		}
		switch err := c.CheckCluster(); {
		case x.want == "" && err != nil:
			t.Errorf("%s: %v", x.name, err)
		case x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)):
			t.Errorf("%s: %v, want %s", x.name, err, x.want)
		}
	}
}

func TestAMediaPlaceIsOfNodesThatRelay(t *testing.T) {
	file := strings.Replace(inEtcd(`{endpoints: ["a:2379"]}`), "}\n", ", media: {address: 10.0.0.9}}\n", 2) + "media: {relay: true, shared: front-1}\n"
	for roles, want := range map[string]string{"": "front-1", "  roles: [media]\n": "front-1", "  roles: [signalling]\n": ""} {
		c, err := Parse("f", []byte(strings.Replace(file, "node: a", roles+"node: a", 1)))
		if err != nil {
			t.Fatal(err)
		}
		if cfg, err := c.clusterConfig(); err != nil || cfg.Place != want || c.Media.Shared != "front-1" {
			t.Errorf("with %q the place is %q, not %q: %v", roles, cfg.Place, want, err)
		}
	}
}
