package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/etcd"
	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/tests/server"
)

func TestTheKeysOfAClusterAreChangedFromAnyNode(t *testing.T) {
	c, err := etcd.Open(etcd.Config{Endpoints: []string{server.StartEtcd(t).Endpoint}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, bytes.Repeat([]byte("s"), 32), 0o600); err != nil {
		t.Fatal(err)
	}
	v, err := keyring.OpenVault(c, secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := clusterKeysList(t.Context(), v, new(bytes.Buffer)); !errors.Is(err, keyring.ErrNoRing) {
		t.Fatal(err)
	}
	m, err := keyring.Join(keyring.MemberConfig{Vault: v, Node: "north", File: filepath.Join(dir, "keys.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := clusterKeysRotate(short, v, keyring.Dialog, 0, []string{"south"}, new(bytes.Buffer)); !errors.Is(err, keyring.ErrNotEverywhere) {
		t.Fatal(err)
	}
	for _, x := range []struct {
		run  func(*bytes.Buffer) error
		says []string
	}{
		{func(b *bytes.Buffer) error { return clusterKeysList(t.Context(), v, b) }, []string{"used from when all nodes have it", "node north"}},
		{func(b *bytes.Buffer) error {
			return clusterKeysRotate(t.Context(), v, keyring.Dialog, time.Minute, []string{"north"}, b)
		}, []string{"key 2 (dialog) is used from 2"}},
		{func(b *bytes.Buffer) error { return clusterKeysList(t.Context(), v, b) }, []string{"opens, seals later"}},
		{func(b *bytes.Buffer) error { return clusterKeysRetire(t.Context(), v, time.Hour, b) }, []string{"0 keys retired"}},
	} {
		var b bytes.Buffer
		if err := x.run(&b); err != nil {
			t.Fatal(err)
		}
		for _, says := range x.says {
			if !strings.Contains(b.String(), says) {
				t.Errorf("it does not say %q:\n%s", says, b.String())
			}
		}
	}
}
