package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// baresipMember is a baresip that makes and deletes its only account.
type baresipMember struct {
	account
	*child
	dials bool // it has an account to call with
}

func joinBaresip(t *testing.T, who account) member {
	t.Helper()
	modules, at, dir := baresipModules(t), freePort(t, "127.0.0.1"), t.TempDir()
	tone(t, filepath.Join(dir, "tone.wav"), 440, 15*time.Second)
	for file, text := range map[string]string{
		"accounts": "",
		"config": fmt.Sprintf(`sip_listen %s
net_interface %s
rtp_ports 30000-32000
audio_source aufile,%s/tone.wav
audio_player nothing
audio_alert nothing
statmode_default off
module_path %s
module stdio.so
module g711.so
module aufile.so
module_app account.so
module_app menu.so
`, at, at.Addr(), dir, modules),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := &baresipMember{account: who, child: spawn(t, dir, "baresip", "-s", "-f", dir)}
	m.child.name = who.user
	m.until("baresip is ready")
	return m
}

// has gives it the account, in place of the one before, which registers for so long. 0: it does not register.
func (m *baresipMember) has(seconds int) {
	m.t.Helper()
	credentials := ""
	if m.password != "" {
		credentials = fmt.Sprintf(";auth_user=%s;auth_pass=%s", m.user, m.password)
	}
	m.say(fmt.Sprintf("/uanew <sip:%s@example.com;transport=%s>;regint=%d;answermode=auto%s;outbound=\"%s\"",
		m.user, m.transport, seconds, credentials, m.proxy()))
}

func (m *baresipMember) register(seconds int) {
	m.t.Helper()
	m.has(seconds)
	m.until(`200 OK \(\) \[1 binding\]`)
}

func (m *baresipMember) refused() {
	m.t.Helper()
	m.has(60)
	m.until("SIP/2.0 401 Unauthorized")
	m.until("Authorization: Digest ")
	m.until("SIP/2.0 401 Unauthorized")
}

func (*baresipMember) refresh() {} // by itself

func (m *baresipMember) leave() {
	m.t.Helper()
	m.say("/uadel sip:" + m.user + "@example.com")
	m.until("expires=0")
}

func (m *baresipMember) vanish() { _ = m.cmd.Process.Kill() }

func (*baresipMember) ready() {} // it answers by itself

func (m *baresipMember) answered() {
	m.t.Helper()
	m.until("Call established: ")
}

func (m *baresipMember) over() {
	m.t.Helper()
	m.until("^BYE sip:")
	m.until("session closed: ")
}

// dial calls with an account that does not register.
func (m *baresipMember) dial(to string) {
	m.t.Helper()
	if !m.dials {
		m.has(0)
		m.dials = true
	}
	m.say("/dial " + to)
}

func (m *baresipMember) call(to string) {
	m.t.Helper()
	m.dial(to)
	m.until("Call established: ")
}

func (m *baresipMember) hangUp() {
	m.t.Helper()
	m.say("/hangup")
	m.until("^BYE sip:")
	m.until("^SIP/2.0 200 OK")
}

func (m *baresipMember) fails(to, code string) {
	m.t.Helper()
	m.dial(to)
	m.until("session closed: " + code)
}
