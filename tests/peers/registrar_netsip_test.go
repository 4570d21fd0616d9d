package peers

import (
	"fmt"
	"os/exec"
	"testing"
)

// netsipMember is a Net::SIP that does what it is told.
type netsipMember struct{ *child }

func joinNetSIP(t *testing.T, who account) member { return netsipJoins(t, who) }

func netsipJoins(t *testing.T, who account) *netsipMember {
	t.Helper()
	perl, err := exec.LookPath("perl")
	if err != nil || exec.CommandContext(t.Context(), perl, "-MNet::SIP", "-e", "1").Run() != nil {
		t.Skip("Net::SIP for Perl is not installed")
	}
	args := []string{"member.pl", "127.0.0.1", who.transport, who.user}
	if who.password != "" {
		args = append(args, who.user, who.password)
	}
	m := &netsipMember{spawn(t, "netsip", perl, args...)}
	m.name = who.user
	m.until("^at ")
	m.say(fmt.Sprintf("go %s", who.home.at[who.transport]))
	return m
}

func (m *netsipMember) register(seconds int) {
	m.t.Helper()
	m.say(fmt.Sprintf("register %d", seconds))
	m.until(fmt.Sprintf("^registered %d$", seconds))
}

func (m *netsipMember) refused() {
	m.t.Helper()
	m.say("register 60")
	m.until("^asked by example.com$")
	m.until("^in 401 REGISTER$")
	m.until("^refused 401$")
}

func (m *netsipMember) refresh() { m.register(60) }
func (m *netsipMember) leave()   { m.register(0) }
func (m *netsipMember) vanish()  { _ = m.cmd.Process.Kill() }

func (m *netsipMember) ready() {}

func (m *netsipMember) answered() {
	m.t.Helper()
	m.until("^called$")
}

func (m *netsipMember) over() {
	m.t.Helper()
	m.until("^in BYE ")
	m.until("^over$")
}

func (m *netsipMember) call(to string) {
	m.t.Helper()
	m.say("call " + to)
	m.until("^established$")
}

func (m *netsipMember) hangUp() {
	m.t.Helper()
	m.say("hangup")
	m.until("^bye answered$")
}

func (m *netsipMember) fails(to, code string) {
	m.t.Helper()
	m.say("call " + to)
	m.until("^failed " + code + "$")
}
