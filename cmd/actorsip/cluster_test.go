package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/stage"
)

func TestTheClusterIsShown(t *testing.T) {
	ca, dir := stage.NewAuthority(t), t.TempDir()
	keys := filepath.Join(dir, "keys.yaml")
	node := func(name, peer string) string {
		pair := ca.Issue(t, dir, name, "edge")
		return running(t, fmt.Sprintf(`
node: %s
legs: [{name: a, listen: "udp:127.0.0.1:0"}]
lanes: 1
keys: {file: %q}
cluster: {name: edge, listen: "127.0.0.1:0", peers: [%q], tls: {cert: %q, key: %q, ca: %q}}
`, name, keys, peer, pair.Cert, pair.Key, ca.File))
	}
	one := node("one", "127.0.0.1:1") // nobody is there
	alone := say(t, "cluster", one)
	if !strings.HasPrefix(alone, "cluster edge, as node one sees it: 1 nodes, 0 calls with media here, ") || !strings.Contains(alone, "alive, this one") {
		t.Fatalf("it said\n%s", alone)
	}
	var st system.ClusterStatus
	if err := json.Unmarshal([]byte(say(t, "cluster", "status", "--json", one)), &st); err != nil || len(st.Members) != 1 || !st.Members[0].Self {
		t.Fatalf("%v: %+v", err, st)
	}
	two := node("two", st.Members[0].Address)
	if text := say(t, "drain", two); text != "draining: it is not ready for new calls; 0 calls have their media here\n" {
		t.Errorf("it said %s", text)
	}
	both := ""
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(both, "alive, drains"); both = say(t, "cluster", "status", one) {
		if time.Now().After(deadline) {
			t.Fatalf("the node that drains is not seen:\n%s", both)
		}
		time.Sleep(20 * time.Millisecond) // nobody announces it to a command
	}
	lines := strings.Split(strings.TrimSpace(both), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[2], "one ") || !strings.HasPrefix(lines[3], "two ") || !strings.Contains(lines[3], "  a udp:127.0.0.1:") ||
		!strings.Contains(lines[3], " signalling ") {
		t.Errorf("the table is\n%s", both)
	}
	if text := say(t, "drain", "--undo", two); text != "ready for new calls again; 0 calls have their media here\n" {
		t.Errorf("it said %s", text)
	}
}

func TestAProxyWithoutAClusterSaysSo(t *testing.T) {
	if text := fail(t, "cluster", "status", running(t, registering)); text != "this proxy is no node of a cluster: the configuration has no cluster.name" {
		t.Errorf("it said %s", text)
	}
}

// A node of a cluster whose keys nobody else has would lose the others' dialogs without a word.
func TestANodeWithoutKeysDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	pair, path := stage.NewAuthority(t).Issue(t, dir, "n", "edge"), filepath.Join(dir, "actorsip.yaml")
	config := fmt.Sprintf(`
node: one
legs: [{name: a, listen: "udp:127.0.0.1:0"}]
admin: {listen: off}
cluster: {name: edge, listen: "127.0.0.1:0", peers: ["127.0.0.1:1"], tls: {cert: %q, key: %q, ca: %q}}
`, pair.Cert, pair.Key, pair.Cert)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"serve", "check"} {
		if text := fail(t, command, "--config", path); !strings.Contains(text, "all nodes of a cluster have the same keys; make the file once") {
			t.Errorf("%s said %s", command, text)
		}
	}
	if text := say(t, "keys", "make", "--config", path); !strings.Contains(text, "keys.yaml was made: keep it secret") {
		t.Errorf("it said %s", text)
	}
	if text := fail(t, "keys", "make", "--config", path); !strings.Contains(text, "is there already and is left as it is") {
		t.Errorf("it said %s", text)
	}
}
