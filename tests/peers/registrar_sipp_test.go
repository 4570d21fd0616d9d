package peers

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sippMember is a sipp for each thing that the phone does, all at one port.
type sippMember struct {
	account
	t         *testing.T
	dir       string
	at        netip.AddrPort
	scenario  string // of a call; empty: the usual one
	registers int    // times; CSeq goes on where it was
	running   *child // that waits for a call, or calls
}

func joinSipp(t *testing.T, who account) member {
	t.Helper()
	return &sippMember{account: who, t: t, dir: t.TempDir(), at: ownPort(t)}
}

// ownPort is a port at an address that nobody else in these tests has: it stays free while no sipp is there.
func ownPort(t *testing.T) netip.AddrPort {
	t.Helper()
	port := freePort(t, "127.0.0.1").Port()
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 77, byte(port >> 8), byte(port)}), port)
}

// play starts a sipp with one of the scenarios, which is played once.
func (m *sippMember) play(scenario string, more ...string) *child {
	m.t.Helper()
	file, err := filepath.Abs("sipp/" + scenario)
	if err != nil {
		m.t.Fatal(err)
	}
	c := spawn(m.t, m.dir, "sipp", append([]string{
		m.home.at[m.transport].String(), "-sf", file, "-s", m.user, "-key", "domain", "example.com", "-t", map[string]string{"udp": "u1", "tcp": "t1"}[m.transport],
		"-i", m.at.Addr().String(), "-p", fmt.Sprint(m.at.Port()), "-nostdin", "-m", "1", "-timeout", "20s", "-timeout_error",
		"-trace_err", "-error_file", scenario + ".err", "-au", m.user, "-ap", m.password,
	}, more...)...)
	c.name = m.user
	return c
}

// well waits for the end of a sipp, which is to be a good one.
func (m *sippMember) well(c *child) {
	m.t.Helper()
	if err := c.end(patience); err != nil {
		m.t.Fatalf("sipp ended badly: %v\n%s\n%s", err, c.said(), m.errors())
	}
}

// errors is what all sipps reported that ended badly.
func (m *sippMember) errors() (all string) {
	files, _ := filepath.Glob(m.dir + "/*.err") // the pattern is right
	for _, file := range files {
		text, _ := os.ReadFile(file) // shown for what it is worth
		all += string(text)
	}
	return all
}

func (m *sippMember) registration(seconds int) *child {
	m.t.Helper()
	m.registers += 2 // one without, one with a password
	return m.play("register.xml", "-key", "seconds", fmt.Sprint(seconds), "-cid_str", m.user+"-%p@registers", "-base_cseq", fmt.Sprint(m.registers),
		"-auth_uri", "example.com")
}

func (m *sippMember) register(seconds int) {
	m.t.Helper()
	m.well(m.registration(seconds))
}

func (m *sippMember) refused() {
	m.t.Helper()
	m.failsWith(m.registration(60), "401")
}

// failsWith waits for the end of a sipp that gets an answer that it does not want.
func (m *sippMember) failsWith(c *child, code string) {
	m.t.Helper()
	if err := c.end(patience); err == nil || !strings.Contains(m.errors(), "received 'SIP/2.0 "+code) {
		m.t.Fatalf("sipp was to be answered %s, and ended with %v\n%s\n%s", code, err, c.said(), m.errors())
	}
}

func (m *sippMember) refresh() { m.register(60) }
func (m *sippMember) leave()   { m.register(0) }
func (*sippMember) vanish()    {} // it has ended

func (m *sippMember) ready() {
	m.t.Helper()
	m.running = m.play("answer.xml")
	if m.transport == "tcp" {
		listening(m.t, m.at.String())
	} else {
		m.bound()
	}
}

// bound waits until the sipp has bound its port.
func (m *sippMember) bound() {
	m.t.Helper()
	taken(m.t, m.at.String())
}

func (*sippMember) answered() {} // over tells

func (m *sippMember) over() {
	m.t.Helper()
	m.well(m.running)
}

// caller is the scenario of a call, with a password or without.
func (m *sippMember) caller(to string) *child {
	m.t.Helper()
	if m.scenario != "" {
		return m.play(m.scenario, "-key", "callee", to)
	}
	if m.password == "" {
		return m.play("uac.xml", "-s", strings.TrimSuffix(strings.TrimPrefix(to, "sip:"), "@example.com"))
	}
	return m.play("caller_auth.xml", "-key", "callee", to)
}

func (m *sippMember) call(to string) {
	m.t.Helper()
	m.running = m.caller(to)
}

func (m *sippMember) hangUp() {
	m.t.Helper()
	m.well(m.running)
}

func (m *sippMember) fails(to, code string) {
	m.t.Helper()
	m.failsWith(m.caller(to), code)
}
