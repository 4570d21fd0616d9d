package tests

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// binary builds the command once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "actorsip")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "actorsip")
	out, err := exec.Command("go", "build", "-o", path, "github.com/actorsip/actorsip/cmd/actorsip").CombinedOutput()
	if err != nil {
		return string(out), err
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// actorsip runs the command and gives what it printed and its exit code.
func actorsip(t testing.TB, args ...string) (output string, code int) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err, path)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

// process is a proxy in a process of its own.
type process struct {
	*exec.Cmd
	inside, outside netip.AddrPort
	admin           string
}

// serve starts a process and waits for its ready line.
func serve(t testing.TB, configFile string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err, path)
	}
	p := &process{Cmd: exec.Command(path, "serve", "--config", configFile)}
	p.Stderr = io.Discard
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	m := regexp.MustCompile(`ready: inside udp:(\S+), outside udp:([^;,\s]+)[^;]*(?:; admin (\S+))?`).FindStringSubmatch(line)
	if err != nil || m == nil {
		t.Fatalf("no ready line: %q %v", line, err)
	}
	p.inside, p.outside, p.admin = netip.MustParseAddrPort(m[1]), netip.MustParseAddrPort(m[2]), m[3]
	return p
}

// file writes a configuration for a caller and a callee, on ports that stay the same over restarts.
func file(t testing.TB, caller, callee *ua.Phone) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "actorsip.yaml")
	write(t, path, `
legs:
  - {name: inside, listen: "udp:127.0.0.1:`+freePort(t)+`", reach: ["`+caller.Addr().String()+`"]}
  - {name: outside, listen: "udp:127.0.0.1:`+freePort(t)+`", reach: ["`+callee.Addr().String()+`"]}
next_hops: {"*": "sip:`+callee.Addr().String()+`"}
admin: {listen: "127.0.0.1:0"}
`)
	return path
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// freePort is a port that nobody has at the moment.
func freePort(t testing.TB) string {
	t.Helper()
	return strconv.Itoa(int(ua.New(t, "127.0.0.1:0").Free()))
}

func TestADialogSurvivesKill9(t *testing.T) {
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	path := file(t, caller, callee)
	first := serve(t, path)
	call := caller.Invite("sip:bob@example.com", ua.Options{Proxy: first.inside})
	callee.Answer(callee.Receive(), 200, ua.Options{})
	call.Ack(call.Response())
	callee.Receive()

	if err := first.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	serve(t, path)

	bye(t, call, callee)
}

// A response whose request went through the process that was killed finds its way back through the next one.
func TestAResponseSurvivesKill9(t *testing.T) {
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	path := file(t, caller, callee)
	first := serve(t, path)
	call := caller.Invite("sip:bob@example.com", ua.Options{Proxy: first.inside})
	invite := callee.Receive()
	if err := first.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	serve(t, path)
	callee.Answer(invite, 200, ua.Options{})
	if r := call.Response(); r.Status() != 200 {
		t.Fatalf("the caller got\n%s", r.Raw)
	}
}

func TestARotatedKeyCutsNoDialog(t *testing.T) {
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	path := file(t, caller, callee)
	p := serve(t, path)
	call := caller.Invite("sip:bob@example.com", ua.Options{Proxy: p.inside})
	invite := callee.Receive()
	callee.Answer(invite, 200, ua.Options{})
	call.Ack(call.Response())
	callee.Receive()

	if out, code := actorsip(t, "keys", "rotate", "--config", path, "--delay", "0s"); code != 0 {
		t.Fatalf("keys rotate: %d %s", code, out)
	}
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	options := caller.Compose("OPTIONS", "sip:bob@example.com", ua.Options{})
	oldToken, oldBranch := "", ""
	for deadline := time.Now().Add(5 * time.Second); ; { // until the same request gets another token: the new key is in use
		caller.Send(options.Raw, p.inside)
		m := callee.Receive()
		token, branch := m.First("Contact"), m.Branch()
		if oldToken == "" {
			oldToken, oldBranch = token, branch
		}
		if branch != oldBranch {
			t.Fatalf("the branch changed with the key: a CANCEL would not match its INVITE\n%s", m.Raw)
		}
		if token != oldToken {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the new key is not in use")
		}
	}
	bye(t, call, callee)
}

func TestSIGTERMLeavesInOrder(t *testing.T) {
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	p := serve(t, file(t, caller, callee))
	for _, path := range []string{"/healthz", "/readyz", "/status"} {
		r, err := http.Get(p.admin + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Errorf("%s: %s %s", path, r.Status, body)
		}
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatalf("it left with %v", err)
	}
}

func TestALegThatCannotBeBoundIsSaid(t *testing.T) {
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	path := file(t, caller, callee)
	serve(t, path)
	out, code := actorsip(t, "serve", "--config", path)
	if code != 1 || !strings.Contains(out, "leg inside cannot listen on udp:127.0.0.1:") {
		t.Errorf("a second proxy on the same ports: exit code %d, %s", code, out)
	}
}

func TestTheCommandLine(t *testing.T) {
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	good := file(t, caller, callee)
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	write(t, bad, "legs:\n  - {name: a, listen: \"udp:10.0.0.1\"}\nlegz: 1\n")
	for _, c := range []struct {
		args []string
		code int
		want []string
	}{
		{[]string{"check", "--config", good}, 0, []string{"is good: 2 legs"}},
		{[]string{"check", "--config", bad}, 1, []string{"bad.yaml:2:", "names no port", "bad.yaml:3:1", "legz"}},
		{[]string{"serve", "--config", bad}, 1, []string{"names no port"}},
		{[]string{"check", "--config", filepath.Join(t.TempDir(), "none.yaml")}, 1, []string{"none.yaml"}},
		{[]string{"route", "--config", good, "--from", "inside", "sip:bob@example.com"}, 0, []string{
			"from:     leg inside", "decision: next_hops", "leg:      outside (reach)", "send:     UDP " + callee.Addr().String(),
		}},
		{[]string{"route", "--config", good, "nosuch:bob"}, 0, []string{"answer:   416"}},
		{[]string{"route", "--config", good, "--from", "nowhere", "sip:bob@example.com"}, 1, []string{`no leg "nowhere"`}},
		{[]string{"keys", "list", "--config", good}, 1, []string{"keys.yaml"}},
		{[]string{"version"}, 0, []string{"actorsip "}},
		{[]string{"nonsense"}, 2, []string{`no command "nonsense"`}},
		{[]string{"serve", "--nonsense"}, 2, []string{"nonsense"}},
		{nil, 2, []string{"usage"}},
	} {
		out, code := actorsip(t, c.args...)
		if code != c.code {
			t.Errorf("%v: exit code %d, not %d: %s", c.args, code, c.code, out)
		}
		for _, w := range c.want {
			if !strings.Contains(out, w) {
				t.Errorf("%v: %q is not in\n%s", c.args, w, out)
			}
		}
	}
}

func TestATokenIsExplained(t *testing.T) {
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	path := file(t, caller, callee)
	p := serve(t, path)
	caller.Invite("sip:bob@example.com", ua.Options{Proxy: p.inside})
	token := ua.URI(callee.Receive().List("Contact")[0])
	out, code := actorsip(t, "route", "--config", path, "--from", "outside", token)
	if code != 0 || !strings.Contains(out, "token:    opens to "+caller.URI()+" behind leg inside") ||
		!strings.Contains(out, "send:     UDP "+caller.Addr().String()) {
		t.Errorf("exit code %d\n%s", code, out)
	}
}
