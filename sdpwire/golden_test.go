package sdpwire

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/golden/*.out.sdp anew; read the difference before you commit it")

var (
	host4 = netip.MustParseAddr("198.51.100.7")
	host6 = netip.MustParseAddr("2001:db8:ffff::7")
)

// golden is a description, and where its media goes instead. NAME.in.sdp becomes NAME.out.sdp.
type golden struct {
	name  string
	host  netip.Addr
	ports []uint16 // nil: 40000 and up for every m-line
}

var goldens = []golden{
	{name: "audio", host: host4},
	{name: "audio-to-ipv6", host: host6},
	{name: "ipv6-to-ipv4", host: host4},
	{name: "port-ranges", host: host4},
	{name: "browser", host: host4},
	{name: "fax", host: host4},
	{name: "lower-case-line-feeds", host: host4},
	{name: "connection-behind-time", host: host4},
	{name: "several-connections", host: host4},
	{name: "multicast", host: host4},
	{name: "messages-over-tcp", host: host4},
	{name: "messages-alone", host: host4},
	{name: "last-line-is-media", host: host4},
	{name: "old-hold", host: host4},
	{name: "old-hold-to-ipv6", host: host6},
	{name: "old-hold-from-ipv6", host: host4},
	{name: "rtcp", host: host4},
	{name: "names", host: host4},
	{name: "odd-origins", host: host4},
	{name: "secure", host: netip.MustParseAddr("::ffff:198.51.100.7")},
	{name: "blanks", host: host4},
	{name: "mixed-line-ends", host: host4},
	{name: "all-rejected", host: host4},
	{name: "no-media", host: netip.MustParseAddr("fe80::1%eth0")},
	{name: "left-to-the-endpoints", host: host4, ports: []uint16{40000}},
	{name: "alternatives", host: host4},
}

// freePorts are ports for n m-lines, those that are not relayed included.
func freePorts(n int) (ports []uint16) {
	for i := range n {
		ports = append(ports, uint16(40000+100*i))
	}
	return ports
}

// leaves is the description as the other end sees it.
func (g golden) leaves(d *Description) []byte {
	if g.ports != nil {
		return d.Append(nil, g.host, g.ports)
	}
	return d.Append(nil, g.host, freePorts(len(d.Media)))
}

func TestGolden(t *testing.T) {
	d := new(Description)
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			in := goldenFile(t, g.name+".in.sdp")
			received := bytes.Clone(in)
			if fault := d.Parse(in); fault != None {
				t.Fatalf("fault %q", fault)
			}
			got := g.leaves(d)
			if !bytes.Equal(in, received) {
				t.Error("the received bytes were written to")
			}
			out := filepath.Join("testdata", "golden", g.name+".out.sdp")
			if *update {
				if err := os.WriteFile(out, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := goldenFile(t, g.name+".out.sdp"); !bytes.Equal(got, want) {
				t.Errorf("left as\n%s\nnot as\n%s", got, want)
			}
			if again := g.leaves(d); !bytes.Equal(got, again) {
				t.Errorf("sent twice, left as\n%s\nand as\n%s", got, again)
			}
			if fault := d.Parse(got); fault != None {
				t.Errorf("what left has fault %q", fault)
			}
			if again := g.leaves(d); !bytes.Equal(got, again) {
				t.Errorf("rewritten twice, left as\n%s\nand as\n%s", got, again)
			}
		})
	}
}

func TestEveryGoldenFileHasItsRow(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		if !slices.ContainsFunc(goldens, func(g golden) bool { return g.name == name }) {
			t.Errorf("%s belongs to no row", file)
		}
	}
}

func goldenFile(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "golden", name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}
