package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/ua"
)

// registering is a configuration file for a proxy that registers users of example.com, on ports that stay the same over restarts.
// more is added to it: further legs, and then top-level keys.
func registering(t testing.TB, more string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "actorsip.yaml")
	write(t, path, `
admin: {listen: "127.0.0.1:0"}
legs:
  - {name: inside, listen: "udp:127.0.0.1:`+steadyPort(t, v4)+`", registrar: {domains: [example.com], max_expires: 1h}}
  - {name: outside, listen: "udp:127.0.0.1:`+steadyPort(t, v4)+`", registrar: {domains: [example.com]}}
`+more)
	return path
}

// bindings are all contacts that a process has, by address of record.
func (p *process) bindings(t testing.TB) map[string][]system.Contact {
	t.Helper()
	all := map[string][]system.Contact{}
	for after := ""; ; {
		resp, err := http.Get(p.admin + "/bindings?limit=1000&after=" + url.QueryEscape(after))
		if err != nil {
			t.Fatal(err)
		}
		var page system.Registrations
		err = json.NewDecoder(resp.Body).Decode(&page)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Registrations {
			all[r.AOR] = r.Bindings
		}
		if after = page.Next; after == "" {
			return all
		}
	}
}

// throng is users who register again and again, each with the next CSeq, all from one socket.
type throng struct {
	users        int
	conn         *net.UDPConn
	contact      string          // where all of them are
	acknowledged []atomic.Uint32 // by user: CSeq of the last REGISTER that was answered by 200
	refused      atomic.Pointer[string]
	answers      atomic.Int64
	free         chan struct{} // a REGISTER may be sent for each
}

func gather(t testing.TB, users int, contact string) *throng {
	t.Helper()
	const inFlight = 200 // as many as may wait for the disk, and fit into any receive buffer
	g := &throng{users: users, conn: ua.New(t, "127.0.0.1:0").Conn(), contact: contact, acknowledged: make([]atomic.Uint32, users), free: make(chan struct{}, inFlight)}
	for range inFlight {
		g.free <- struct{}{}
	}
	return g
}

// register is the REGISTER of a user in that round; its CSeq is the round, from 1 on.
func (g *throng) register(user, round int) []byte {
	at := g.conn.LocalAddr()
	return fmt.Appendf(nil, "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d.%d;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:u%[2]d@example.com>;tag=f\r\nTo: <sip:u%[2]d@example.com>\r\nCall-ID: %[2]d\r\nCSeq: %[3]d REGISTER\r\n"+
		"Contact: <sip:u%[2]d@%[4]s>\r\nExpires: 3600\r\nUser-Agent: a phone of the usual kind 1.0\r\nContent-Length: 0\r\n\r\n", at, user, round, g.contact)
}

// send registers as fast as it is answered, until the socket is closed or quit.
func (g *throng) send(to *net.UDPAddr, quit <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-g.free:
		case <-quit:
			return
		}
		_, _ = g.conn.WriteToUDP(g.register(n%g.users, n/g.users+1), to) // whoever is gone cannot be told
	}
}

// hear notes who was answered, until nothing comes any more.
func (g *throng) hear(killed <-chan struct{}) {
	b := make([]byte, 1<<16)
	for {
		_ = g.conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		n, err := g.conn.Read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			select {
			case <-killed:
				return
			default:
				continue
			}
		}
		g.note(b[:n])
	}
}

func (g *throng) note(answer []byte) {
	user, errUser := strconv.Atoi(value(answer, "\r\nCall-ID: "))
	number, _, _ := strings.Cut(value(answer, "\r\nCSeq: "), " ")
	round, errRound := strconv.Atoi(number)
	if !bytes.HasPrefix(answer, []byte("SIP/2.0 200 ")) || errUser != nil || errRound != nil || user >= g.users {
		g.refused.CompareAndSwap(nil, new(string(answer)))
		return
	}
	if r := uint32(round); r > g.acknowledged[user].Load() {
		g.acknowledged[user].Store(r)
	}
	g.answers.Add(1)
	g.free <- struct{}{}
}

// value is that of the first header line which begins so.
func value(message []byte, line string) string {
	_, rest, _ := bytes.Cut(message, []byte(line))
	v, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return string(v)
}

// A process is killed while thousands register each second: whoever had his 200 is there afterwards, and is called.
func TestAcknowledgedRegistrationsSurviveKill9(t *testing.T) {
	callee := ua.New(t, "127.0.0.1:0")
	path := registering(t, "")
	p := serve(t, path)
	g := gather(t, 5000, callee.Addr().String())
	quit, killed, sent, heard := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
	begun := time.Now()
	go func() { defer close(sent); g.send(net.UDPAddrFromAddrPort(p.inside), quit) }()
	go func() { defer close(heard); g.hear(killed) }()
	eventually(t, 10*time.Second, "each user is registered", func() bool { return g.answers.Load() >= int64(g.users) })
	<-time.After(time.Until(begun.Add(2500 * time.Millisecond)))
	rate := float64(g.answers.Load()) / time.Since(begun).Seconds()
	p.kill(t)
	close(killed)
	close(quit)
	<-sent
	<-heard
	if r := g.refused.Load(); r != nil {
		t.Fatalf("a REGISTER was answered\n%s", *r)
	}
	t.Logf("%.0f registrations a second were acknowledged", rate)

	p = serve(t, path)
	all := p.bindings(t)
	for user := range g.users {
		aor, last := fmt.Sprintf("sip:u%d@example.com", user), g.acknowledged[user].Load()
		if b := all[aor]; len(b) != 1 || b[0].CSeq < last || b[0].Contact != fmt.Sprintf("sip:u%d@%s", user, g.contact) {
			t.Fatalf("of %s CSeq %d was acknowledged, there is %+v", aor, last, b)
		}
	}
	caller := ua.New(t, "127.0.0.1:0")
	for user := 0; user < g.users; user += 97 {
		sent := caller.Request("MESSAGE", fmt.Sprintf("sip:u%d@example.com", user), ua.Options{Proxy: p.inside, Body: "are you there?", Type: "text/plain"})
		m := callee.Receive()
		if m.RequestURI() != fmt.Sprintf("sip:u%d@%s", user, g.contact) || m.First("Call-ID") != sent.First("Call-ID") {
			t.Fatalf("the callee expected the MESSAGE to user %d, not\n%s", user, m.Raw)
		}
		callee.Answer(m, 200, ua.Options{})
		if r := caller.Receive(); r.Status() != 200 {
			t.Fatalf("the MESSAGE was answered\n%s", r.Raw)
		}
	}
	if _, err := g.conn.WriteToUDP(g.register(0, 1), net.UDPAddrFromAddrPort(p.inside)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1<<16)
	_ = g.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, err := g.conn.Read(b)
	if err != nil || g.acknowledged[0].Load() > 1 && !bytes.HasPrefix(b[:n], []byte("SIP/2.0 500 ")) {
		t.Errorf("a REGISTER from before the kill, which came late, was answered %q, %v", b[:n], err)
	}
}
