package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fresh is a key file made at noon.
func fresh(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.yaml")
	if err := Create(path, "lab", noon); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) *Keys {
	t.Helper()
	s, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func rotate(t *testing.T, path string, p Purpose, delay time.Duration, now time.Time) uint8 {
	t.Helper()
	id, err := Rotate(path, p, delay, now)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func sum(k *Key, u Use, msg string) string {
	m := k.NewMAC(u)
	m.Write([]byte(msg))
	return string(m.Sum(nil))
}

// The umask of the test must not be what makes the mode right.
func TestANewFileIsForItsOwnerOnly(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path := filepath.Join(t.TempDir(), "keys.yaml")
	s, created, err := Open(path)
	if err != nil || !created {
		t.Fatal(created, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatal(info.Mode(), err)
	}
	if again, created, err := Open(path); err != nil || created || again.Cluster() != s.Cluster() {
		t.Fatal("the second Open made other keys:", created, err)
	}
	if rotate(t, path, Dialog, 0, time.Now()); !onlyFile(t, path) {
		t.Error("a temporary file was left behind")
	}
	if info, _ := os.Stat(path); info.Mode() != 0o600 {
		t.Error("after a rotation:", info.Mode())
	}
}

func onlyFile(t *testing.T, path string) bool {
	t.Helper()
	all, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	return len(all) == 1
}

func TestOfManyStartersOneMakesTheFile(t *testing.T) {
	for range 10 {
		path := filepath.Join(t.TempDir(), "keys.yaml")
		const starters = 16
		var (
			macs    [starters]string
			created [starters]bool
			gate    = make(chan struct{})
			wg      sync.WaitGroup
		)
		for i := range starters {
			wg.Go(func() {
				<-gate
				s, made, err := Open(path)
				if err != nil {
					t.Error(err)
					return
				}
				macs[i], created[i] = sum(s.Newest(Dialog), Branch, "x"), made
			})
		}
		close(gate)
		wg.Wait()
		makers := 0
		for i := range starters {
			if created[i] {
				makers++
			}
			if macs[i] != macs[0] {
				t.Fatal("two starters have different keys")
			}
		}
		if makers != 1 || !onlyFile(t, path) {
			t.Fatalf("%d starters made the file", makers)
		}
	}
}

func TestCreateOverwritesNothing(t *testing.T) {
	path := fresh(t)
	before := sum(read(t, path).Newest(Dialog), Token, "x")
	if err := Create(path, "other", noon); !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	if sum(read(t, path).Newest(Dialog), Token, "x") != before {
		t.Fatal("the keys are others now")
	}
}

func TestAFileIsReadAsItWasWritten(t *testing.T) {
	path := fresh(t)
	rotate(t, path, Register, time.Hour, noon)
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := read(t, path)
	if got := format(s.Cluster(), s.All()); string(got) != string(src) {
		t.Fatalf("was\n%s\nis\n%s", src, got)
	}
}

func TestConcurrentRotationsLoseNoKey(t *testing.T) {
	path := fresh(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := Rotate(path, Dialog, 0, noon); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(read(t, path).All()); n != 22 {
		t.Fatalf("%d keys, want 22", n)
	}
}

func TestRotationFollowsALink(t *testing.T) {
	path := fresh(t)
	link := filepath.Join(t.TempDir(), "link.yaml")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	rotate(t, link, Dialog, 0, noon)
	if n := len(read(t, path).All()); n != 3 {
		t.Fatalf("the file behind the link has %d keys, want 3", n)
	}
}

// Who rotates as root must not lock out the user that the proxy runs as.
func TestRotationLeavesTheFileToItsOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a file away")
	}
	path := fresh(t)
	if err := os.Chown(path, 12345, 12345); err != nil {
		t.Skip("this file system knows no owners:", err)
	}
	rotate(t, path, Dialog, 0, noon)
	var is syscall.Stat_t
	if err := syscall.Stat(path, &is); err != nil || is.Uid != 12345 {
		t.Fatal(is.Uid, err)
	}
}

func TestOpenFilesAreRefused(t *testing.T) {
	path := fresh(t)
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o644, 0o660, 0o700} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path)
		want := fmt.Sprintf("the key file is open to others: the mode of %s is %04o; run: chmod 600 %s", path, mode, path)
		if !errors.Is(err, ErrOpenToOthers) || err.Error() != want {
			t.Errorf("%v: %v", mode, err)
		}
		if _, _, err := Open(path); !errors.Is(err, ErrOpenToOthers) {
			t.Errorf("Open, %v: %v", mode, err)
		}
		if _, err := Rotate(path, Dialog, 0, noon); !errors.Is(err, ErrOpenToOthers) {
			t.Errorf("Rotate, %v: %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	read(t, path) // narrower is well
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip("no named pipes here:", err)
	}
	for _, path := range []string{dir, pipe} {
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "is no ordinary file") {
			t.Error(err)
		}
	}
	if _, _, err := Open(filepath.Join(dir, "none", "keys.yaml")); err == nil ||
		!strings.HasPrefix(err.Error(), "the key file cannot be made: ") {
		t.Error(err)
	}
}

