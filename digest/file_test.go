package digest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

func userFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// open reads a file that is looked at when the test says so.
func open(t testing.TB, cfg FileConfig) (*File, Reading) {
	t.Helper()
	if cfg.Every == 0 {
		cfg.Every = time.Hour
	}
	f, r, err := OpenFile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f, r
}

func hexOf(a Algorithm, user, realm, password string) string {
	h := a.HA1Of(user, realm, password)
	return fmt.Sprintf("%x", h[:a.size()])
}

func TestUsersOfAFile(t *testing.T) {
	text := "\xef\xbb\xbf# users\n\n" +
		"alice:example.com:" + hexOf(MD5, "alice", "example.com", "secret") + "\r\n" +
		"alice:example.com:" + strings.ToUpper(hexOf(SHA256, "alice", "example.com", "secret")) + "\n" +
		"alice:example.net:" + hexOf(SHA512_256, "alice", "example.net", "other") + ":SHA-512-256\n" +
		"bob:example.com:plain:a:b c\n" +
		"carol:example.com:" + hexOf(MD5, "carol", "example.com", "x") + ":md5" // without a line end
	f, r := open(t, FileConfig{Path: userFile(t, text)})
	if r != (Reading{Users: 5, Plain: 1}) {
		t.Errorf("%+v", r)
	}
	for _, x := range []struct {
		user, realm, password string
		with                  []Algorithm
	}{
		{"alice", "example.com", "secret", []Algorithm{MD5, SHA256}},
		{"alice", "example.net", "other", []Algorithm{SHA512_256}},
		{"bob", "example.com", "a:b c", []Algorithm{MD5, SHA256, SHA512_256}},
		{"carol", "example.com", "x", []Algorithm{MD5}},
		{"bob", "example.net", "", nil},
		{"Alice", "example.com", "", nil},
		{"alice:example.com", "", "", nil},
	} {
		var has [numAlgorithms]bool
		for _, a := range x.with {
			has[a] = true
		}
		for a := range numAlgorithms {
			ha1, found := f.Lookup([]byte(x.user), x.realm, a)
			if (found == Present) != has[a] || found == Present && ha1 != a.HA1Of(x.user, x.realm, x.password) {
				t.Errorf("%s of %s with %s: %d", x.user, x.realm, a, found)
			}
		}
	}
	if n := f.Lacking("example.com", SHA256); n != 1 {
		t.Errorf("%d users have no SHA-256", n)
	}
}

func TestAFileThatIsWrongIsRefusedWithItsLine(t *testing.T) {
	md5 := hexOf(MD5, "a", "r", "p")
	for want, line := range map[string]string{
		"a user is written as user:realm:HA1":              "alice",
		"a user is written as user:realm:HA1 ":             "alice:example.com",
		"a user is written as user:realm:HA1  ":            ":example.com:" + md5,
		"an HA1 of MD5 is 32 hexadecimal digits":           "a:r:secret",
		"an HA1 of MD5 is 32 hexadecimal digits ":          "a:r:" + md5[1:],
		"an HA1 of SHA-256 is 64 hexadecimal digits":       "a:r:" + md5 + ":SHA-256",
		"an HA1 of SHA-256 is 64 hexadecimal digits ":      "a:r:" + md5 + "00",
		`"SHA-1" is no digest algorithm`:                   "a:r:" + md5 + ":SHA-1",
		"a of r has two lines for MD5":                     "a:r:" + md5 + "\na:r:" + md5,
		"a of r has two lines for MD5 ":                    "a:r:" + md5 + "\na:r:plain:p",
		"a of r has an empty password":                     "a:r:plain:",
		"a user has at most 255 characters, a realm at mo": strings.Repeat("a", 256) + ":r:" + md5,
	} {
		path := userFile(t, "# users\n"+line+"\n")
		number := 2 + strings.Count(line, "\n")
		_, r, err := OpenFile(FileConfig{Path: path})
		if err == nil || r.Err != err || !strings.HasPrefix(err.Error(), fmt.Sprintf("%s:%d: %s", path, number, strings.TrimSpace(want))) {
			t.Errorf("%v\nwant %s", err, want)
		}
		if err != nil && (strings.Contains(err.Error(), md5) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("the error tells a secret: %v", err)
		}
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "none"), t.TempDir()} {
		if _, _, err := OpenFile(FileConfig{Path: path}); err == nil {
			t.Errorf("%s was read", path)
		}
	}
}

