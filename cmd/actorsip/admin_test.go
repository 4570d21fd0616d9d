package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/system"
)

// running starts a proxy with these users registered, and gives the flag that leads to it.
func running(t *testing.T, config string, registered ...location.Registration) (admin string) {
	t.Helper()
	dir := t.TempDir()
	store, err := location.Open(location.Config{File: filepath.Join(dir, "bindings.db")})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range registered {
		err := store.Update(r.AOR, time.Now(), func([]location.Binding) ([]location.Binding, error) { return r.Bindings, nil }, func(err error) {
			if err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	store.Close() // when it returns, all of them are kept
	cfg, err := system.Parse(filepath.Join(dir, "actorsip.yaml"), []byte(config+"\nadmin: {listen: \"127.0.0.1:0\"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := system.StartWith(cfg, system.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return "--admin=http://" + s.AdminAddr().String()
}

const registering = `
legs: [{name: a, listen: "udp:127.0.0.1:0", registrar: {domains: [a.example]}}]
trusted: [10.0.0.0/8]
chain: [{block: {name: none, methods: [INFO]}}]
lanes: 1
`

// say runs a command that must succeed.
func say(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if err := run(args, &stdout, &stderr); err != nil || stderr.Len() > 0 {
		t.Fatalf("%v: %v\n%s", args, err, stderr.String())
	}
	return stdout.String()
}

// fail runs a command that must not, and gives its sentence.
func fail(t *testing.T, args ...string) string {
	t.Helper()
	var stdout bytes.Buffer
	err := run(args, &stdout, io.Discard)
	if err == nil || stdout.Len() > 0 {
		t.Fatalf("%v was carried out:\n%s", args, stdout.String())
	}
	return err.Error()
}

func TestRegistrationsOfARunningProxyAreListedAndDeleted(t *testing.T) {
	b := location.Binding{
		Contact: "sip:alice@192.0.2.1", Q: 1000, Expires: time.Now().Add(time.Hour), Updated: time.Now(), Leg: "a", CallID: "c", CSeq: 1, UserAgent: "evil\x1b[2Jphone",
	}
	second := b
	second.Contact, second.Q, second.Flow = "sip:alice@192.0.2.2", 500, 3
	admin := running(t, registering, location.Registration{AOR: "sip:alice@a.example", Bindings: []location.Binding{b, second}},
		location.Registration{AOR: "sip:bob@a.example", Bindings: []location.Binding{b}})

	table := say(t, "bindings", admin)
	if lines := strings.Split(strings.TrimSpace(table), "\n"); len(lines) != 4 || !strings.HasPrefix(lines[0], "ADDRESS OF RECORD    CONTACT ") ||
		!strings.HasPrefix(lines[1], "sip:alice@a.example  sip:alice@192.0.2.1  1 ") || !strings.Contains(lines[1], `evil\x1b[2Jphone`) ||
		!strings.Contains(lines[2], "its connection") || !strings.HasPrefix(lines[3], "sip:bob@") {
		t.Errorf("the table is\n%s", table)
	}
	for _, prefix := range []string{"alice", "SIP:alice@A.example", "sips:alice"} {
		if one := say(t, "bindings", "list", prefix, admin); strings.Count(one, "\n") != 3 {
			t.Errorf("%s: the table is\n%s", prefix, one)
		}
	}
	if none := say(t, "bindings", "list", "carol", admin); none != "nobody is registered\n" {
		t.Errorf("it said %s", none)
	}
	lines := strings.Split(strings.TrimSpace(say(t, "bindings", "--json", admin)), "\n")
	var r system.Registration
	if err := json.Unmarshal([]byte(lines[0]), &r); err != nil || len(lines) != 2 || r.AOR != "sip:alice@a.example" || len(r.Bindings) != 2 {
		t.Errorf("%v: %q", err, lines)
	}

	if text := say(t, "bindings", "delete", "alice@A.EXAMPLE", "sip:alice@192.0.2.2", admin); text != "deleted: sip:alice@192.0.2.2 of sip:alice@a.example\n" {
		t.Errorf("it said %s", text)
	}
	if text := say(t, "bindings", "delete", admin, "bob@a.example"); text != "deleted: all contacts of sip:bob@a.example\n" {
		t.Errorf("it said %s", text)
	}
	if left := say(t, "bindings", "list", admin); strings.Count(left, "\n") != 2 || strings.Contains(left, "192.0.2.2") {
		t.Errorf("left is\n%s", left)
	}
	if text := fail(t, "bindings", "delete", "bob@a.example", admin); text != "sip:bob@a.example: there is no such binding" {
		t.Errorf("it said %s", text)
	}
}

// More registrations than one page has are all shown, once.
func TestAllPagesAreListed(t *testing.T) {
	var many []location.Registration
	b := location.Binding{Contact: "sip:a@192.0.2.1", Q: 1000, Expires: time.Now().Add(time.Hour), Updated: time.Now(), Leg: "a"}
	for i := range 2500 {
		many = append(many, location.Registration{AOR: fmt.Sprintf("sip:u%d@a.example", i), Bindings: []location.Binding{b}})
	}
	admin := running(t, registering, many...)
	seen := map[string]bool{}
	for line := range strings.Lines(say(t, "bindings", "--json", admin)) {
		seen[line[:30]] = true
	}
	if len(seen) != 2500 {
		t.Errorf("%d are listed", len(seen))
	}
	if n := strings.Count(say(t, "bindings", admin), "ADDRESS OF RECORD"); n != 1 {
		t.Errorf("the table has %d heads", n)
	}
}

func TestBansOfARunningProxyAreMadeListedAndDeleted(t *testing.T) {
	admin := running(t, registering)
	if text := say(t, "bans", admin); text != "nobody is banned\n" {
		t.Errorf("it said %s", text)
	}
	if text := say(t, "bans", "add", "192.0.2.0/24", "--for", "10m", "--why", "calls to Mars", admin); text != "banned: 192.0.2.0/24 for 10m\n" {
		t.Errorf("it said %s", text)
	}
	if text := say(t, "bans", "add", admin, "user:alice@a.example"); text != "banned: user:alice@a.example until it is deleted\n" {
		t.Errorf("it said %s", text)
	}
	table := say(t, "bans", "list", admin)
	if lines := strings.Split(strings.TrimSpace(table), "\n"); len(lines) != 3 || !strings.HasPrefix(lines[1], "192.0.2.0/24 ") ||
		!strings.HasSuffix(lines[1], "hand  0        calls to Mars") || !strings.HasPrefix(lines[2], "user:alice@a.example  never ") {
		t.Errorf("the table is\n%s", table)
	}
	var b system.BanStatus
	first, _, _ := strings.Cut(say(t, "bans", "--json", admin), "\n")
	if err := json.Unmarshal([]byte(first), &b); err != nil || b.Subject != "192.0.2.0/24" || !b.ByHand || time.Until(b.Until) > 10*time.Minute {
		t.Errorf("%v: %s", err, first)
	}
	for _, subject := range []string{"192.0.2.0/24", "user:alice@a.example"} {
		if text := say(t, "bans", "delete", subject, admin); text != "no longer banned: "+subject+"\n" {
			t.Errorf("it said %s", text)
		}
	}
	for want, args := range map[string][]string{
		"192.0.2.0/24 is not banned":                 {"delete", "192.0.2.0/24"},
		"10.0.0.9 cannot be banned: it would ban":    {"add", "10.0.0.9"},
		`"me" is no address, no network and no user`: {"add", "me"},
		"500ms is too short for a ban":               {"add", "192.0.2.1", "--for", "500ms"},
	} {
		if text := fail(t, append(append([]string{"bans"}, args...), admin)...); !strings.HasPrefix(text, want) {
			t.Errorf("%v: it said %s", args, text)
		}
	}
}

func TestAProxyThatHasNoneOfItSaysSo(t *testing.T) {
	admin := running(t, "legs: [{name: a, listen: \"udp:127.0.0.1:0\"}]\nlanes: 1")
	if text := fail(t, "bindings", admin); text != "nobody registers here: no leg of the configuration has a registrar with domains" {
		t.Errorf("it said %s", text)
	}
	if text := fail(t, "bans", admin); text != "nobody is banned here: the configuration has no chain" {
		t.Errorf("it said %s", text)
	}
}

func TestATimeThatIsLeftIsReadByPeople(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 59*time.Second + 600*time.Millisecond: "1m", 5*time.Minute + time.Second: "5m1s", 10*time.Minute + 20*time.Second: "10m",
		time.Hour: "1h", 90 * time.Minute: "1h30m", 100 * time.Hour: "4d",
	} {
		if got := lasting(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}

func TestTheAdminPortIsThatOfTheConfiguration(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8060": "http://127.0.0.1:8060", "0.0.0.0:80": "http://127.0.0.1:80", "[::]:8060": "http://[::1]:8060",
		"[2001:db8::1]:8060": "http://[2001:db8::1]:8060", "localhost:1": "http://localhost:1",
	} {
		if got, err := adminURL(listen); err != nil || got != want {
			t.Errorf("%s: %s %v", listen, got, err)
		}
	}
	path := filepath.Join(t.TempDir(), "actorsip.yaml")
	for listen, want := range map[string]string{
		"off":         "the configuration has no admin port (admin.listen: off)",
		"127.0.0.1:0": "the configuration leaves the admin port open (port 0)",
		"127.0.0.1:1": "the proxy does not answer; does it run?",
	} {
		text := "legs: [{name: a, listen: \"udp:127.0.0.1:0\"}]\nadmin: {listen: \"" + listen + "\"}\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if said := fail(t, "bindings", "--config", path); !strings.HasPrefix(said, want) {
			t.Errorf("%s: it said %s", listen, said)
		}
	}
	if said := fail(t, "bans", "--config", path+".none"); !strings.HasPrefix(said, "the configuration cannot be read") {
		t.Errorf("it said %s", said)
	}
	if said := fail(t, "bans", "--admin", "127.0.0.1:8060"); !strings.Contains(said, "is no URL of an admin port") {
		t.Errorf("it said %s", said)
	}
}

func TestACommandThatIsNotUnderstoodIsExplained(t *testing.T) {
	for _, args := range [][]string{
		{"bindings", "remove"},
		{"bindings", "delete"},
		{"bindings", "delete", "a", "b", "c"},
		{"bindings", "list", "a", "b"},
		{"bindings", "--no"},
		{"bans", "ban"},
		{"bans", "add"},
		{"bans", "add", "a", "b"},
		{"bans", "add", "a", "--for", "x"},
		{"bans", "delete"},
		{"bans", "list", "x"},
	} {
		var stdout, stderr bytes.Buffer
		if err := run(args, &stdout, &stderr); !errors.Is(err, errUsage) || stdout.Len() > 0 || !strings.Contains(stderr.String(), "usage: actorsip "+args[0]) {
			t.Errorf("%v: %v\n%s", args, err, stderr.String())
		}
	}
	var stderr bytes.Buffer
	if err := run([]string{"bans", "add", "-h"}, io.Discard, &stderr); !errors.Is(err, flag.ErrHelp) || !strings.Contains(stderr.String(), "-why sentence") {
		t.Errorf("%v\n%s", err, stderr.String())
	}
}
