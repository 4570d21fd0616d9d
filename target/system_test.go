package target

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/actorsip/actorsip/sipwire"
)

func TestWhatIsNoNameServerIsRefused(t *testing.T) {
	base := Config{Transports: everything, IPv4: true}
	for _, s := range []string{"", "ns.example", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:99999", "192.0.2.1 "} {
		cfg := base
		cfg.Servers = []string{s}
		if _, err := New(cfg); err == nil {
			t.Errorf("%q was taken for a name server", s)
		}
	}
	for name, change := range map[string]func(*Config){
		"no transport":       func(c *Config) { c.Transports = nil },
		"an odd transport":   func(c *Config) { c.Transports = []sipwire.Transport{sipwire.NoTransport} },
		"no address family":  func(c *Config) { c.IPv4 = false },
		"a negative timeout": func(c *Config) { c.Timeout = -1 },
		"a negative cache":   func(c *Config) { c.CacheSize = -1 },
	} {
		cfg := base
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheSystemsResolverIsTakenOver(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		text     string
		servers  []string
		timeout  time.Duration
		attempts int
	}{
		{
			"search example.com\nnameserver 192.0.2.53\nnameserver 2001:db8::53\noptions timeout:3 attempts:4\n",
			[]string{"192.0.2.53:53", "[2001:db8::53]:53"},
			3 * time.Second, 4,
		},
		{"nameserver 192.0.2.53\n", []string{"192.0.2.53:53"}, 2 * time.Second, 2},
		{"", []string{"127.0.0.1:53"}, 2 * time.Second, 2},
	} {
		sys := system{resolvConf: write(t, dir, "resolv.conf", c.text), hosts: filepath.Join(dir, "none")}
		s, err := serversFrom(Config{}, sys)
		if err != nil || !slices.Equal(s.addrs, c.servers) || s.timeout != c.timeout || s.attempts != c.attempts {
			t.Errorf("%q: %+v, %v", c.text, s, err)
		}
		s, err = serversFrom(Config{Timeout: time.Second, Attempts: 1}, sys)
		if err != nil || s.timeout != time.Second || s.attempts != 1 {
			t.Errorf("%q with our own times: %+v, %v", c.text, s, err)
		}
	}
	if s, err := serversFrom(Config{}, system{resolvConf: filepath.Join(dir, "absent")}); err != nil || s.addrs[0] != "127.0.0.1:53" {
		t.Errorf("without a file: %+v, %v", s, err)
	}
}

// The name server of this system is dead; what the hosts file says must work nevertheless.
func TestTheHostsFileNeedsNoNameServer(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "hosts", "127.0.0.1 localhost\n192.0.2.7\tPBX pbx.example # ours\n::1 localhost\nfe80::1%eth0 link\nnonsense x\n192.0.2.8\n")
	sys := system{resolvConf: write(t, dir, "resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"), hosts: path}
	r, err := newResolver(Config{Transports: everything, IPv4: true, IPv6: true}, sys)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := serve(t) // where nothing exists, and questions are counted
	r.servers.addrs = []string{s.addr}
	c := new(clock)
	r.now = c.now
	wantHop(t, r, Query{Host: "pbx"}, "UDP 192.0.2.7:5060")
	wantHop(t, r, Query{Host: "PBX.example", Transport: sipwire.TCP}, "TCP 192.0.2.7:5060")
	if hop, err := resolved(t, r, Query{Host: "localhost", Port: 1}); err != nil || !hop.Addr.Addr().IsLoopback() {
		t.Fatal(hop, err)
	}
	wantAsked(t, s)
	for _, name := range []string{"link", "x", "ours"} {
		if _, err := resolved(t, r, Query{Host: name, Port: 1}); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	write(t, dir, "hosts", "192.0.2.77 pbx\n")
	wantHop(t, r, Query{Host: "pbx"}, "UDP 192.0.2.7:5060")
	c.move(hostsTTL)
	wantHop(t, r, Query{Host: "pbx"}, "UDP 192.0.2.77:5060")
}