func TestAFileThatOthersCanReadIsTold(t *testing.T) {
	path := userFile(t, "a:r:plain:p\n")
	for mode, others := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o644: true, 0o602: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, r := open(t, FileConfig{Path: path}); r.Others != others {
			t.Errorf("%v: %v", mode, r.Others)
		}
	}
}

// What a person does: write another file, break it, mend it. What is read is what stands there; what is broken changes nothing.
func TestAChangedFileIsReadAndABrokenOneChangesNothing(t *testing.T) {
	path := userFile(t, "a:r:plain:1\n")
	var heard []Reading
	f, _ := open(t, FileConfig{Path: path, Heard: func(r Reading) { heard = append(heard, r) }})
	knows := func(password string) {
		t.Helper()
		if h, found := f.Lookup([]byte("a"), "r", MD5); found != Present || h != MD5.HA1Of("a", "r", password) {
			t.Errorf("the password is not %s", password)
		}
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hears := func(n int) {
		t.Helper()
		f.look(time.Now())
		f.look(time.Now())
		if len(heard) != n {
			t.Fatalf("heard %d times, want %d: %v", len(heard), n, heard)
		}
	}
	hears(0)
	knows("1")
	write("a:r:plain:2\n") // of the same length, and within the granularity of the time of change
	hears(1)
	knows("2")
	write("a:r:p\n")
	hears(2)
	knows("2")
	if heard[1].Err == nil {
		t.Error("the error was not told")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	hears(3)
	knows("2")
	write("a:r:plain:2\n")
	hears(4) // well again, though with nothing new
	other := userFile(t, "a:r:plain:3\nb:r:plain:3\n")
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	hears(5)
	knows("3")
	if heard[4] != (Reading{Users: 2, Plain: 2}) {
		t.Errorf("%+v", heard[4])
	}
}

func TestAFileThatWasLeftAloneIsNotReadAgain(t *testing.T) {
	path := userFile(t, "a:r:plain:1\n")
	f, _ := open(t, FileConfig{Path: path})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f.look(info.ModTime().Add(settled + 1))
	if !f.sure {
		t.Fatal("it would be read for ever")
	}
	before := f.now.Load()
	f.look(info.ModTime().Add(2 * settled))
	if f.now.Load() != before {
		t.Error("it was read again")
	}
}

func TestTheFileIsWatched(t *testing.T) {
	path := userFile(t, "a:r:plain:1\n")
	heard := make(chan Reading, 1)
	open(t, FileConfig{Path: path, Every: 10 * time.Millisecond, Heard: func(r Reading) { heard <- r }})
	if err := os.WriteFile(path, []byte("a:r:plain:1\nb:r:plain:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := <-heard; r.Users != 2 && r.Err == nil { // it may be read half written
		t.Errorf("%+v", r)
	}
}

func manyUsers(n int) string {
	var b strings.Builder
	for i := range n {
		user := fmt.Sprintf("user%d", i)
		fmt.Fprintf(&b, "%s:example.com:%s\n", user, hexOf(MD5, user, "example.com", "secret"))
	}
	return b.String()
}

func TestAHundredThousandUsers(t *testing.T) {
	begun := time.Now()
	text := manyUsers(100_000)
	made := time.Since(begun)
	begun = time.Now()
	f, r := open(t, FileConfig{Path: userFile(t, text)})
	t.Logf("made in %v, written and read in %v", made, time.Since(begun))
	if r.Users != 100_000 {
		t.Fatalf("%+v", r)
	}
	h := houseOf(t, func(cfg *Config) { cfg.Users, cfg.Algorithms = f, []Algorithm{MD5} })
	l := ua.Login{User: "user99999", Password: "secret"}
	h.want(OK, request("REGISTER", registrar, 1, h.challenge(MD5).Credentials(l, "REGISTER", registrar, 1)))
}