func TestDamagedFilesAreRefusedWithTheirLine(t *testing.T) {
	whole := func(t *testing.T) string {
		src, err := os.ReadFile(fresh(t))
		if err != nil {
			t.Fatal(err)
		}
		return string(src)
	}(t)
	first := whole[strings.Index(whole, "  - id: 0"):strings.Index(whole, "  - id: 1")]
	secret := first[strings.Index(first, "secret: ")+8 : len(first)-1]
	change := func(old, new string) string {
		if !strings.Contains(whole, old) {
			t.Fatalf("no %q in the file", old)
		}
		return strings.Replace(whole, old, new, 1)
	}
	for _, c := range []struct{ name, src, want string }{
		{"empty", "", "k: no documents in stream"},
		{"cut", whole[:len(whole)-10], "k:17: found unexpected end of stream"},
		{"not ours", "hello", "k:1: cannot construct"},
		{"unknown key", change("cluster:", "clutser:"), "k:6: field clutser not found"},
		{"unknown key of a key", change("    created", "    made"), "k:8: field made not found"},
		{"version", change("version: 1", "version: 2"), "k: its version is 2, this program reads version 1"},
		{"no version", change("version: 1", ""), "k: its version is 0, this program reads version 1"},
		{"no cluster", change(`cluster: "lab"`, ""), `k: cluster: "" is no cluster id`},
		{"cluster", change(`"lab"`, `"my lab"`), `k: cluster: "my lab" is no cluster id`},
		{"id", change("id: 1", "id: 32"), "k:13: the id of a key is a number from 0 to 31"},
		{"no id", change("id: 1\n    ", ""), "k:13: the id of a key is a number from 0 to 31"},
		{"id as a word", change("id: 1", "id: one"), "k:13: cannot construct"},
		{"id twice", change("id: 1", "id: 0"), "k:13: a second key with the id 0"},
		{"purpose", change("register", "registrar"), `k:13: key 1: purpose: "registrar" is no purpose of a key; write dialog or register`},
		{"no dialog key", change("dialog", "register"), "k: it has no dialog key"},
		{"created", change("2026-03-01T12:00:00Z", "yesterday"), `k:8: key 0: created: "yesterday" is no time`},
		{"use_from", change("use_from: 2026-03-01T12:00:00Z", "use_from: noon"), `k:8: key 0: use_from: "noon" is no time`},
		{"secret cut", change(secret, `"AAAA"`), "k:8: key 0: secret: not the base64 of 32 bytes"},
		{"secret", change(secret, `"?"`), "k:8: key 0: secret: not the base64 of 32 bytes"},
	} {
		_, err := parse("k", []byte(c.src), noon)
		if !errors.Is(err, ErrDamaged) || !strings.HasPrefix(err.Error(), "the key file is damaged: "+c.want) {
			t.Errorf("%s: %v\nwant %s", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), strings.Trim(secret, `"`)) {
			t.Errorf("%s: the error tells the secret: %v", c.name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(path, make([]byte, fileMax+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	k := read(t, fresh(t)).Newest(Dialog)
	for _, f := range []string{"%v", "%+v", "%s"} {
		if got := fmt.Sprintf(f, k); got != "key 0 (dialog)" {
			t.Errorf("%s: %s", f, got)
		}
	}
}

func ids(keys []*Key) (ids []uint8) {
	for _, k := range keys {
		ids = append(ids, k.ID)
	}
	return ids
}

func TestRetireKeepsWhatIsInUse(t *testing.T) {
	path := fresh(t)                                             // 0 dialog, 1 register
	rotate(t, path, Dialog, time.Hour, noon)                     // 2 from 13:00
	rotate(t, path, Dialog, time.Hour, noon.Add(24*time.Hour))   // 3 from 13:00 next day
	rotate(t, path, Dialog, 1000*time.Hour, noon.Add(time.Hour)) // 4 in six weeks

	for _, c := range []struct {
		unused time.Duration
		now    time.Duration // after noon
		gone   []uint8
		left   []uint8
	}{
		{time.Hour, time.Hour, nil, []uint8{0, 1, 2, 3, 4}},         // 0 has just been relieved
		{time.Hour, 2 * time.Hour, nil, []uint8{0, 1, 2, 3, 4}},     // for exactly an hour
		{time.Hour, 3 * time.Hour, []uint8{0}, []uint8{1, 2, 3, 4}}, // and now for longer
		{0, 24 * time.Hour, nil, []uint8{1, 2, 3, 4}},               // 2 is in use, 3 waits
		{0, 26 * time.Hour, []uint8{2}, []uint8{1, 3, 4}},           // 3 is in use
		{0, 10000 * time.Hour, []uint8{3}, []uint8{1, 4}},           // one for each purpose stays
		{-time.Second, 20000 * time.Hour, nil, []uint8{1, 4}},       // refused
		{time.Hour, -20000 * time.Hour, nil, []uint8{1, 4}},         // a clock that went back
	} {
		gone, err := Retire(path, c.unused, noon.Add(c.now))
		if (err != nil) != (c.unused < 0) {
			t.Fatal(err)
		}
		if left := ids(read(t, path).All()); !slices.Equal(gone, c.gone) || !slices.Equal(left, c.left) {
			t.Fatalf("unused %v at noon%+v: dropped %v, left %v; want %v and %v", c.unused, c.now, gone, left, c.gone, c.left)
		}
	}
}
