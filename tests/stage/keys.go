package stage

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/keyring"
)

// KeysMade is when the keys of a KeyFile are made and come into use.
var KeysMade = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// KeyFile writes the key file of a cluster: dialog key 0 and register key 1, both of secrets that are known, so that
// what is sealed with them is the same in every run. The file goes with the test.
func KeyFile(t testing.TB, cluster string) (path string) {
	t.Helper()
	text, made := fmt.Sprintf("version: 1\ncluster: %q\nkeys:\n", cluster), KeysMade.Format(time.RFC3339)
	for id, purpose := range []keyring.Purpose{keyring.Dialog, keyring.Register} {
		secret := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune('a'+id)), 32)))
		text += fmt.Sprintf("  - {id: %d, purpose: %s, created: %s, use_from: %s, secret: %q}\n", id, purpose, made, made, secret)
	}
	path = filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// ReadKeys are the keys of a file, which must be right.
func ReadKeys(t testing.TB, path string) *keyring.Keys {
	t.Helper()
	keys, err := keyring.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
