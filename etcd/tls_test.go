package etcd_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/actorsip/actorsip/etcd"
	"github.com/actorsip/actorsip/tests/server"
	"github.com/actorsip/actorsip/tests/stage"
)

func dial(t *testing.T, endpoint string, tls etcd.TLS) *etcd.Client {
	t.Helper()
	c, err := etcd.Open(etcd.Config{Endpoints: []string{endpoint}, TLS: tls, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestOnlyWhoHasACertificateIsHeard(t *testing.T) {
	ca, other, dir := stage.NewAuthority(t), stage.NewAuthority(t), t.TempDir()
	own, node := ca.Issue(t, dir, "etcd", "127.0.0.1"), ca.Issue(t, dir, "node", "node")
	stranger := other.Issue(t, dir, "stranger", "node")
	e := server.StartSecureEtcd(t, own.Cert, own.Key, ca.File)
	c := dial(t, e.Endpoint, etcd.TLS{CA: ca.File, Cert: node.Cert, Key: node.Key})
	if o, _, err := c.Commit(t.Context(), []etcd.Write{{Name: "x", Value: []byte("1")}}); err != nil || !o[0].Done {
		t.Fatal(o, err)
	}
	for name, tls := range map[string]etcd.TLS{
		"none": {CA: ca.File}, "a stranger's": {CA: ca.File, Cert: stranger.Cert, Key: stranger.Key},
		"of a stranger": {CA: other.File, Cert: node.Cert, Key: node.Key},
	} {
		c := dial(t, e.Endpoint, tls)
		if _, err := c.Read(t.Context(), "x"); !errors.Is(err, etcd.ErrAway) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := etcd.Open(etcd.Config{Endpoints: []string{e.Endpoint}, TLS: etcd.TLS{CA: filepath.Join(dir, "absent")}}); err == nil {
		t.Error("an authority that is not there was taken")
	}
}
