package peers

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// command builds the program and serves with it, in a process of its own as in a deployment. It returns where the legs
// are.
func command(t *testing.T, legs []leg, more string) map[string]netip.AddrPort {
	t.Helper()
	dir, at := t.TempDir(), map[string]netip.AddrPort{}
	text := configuration(t, legs, func(l leg) uint16 {
		at[l.name] = freePort(t, l.listen)
		return at[l.name].Port()
	}, more)
	file := filepath.Join(dir, "actorsip.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "actorsip")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/actorsip")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the command does not build: %v\n%s", err, out)
	}
	proxy := spawn(t, dir, program, "serve", "--config", file)
	proxy.until("ready")
	return at
}
