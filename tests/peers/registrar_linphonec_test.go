package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// linphonecMember is a linphonec that is spoken to by its standard input. It registers for 3 s and then again, whatever it is told.
type linphonecMember struct {
	account
	*child
}

func joinLinphonec(t *testing.T, who account) member {
	t.Helper()
	dir, at, media := t.TempDir(), freePort(t, "127.0.0.1").Port(), freePort(t, "127.0.0.1").Port()
	if err := os.MkdirAll(filepath.Join(dir, ".local/share/linphone"), 0o700); err != nil { // it makes none itself
		t.Fatal(err)
	}
	file := filepath.Join(dir, "linphonerc")
	text := fmt.Sprintf(`[sip]
sip_port=%d
sip_tcp_port=%[1]d
sip_tls_port=0
guess_hostname=0
use_ipv6=0
default_proxy=0
[rtp]
audio_rtp_port=%[2]d
[proxy_0]
reg_identity=sip:%[3]s@example.com
reg_proxy=<%[4]s>
reg_route=<%[4]s;lr>
reg_expires=3
reg_sendregister=0
`, at, media, who.user, who.proxy())
	if who.password != "" {
		text += fmt.Sprintf("[auth_info_0]\nusername=%s\npasswd=%s\nrealm=example.com\ndomain=example.com\n", who.user, who.password)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m := &linphonecMember{who, spawn(t, dir, "env", "HOME="+dir, "linphonec", "-a", "-c", file)}
	m.child.name = who.user
	m.say("soundcard use files")
	m.until("Using wav files")
	return m
}

// joins registers it, as far as that goes.
func (m *linphonecMember) joins() {
	m.t.Helper()
	m.say(strings.TrimSpace(fmt.Sprintf("register sip:%s@example.com %s %s", m.user, m.proxy(), m.password)))
}

// register does not wait: the registry tells.
func (m *linphonecMember) register(int) { m.joins() }

func (m *linphonecMember) refused() {
	m.t.Helper()
	m.joins()
	tick := time.NewTicker(200 * time.Millisecond) // it tells only who asks
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		m.say("status register")
		if m.until(`^(?:linphonec> )?(registered\S*)`)[1] == "registered=-1" {
			return
		}
	}
	m.t.Fatalf("linphonec was to be refused:\n%s", m.said())
}

func (*linphonecMember) refresh() {} // by itself

func (m *linphonecMember) leave() {
	m.t.Helper()
	m.say("unregister")
}

func (m *linphonecMember) vanish() { _ = m.cmd.Process.Kill() }

func (*linphonecMember) ready() {} // it answers by itself

func (m *linphonecMember) answered() {
	m.t.Helper()
	m.until("Receiving new incoming call from ")
	m.until("Media streams established with ")
}

func (m *linphonecMember) over() {
	m.t.Helper()
	m.until("Call .* ended")
}

func (m *linphonecMember) call(to string) {
	m.t.Helper()
	m.say("call " + to)
	m.until("Call .* connected")
}

func (m *linphonecMember) hangUp() {
	m.t.Helper()
	m.say("terminate")
	m.until("Call .* ended")
}

func (m *linphonecMember) fails(to, code string) {
	m.t.Helper()
	m.say("call " + to)
	m.until("Call .* error")
}
