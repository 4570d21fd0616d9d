package peers

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/system"
)

const (
	secret = "a-good-password"
	wrong  = "a-bad-one"
)

// registry is a proxy where the users of example.com register by UDP and by TCP.
type registry struct {
	t     *testing.T
	sys   *system.System
	at    map[string]netip.AddrPort // by transport
	users string                    // the file of their passwords
}

// opened starts a registry. legs is what each leg is told beside what goes without saying; more is for the whole proxy. {users} in it is
// the file of users.
func opened(t *testing.T, legs, more string) *registry {
	t.Helper()
	dir := t.TempDir()
	r := &registry{t: t, at: map[string]netip.AddrPort{}, users: passwords(t, dir, "example.com")}
	text := "legs:\n"
	for _, transport := range []string{"udp", "tcp"} {
		text += fmt.Sprintf("  - {name: %s, listen: \"%[1]s:127.0.0.1:0\", media: {hairpin: true}, registrar: {domains: [example.com], min_expires: 1s%s}}\n", transport, legs)
	}
	text += fmt.Sprintf("keys: {file: %q}\nregistrar: {file: %q}\nbans: {file: \"off\"}\nadmin: {listen: \"127.0.0.1:0\"}\nlimits: {packets: 64, waiting: 32}\n",
		filepath.Join(dir, "keys.yaml"), filepath.Join(dir, "bindings.db")) + relay + strings.ReplaceAll(more, "{users}", r.users)
	cfg, err := system.Parse("registry.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if r.sys, err = system.StartWith(cfg, system.Options{Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	t.Cleanup(r.sys.Stop)
	for _, transport := range []string{"udp", "tcp"} {
		r.at[transport] = r.sys.Addr(transport)
	}
	return r
}

// passwords writes a file of users who all have the same password, for MD5 and SHA-256, and says where it is.
func passwords(t *testing.T, dir, realm string) (file string) {
	t.Helper()
	lines := ""
	for _, user := range []string{"alice", "bob", "wolf", "007"} {
		a1 := []byte(user + ":" + realm + ":" + secret)
		lines += fmt.Sprintf("%s:%s:%x\n%[1]s:%[2]s:%[4]x\n", user, realm, md5.Sum(a1), sha256.Sum256(a1))
	}
	file = filepath.Join(dir, "users")
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// asks is a chain that asks who registers and who calls for a password; how is what else it is told.
func asks(how string) string {
	const demand = "  - authorize: {methods: [%s], realm: example.com, users: {file: \"{users}\"}, filters: [%s], %s}\n"
	return "chain:\n" + fmt.Sprintf(demand, "REGISTER", "from_is_user, to_is_from", how) + fmt.Sprintf(demand, "INVITE", "from_is_user", how)
}

// bindings are those of a user, as the admin port tells them.
func (r *registry) bindings(user string) []system.Contact {
	r.t.Helper()
	answer, err := http.Get("http://" + r.sys.AdminAddr().String() + "/bindings?prefix=" + url.QueryEscape("sip:"+user+"@"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	page := system.Registrations{}
	if err := json.NewDecoder(answer.Body).Decode(&page); err != nil || answer.StatusCode != http.StatusOK {
		r.t.Fatalf("the admin port answers %s, %v", answer.Status, err)
	}
	if len(page.Registrations) == 0 {
		return nil
	}
	return page.Registrations[0].Bindings
}

// until waits until the bindings of a user are as wanted. He never has more than one.
func (r *registry) until(user, what string, wanted func([]system.Contact) bool) []system.Contact {
	r.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		b := r.bindings(user)
		if len(b) > 1 {
			r.t.Fatalf("%s has bindings twice: %+v", user, b)
		}
		if wanted(b) {
			return b
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%v passed, and %s is not %s: %+v", patience, user, what, b)
		}
	}
}

// bound waits until a user is registered, by an update after that time.
func (r *registry) bound(user string, after time.Time) system.Contact {
	r.t.Helper()
	return r.until(user, "registered after "+after.String(), func(b []system.Contact) bool {
		return len(b) == 1 && b[0].Updated.After(after)
	})[0]
}

// unbound waits until a user is not registered.
func (r *registry) unbound(user string) {
	r.t.Helper()
	r.until(user, "gone", func(b []system.Contact) bool { return len(b) == 0 })
}
