package digest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/sipwire"
)

// gate answers requests on the loopback: with a challenge, or with 200 to who is let in. It ends with the test.
type gate struct {
	host, port string
	heard      []Verdict // the loop's own until it has ended
	stop       func()
}

func gateOf(t *testing.T, role Role, algorithms ...Algorithm) *gate {
	t.Helper()
	h := houseOf(t, func(cfg *Config) { cfg.Algorithms, cfg.Role = algorithms, role })
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{}
	g.host, g.port, _ = net.SplitHostPort(conn.LocalAddr().String())
	ended := make(chan struct{})
	g.stop = func() { conn.Close(); <-ended }
	t.Cleanup(g.stop)
	go func() {
		defer close(ended)
		buf, m := make([]byte, 4096), new(sipwire.Message)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if m.Parse(buf[:n]) != sipwire.None || m.Is("ACK") {
				continue
			}
			r := h.c.Verify(m, h.now)
			g.heard = append(g.heard, r.Verdict)
			v, _ := m.TopVia()
			m.StampVia(v, from)
			status, extra := 200, []byte(nil)
			if r.Verdict.Challenges() {
				status, extra = h.v.Status(), h.c.AppendChallenge(nil, r.Verdict, h.now)
			} else if r.Verdict != OK {
				status = 400
			}
			_, _ = conn.WriteToUDPAddrPort(m.AppendAnswer(nil, status, "Answer", []byte("gate"), extra), from)
		}
	}()
	return g
}

// want is what the gate has found, request by request; what is sent again finds the same.
func (g *gate) want(t *testing.T, output []byte, err error, verdicts ...Verdict) {
	t.Helper()
	g.stop()
	if heard := slices.Compact(g.heard); err != nil || !slices.Equal(heard, verdicts) {
		t.Errorf("%v; the gate found %v, want %v; the phone says\n%s", err, heard, verdicts, output)
	}
}

// run runs a phone for ten seconds at most.
func run(t *testing.T, name string, args ...string) ([]byte, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed: scripts/setup installs it", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = t.TempDir()
	return cmd.CombinedOutput()
}

const sippScenario = `<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="authenticate">
  <send retrans="500"><![CDATA[
METHOD sip:example.com SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:alice@example.com>;tag=[call_number]
To: <sip:alice@example.com>
Call-ID: [call_id]
CSeq: 1 METHOD
Max-Forwards: 70
Content-Length: 0

]]></send>
  <recv response="STATUS" auth="true"/>
  <send retrans="500"><![CDATA[
METHOD sip:example.com SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:alice@example.com>;tag=[call_number]
To: <sip:alice@example.com>
Call-ID: [call_id]
CSeq: 2 METHOD
Max-Forwards: 70
[authentication]
Content-Length: 0

]]></send>
  <recv response="200"/>
</scenario>`

func TestSippAuthenticates(t *testing.T) {
	for _, x := range []struct {
		role       Role
		method     string
		algorithms []Algorithm
	}{
		{Server, "REGISTER", []Algorithm{MD5}},
		{Server, "REGISTER", []Algorithm{MD5, SHA256}}, // it reads the topmost challenge only, and knows only MD5
		{Proxy, "MESSAGE", []Algorithm{MD5}},
	} {
		g := gateOf(t, x.role, x.algorithms...)
		status := fmt.Sprint(map[Role]int{Server: 401, Proxy: 407}[x.role])
		path := filepath.Join(t.TempDir(), "scenario.xml")
		text := strings.NewReplacer("METHOD", x.method, "STATUS", status).Replace(sippScenario)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		output, err := run(t, "sipp", "-sf", path, "-m", "1", "-i", "127.0.0.1", "-au", "alice", "-ap", "secret", "-auth_uri", "example.com",
			"-timeout", "5s", "-timeout_error", "-nostdin", g.host+":"+g.port)
		g.want(t, output, err, NoCredentials, OK)
	}
}

const netSIP = `use strict; use warnings;
use Net::SIP qw(:all);
my ($gate, $password) = @ARGV;
my $phone = Net::SIP::Simple->new(from => 'sip:alice@example.com', registrar => $gate, auth => ['alice', $password]);
$phone->register;
`

func TestNetSIPAuthenticates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "phone.pl")
	if err := os.WriteFile(path, []byte(netSIP), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, algorithms := range [][]Algorithm{{MD5}, {SHA512_256, SHA256, MD5}} {
		g := gateOf(t, Server, algorithms...)
		output, err := run(t, "perl", path, g.host+":"+g.port, "secret")
		g.want(t, output, err, NoCredentials, OK)
		g = gateOf(t, Server, algorithms...)
		output, err = run(t, "perl", path, g.host+":"+g.port, "guess")
		g.want(t, output, err, NoCredentials, BadCredentials)
	}
}
