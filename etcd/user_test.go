package etcd_test

import (
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/actorsip/actorsip/etcd"
	"github.com/actorsip/actorsip/tests/server"
)

// A user whose role is for the prefix and for nothing else can do all that a client does.
func TestAUserOfThePrefixIsEnough(t *testing.T) {
	e := server.StartEtcd(t)
	root, err := clientv3.New(clientv3.Config{Endpoints: []string{e.Endpoint}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	ctx := t.Context()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(root.RoleAdd(ctx, "sip"))
	must(root.RoleGrantPermission(ctx, "sip", "/actorsip/", clientv3.GetPrefixRangeEnd("/actorsip/"), clientv3.PermissionType(clientv3.PermReadWrite)))
	must(root.UserAdd(ctx, "sip", "secret"))
	must(root.UserGrantRole(ctx, "sip", "sip"))
	must(root.UserAdd(ctx, "root", "r"))
	must(root.UserGrantRole(ctx, "root", "root"))
	must(root.AuthEnable(ctx))

	login := etcd.Config{Endpoints: []string{e.Endpoint}, Prefix: "/actorsip/edge/", User: "sip", Password: "secret"}
	c, err := etcd.Open(login)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lease, err := c.Grant(ctx, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if o, _, err := c.Commit(ctx, []etcd.Write{{Name: "x", Value: []byte("1"), Lease: lease}}); err != nil || !o[0].Done {
		t.Fatal(o, err)
	}
	must(c.Read(ctx, "x"))
	if err := c.Renew(ctx, lease); err != nil {
		t.Fatal(err)
	}
	if err := c.Revoke(ctx, lease); err != nil {
		t.Fatal(err)
	}
	if err := c.Away(); err != nil {
		t.Error(err)
	}
	e.Kill()
	e.Start()                                                                               // it knows no token any more
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) { // nothing announces it
		_, err := c.Read(ctx, "x")
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}

	login.Password = "other"
	if _, err := etcd.Open(login); err == nil || !strings.Contains(err.Error(), "the user sip cannot be told to etcd") {
		t.Errorf("a wrong password: %v", err)
	}
	login.Endpoints = []string{"http://127.0.0.1:1"}
	began := time.Now()
	if _, err := etcd.Open(login); err == nil || time.Since(began) > 20*time.Second {
		t.Errorf("a user, and no etcd: %v, after %v", err, time.Since(began))
	}
}
