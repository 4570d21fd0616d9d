package sipwire

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

var update = flag.Bool("update", false, "write testdata/golden/*.out.sip anew; read the difference before you commit it")

// golden is a message, what is done with it, and the fault that it has. NAME.in.sip becomes NAME.out.sip.
type golden struct {
	name   string
	fault  Fault
	steps  []step
	status int // answered with it, when not 0
}

var goldens = []golden{
	{name: "invite", steps: forwarded(caller)},
	{name: "ok", steps: returned},
	{name: "ack", steps: []step{stampVia(caller), takeOwn, decrement, pushVia}},
	{name: "bye-through-strangers", steps: []step{stampVia(caller), takeOwn, decrement, pushVia}},
	{name: "register", steps: []step{stampVia(caller), decrement, sealContacts, pushVia}},
	{name: "unregister-all", steps: []step{stampVia(caller), decrement, sealContacts, pushVia}},
	{name: "compact-forms", steps: forwarded(caller)},
	{name: "any-case", steps: forwarded(caller)},
	{name: "folded", steps: forwarded(caller)},
	{name: "blanks", steps: forwarded(caller)},
	{name: "vias-in-one-line", steps: forwarded(caller)},
	{name: "response-vias-in-one-line", steps: returned},
	{name: "response-without-reason", steps: returned},
	{name: "routes-in-the-middle", steps: []step{take(0, 2, 3, 4, 6)}},
	{name: "from-strict-router", steps: []step{stampVia(caller), fromStrict, decrement, pushVia}},
	{name: "to-strict-router", steps: []step{stampVia(caller), toStrict, decrement, pushVia}},
	{name: "to-strict-router-alone", steps: []step{stampVia(caller), toStrict, decrement, pushVia}},
	{name: "ipv6", steps: forwarded(caller6)},
	{name: "ipv6-received-in-brackets", steps: forwarded(netip.MustParseAddrPort("[fe80::1%eth0]:5060"))},
	{name: "utf8", steps: forwarded(netip.MustParseAddrPort("[::ffff:192.0.2.33]:5062"))},
	{name: "binary-body", steps: forwarded(caller)},
	{name: "multipart-body", steps: forwarded(caller)},
	{name: "noise-around", steps: forwarded(caller)},
	{name: "no-content-length", steps: forwarded(caller)},
	{name: "spoofed-received", steps: []step{stampVia(caller)}},
	{name: "sent-by-name", steps: []step{stampVia(caller)}},
	{name: "contacts-without-brackets", steps: forwarded(caller)},
	{name: "no-max-forwards", steps: []step{stampVia(caller), decrement, pushVia}},
	{name: "huge-max-forwards", steps: []step{stampVia(caller), decrement, pushVia}},
	{name: "odd-but-legal", steps: forwarded(caller)},
	{name: "request-uri-replaced", steps: []step{setURI("sip:discarded@example.net"), setURI("sip:49301234@gateway.example.net")}},
	{name: "maddr-stripped", steps: []step{stripMAddr}},
	{name: "record-routes-there", steps: forwarded(caller)},
	{name: "answer", steps: []step{stampVia(caller)}, status: 483},
	{name: "answer-in-dialog", steps: []step{stampVia(caller)}, status: 483},
	{name: "answer-to-folded", steps: []step{stampVia(caller)}, status: 483},
	{name: "answer-to-address-without-brackets", steps: []step{stampVia(caller6)}, status: 404},
	{name: "answer-unsupported", steps: []step{stampVia(caller)}, status: 420},
	{name: "answer-bad-version", fault: BadVersion, steps: []step{stampVia(caller)}, status: 505},
	{name: "answer-bare-line-feeds", fault: BadLineEnd, steps: []step{stampVia(caller)}, status: 400},
	{name: "answer-headers-missing", fault: BadVia, steps: []step{stampVia(caller)}, status: 400},
	{name: "answer-headers-twice", fault: Duplicate, steps: []step{stampVia(caller)}, status: 400},
}

func (g golden) leaves(m *Message) []byte {
	apply(m, g.steps)
	if g.status == 0 {
		return m.AppendTo(nil)
	}
	var extra []byte
	if m.Has(ProxyRequire) {
		extra = append(m.AppendUnsupported([]byte("Unsupported: ")), "\r\n"...)
	}
	return m.AppendAnswer(nil, g.status, "Because", []byte("own4tag"), extra)
}

func TestGolden(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			in := goldenFile(t, g.name+".in.sip")
			received := bytes.Clone(in)
			m := new(Message)
			if fault := m.Parse(in); fault != g.fault {
				t.Fatalf("fault %q, not %q", fault, g.fault)
			}
			got := g.leaves(m)
			if !bytes.Equal(in, received) {
				t.Error("the received bytes were written to")
			}
			out := filepath.Join("testdata", "golden", g.name+".out.sip")
			if *update {
				if err := os.WriteFile(out, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := goldenFile(t, g.name+".out.sip"); !bytes.Equal(got, want) {
				t.Errorf("left as\n%s\nnot as\n%s", got, want)
			}
			if fault := new(Message).Parse(got); fault > g.fault {
				t.Errorf("what left has fault %q", fault)
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
