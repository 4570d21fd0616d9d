package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/actorsip/actorsip/etcd"
	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/tests/server"
)

func dial(t *testing.T, e *server.Etcd) *etcd.Client {
	t.Helper()
	c, err := etcd.Open(etcd.Config{Endpoints: []string{e.Endpoint}, Timeout: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func secretFile(t *testing.T, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cluster.secret")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const secret = "a secret of a cluster, 32 bytes or more"

func vault(t *testing.T, e *server.Etcd) *keyring.Vault {
	t.Helper()
	v, err := keyring.OpenVault(dial(t, e), secretFile(t, secret))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func join(t *testing.T, e *server.Etcd, node, file string) *keyring.Member {
	t.Helper()
	m, err := keyring.Join(keyring.MemberConfig{Vault: vault(t, e), Node: node, File: file, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func file(t *testing.T) string { return filepath.Join(t.TempDir(), "keys.yaml") }

// marks is what all keys make of one text: the same only of the same keys.
func marks(keys *keyring.Keys) string {
	var all []string
	for _, k := range keys.All() {
		all = append(all, fmt.Sprintf("%d %x", k.ID, keyring.NewMACs(keyring.Token).Sum(k, []byte("text"))))
	}
	return strings.Join(all, "\n")
}

func same(t *testing.T, want *keyring.Keys, members ...*keyring.Member) {
	t.Helper()
	for i, m := range members {
		eventually(t, func() string {
			if got := marks(m.Ring.Load()); got != marks(want) {
				return fmt.Sprintf("member %d has other keys:\n%s\n%s", i, got, marks(want))
			}
			return ""
		})
	}
}

func eventually(t *testing.T, missing func() string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) { // nothing announces it
		what := missing()
		if what == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

func TestNodesThatStartAtOnceHaveTheSameKeys(t *testing.T) {
	e := server.StartEtcd(t)
	const nodes = 3
	members, files := make([]*keyring.Member, nodes), make([]string, nodes)
	var all sync.WaitGroup
	for n := range nodes {
		files[n] = file(t)
		all.Add(1)
		go func() {
			defer all.Done()
			members[n] = join(t, e, fmt.Sprint("node", n), files[n])
		}()
	}
	all.Wait()
	same(t, members[0].Ring.Load(), members...)
	for _, f := range files {
		if copied, err := keyring.Read(f); err != nil || marks(copied) != marks(members[0].Ring.Load()) {
			t.Error(err)
		}
	}
}

func TestTheFirstNodeBringsItsKeysAndAnotherSetsItsOwnAside(t *testing.T) {
	e := server.StartEtcd(t)
	first, second := file(t), file(t)
	own, _, err := keyring.Open(first)
	if err != nil {
		t.Fatal(err)
	}
	foreign, _, err := keyring.Open(second)
	if err != nil {
		t.Fatal(err)
	}
	a, b := join(t, e, "a", first), join(t, e, "b", second)
	same(t, own, a, b)
	if aside, err := keyring.Read(second + ".before"); err != nil || marks(aside) != marks(foreign) {
		t.Error(err)
	}
}

func TestOtherKeysAreSetAsideWhenEtcdComesLater(t *testing.T) {
	e := server.StartEtcd(t)
	a, place := join(t, e, "a", file(t)), file(t)
	foreign, _, err := keyring.Open(place)
	if err != nil {
		t.Fatal(err)
	}
	e.Kill()
	b := join(t, e, "b", place)
	e.Start()
	same(t, a.Ring.Load(), b)
	eventually(t, func() string {
		if copied, err := keyring.Read(place); err != nil || marks(copied) != marks(a.Ring.Load()) {
			return fmt.Sprint("the copy is an old one ", err)
		}
		return ""
	})
	if aside, err := keyring.Read(place + ".before"); err != nil || marks(aside) != marks(foreign) {
		t.Error(err)
	}
}

// While keys are rotated again and again, none seals with a key that another cannot open.
func TestAKeyIsUsedWhenAllHaveIt(t *testing.T) {
	e := server.StartEtcd(t)
	a, b, c := join(t, e, "a", file(t)), join(t, e, "b", file(t)), join(t, e, "c", file(t))
	members := []*keyring.Member{a, b, c}
	over := make(chan struct{})
	var watching sync.WaitGroup
	watching.Add(1)
	go func() {
		defer watching.Done()
		for {
			select {
			case <-over:
				return
			default:
			}
			for i, m := range members {
				id := m.Ring.Load().Newest(keyring.Dialog).ID
				for j, other := range members {
					if other.Ring.Load().ByID(id) == nil {
						t.Errorf("member %d seals with key %d, which member %d does not have", i, id, j)
						return
					}
				}
			}
		}
	}()
	v := vault(t, e)
	for range 3 {
		key, err := v.Rotate(t.Context(), keyring.Dialog, 0, []string{"a", "b", "c"})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range members {
			eventually(t, func() string {
				if m.Ring.Load().Newest(keyring.Dialog).ID != key.ID {
					return "the new key is not used"
				}
				return ""
			})
		}
	}
	close(over)
	watching.Wait()
	if keys, err := v.Read(t.Context()); err != nil || len(keys.All()) != 5 {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond) // whole seconds count
	ids, err := v.Retire(t.Context(), 0, time.Now())
	if err != nil || len(ids) != 3 {
		t.Fatal(ids, err)
	}
	keys, err := v.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, keys, members...)
}

func TestAKeyThatANodeDoesNotHaveIsNotUsed(t *testing.T) {
	e := server.StartEtcd(t)
	a := join(t, e, "a", file(t))
	v, direct := vault(t, e), dial(t, e)
	eventually(t, func() string {
		if nodes, err := v.Nodes(t.Context()); err != nil || len(nodes) != 1 || !nodes[0].HasAll || nodes[0].Name != "a" {
			return fmt.Sprint(nodes, err)
		}
		return ""
	})
	if o, _, err := direct.Commit(t.Context(), []etcd.Write{{Name: "keys/nodes/slow", Value: []byte("1")}}); err != nil || !o[0].Done {
		t.Fatal(o, err)
	}
	old := a.Ring.Load().Newest(keyring.Dialog).ID
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := v.Rotate(ctx, keyring.Dialog, 0, []string{"a", "absent"}); !errors.Is(err, keyring.ErrNotEverywhere) ||
			!strings.Contains(err.Error(), "slow") || !strings.Contains(err.Error(), "absent") || strings.HasSuffix(err.Error(), " a") {
			t.Fatal(err)
		}
	}
	waiting := func() (ids []uint8) {
		for _, k := range a.Ring.Load().All() {
			if k.IsWaiting() {
				ids = append(ids, k.ID)
			}
		}
		return ids
	}
	eventually(t, func() string {
		if len(waiting()) != 1 {
			return fmt.Sprint(waiting(), "wait")
		}
		return ""
	})
	if a.Ring.Load().Newest(keyring.Dialog).ID != old {
		t.Fatal("it is used")
	}
	id := waiting()[0]
	was, err := direct.Read(t.Context(), "keys/nodes/slow")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := direct.Commit(t.Context(), []etcd.Write{{Name: was.Name, Seen: was.Revision}}); err != nil {
		t.Fatal(err)
	}
	if key, err := v.Rotate(t.Context(), keyring.Dialog, 0, nil); err != nil || key.ID != id {
		t.Fatal(key, err)
	}
}

func TestANodeStartsWithItsCopyWhileEtcdIsAway(t *testing.T) {
	e := server.StartEtcd(t)
	place := file(t)
	a := join(t, e, "a", place)
	old := a.Ring.Load()
	a.Close()
	v := vault(t, e)
	if _, err := v.Rotate(t.Context(), keyring.Register, 0, nil); err != nil {
		t.Fatal(err)
	}
	e.Kill()
	away := vault(t, e)
	if _, err := keyring.Join(keyring.MemberConfig{Vault: away, Node: "b", File: file(t)}); !errors.Is(err, etcd.ErrAway) {
		t.Fatal(err)
	}
	again := join(t, e, "a", place)
	if marks(again.Ring.Load()) != marks(old) {
		t.Fatal("it has other keys")
	}
	e.Start()
	keys := (*keyring.Keys)(nil)
	eventually(t, func() string {
		var err error
		if keys, err = v.Read(t.Context()); err != nil {
			return err.Error()
		}
		return ""
	})
	if len(keys.All()) != 3 {
		t.Fatal(len(keys.All()), "keys")
	}
	same(t, keys, again)
	eventually(t, func() string {
		if copied, err := keyring.Read(place); err != nil || marks(copied) != marks(keys) {
			return fmt.Sprint("the copy is an old one ", err)
		}
		return ""
	})
}

func TestAnEtcdThatHasLostTheKeysGetsThemBack(t *testing.T) {
	e := server.StartEtcd(t)
	a, b := join(t, e, "a", file(t)), join(t, e, "b", file(t))
	v := vault(t, e)
	if _, err := v.Rotate(t.Context(), keyring.Dialog, 0, []string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	keys := a.Ring.Load()
	allSay := func() string {
		if nodes, err := v.Nodes(t.Context()); err != nil || len(nodes) != 2 || !nodes[0].HasAll || !nodes[1].HasAll {
			return fmt.Sprint("not all nodes say that they have all keys ", nodes, err)
		}
		return ""
	}
	eventually(t, allSay)
	e.Kill()
	e.Forget()
	e.Start()
	eventually(t, func() string {
		if got, err := v.Read(t.Context()); err != nil || marks(got) != marks(keys) {
			return fmt.Sprint("etcd does not have them ", err)
		}
		return ""
	})
	back := time.Now()
	eventually(t, allSay) // else the next key would be used without them
	if after := time.Since(back); after > 5*time.Second {
		t.Errorf("they have said so after %v", after)
	}
	if _, err := v.Rotate(t.Context(), keyring.Dialog, 0, []string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	keys, err := v.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, keys, a, b)
}

// Whoever is restored from a backup may have no node that runs: their copies have what came after it, and what was retired meanwhile.
func TestAnEtcdOfAnOldBackupGetsTheKeysOfACopy(t *testing.T) {
	for name, isAway := range map[string]bool{"restored before the node starts": false, "restored later": true} {
		t.Run(name, func(t *testing.T) {
			e, place := server.StartEtcd(t), file(t)
			a := join(t, e, "a", place)
			old := a.Ring.Load()
			backup, err := dial(t, e).Read(t.Context(), "keys/ring")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := vault(t, e).Rotate(t.Context(), keyring.Dialog, 0, []string{"a"}); err != nil {
				t.Fatal(err)
			}
			keys := (*keyring.Keys)(nil)
			eventually(t, func() string {
				if keys, err = keyring.Read(place); err != nil || len(keys.All()) != 3 || keys.All()[2].IsWaiting() {
					return fmt.Sprint("the copy is an old one ", err)
				}
				return ""
			})
			a.Close()
			e.Kill()
			e.Forget()
			restore := func() {
				e.Start()
				if _, _, err := dial(t, e).Commit(t.Context(), []etcd.Write{{Name: backup.Name, Value: backup.Value}}); err != nil {
					t.Fatal(err)
				}
			}
			if !isAway {
				restore()
			}
			again := join(t, e, "a", place)
			if isAway {
				restore()
			}
			same(t, keys, again)
			eventually(t, func() string {
				if got, err := vault(t, e).Read(t.Context()); err != nil || marks(got) != marks(keys) || marks(got) == marks(old) {
					return fmt.Sprint("etcd does not have them ", err)
				}
				return ""
			})
			same(t, keys, again)
		})
	}
}

// A key that was retired while a node was gone does not come back with its copy.
func TestACopyDoesNotBringBackWhatWasRetired(t *testing.T) {
	e, place := server.StartEtcd(t), file(t)
	a := join(t, e, "a", place)
	a.Close()
	<-time.After(time.Until(a.Ring.Load().ByID(0).Created.Add(time.Second))) // whole seconds count
	v := vault(t, e)
	if _, err := v.Rotate(t.Context(), keyring.Dialog, 0, nil); err != nil {
		t.Fatal(err)
	}
	if ids, err := v.Retire(t.Context(), 0, time.Now().Add(time.Minute)); err != nil || !slices.Equal(ids, []uint8{0}) {
		t.Fatal(ids, err)
	}
	again := join(t, e, "a", place)
	keys, err := v.Read(t.Context())
	if err != nil || keys.ByID(0) != nil {
		t.Fatal(err)
	}
	same(t, keys, again)
}

func TestWhoHasEtcdHasNoKeys(t *testing.T) {
	e := server.StartEtcd(t)
	place := file(t)
	a := join(t, e, "a", place)
	direct := dial(t, e)
	all, _, err := direct.List(t.Context(), "keys/")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(place)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		for line := range bytes.Lines(text) {
			if _, secret, ok := bytes.Cut(line, []byte("secret: ")); ok && bytes.Contains(e.Value, bytes.Trim(secret, "\"\n")) {
				t.Errorf("%s tells a secret", e.Name)
			}
		}
	}
	other, err := keyring.OpenVault(direct, secretFile(t, strings.Repeat("x", 32)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Join(keyring.MemberConfig{Vault: other, Node: "b", File: file(t)}); !errors.Is(err, keyring.ErrOtherSecret) {
		t.Error(err)
	}
	// What somebody else writes there is not used.
	was, i := all, slices.IndexFunc(all, func(e etcd.Entry) bool { return e.Name == "keys/ring" })
	for _, bad := range [][]byte{{1}, append(bytes.Clone(was[i].Value[:len(was[i].Value)-1]), 0xa5)} {
		now, err := direct.Read(t.Context(), "keys/ring")
		if err != nil {
			t.Fatal(err)
		}
		if o, _, err := direct.Commit(t.Context(), []etcd.Write{{Name: now.Name, Seen: now.Revision, Value: bad}}); err != nil || !o[0].Done {
			t.Fatal(o, err)
		}
	}
	keys := marks(a.Ring.Load())
	now, err := direct.Read(t.Context(), "keys/ring")
	if err != nil {
		t.Fatal(err)
	}
	if o, _, err := direct.Commit(t.Context(), []etcd.Write{{Name: now.Name, Seen: now.Revision, Value: was[i].Value}}); err != nil || !o[0].Done {
		t.Fatal(o, err)
	}
	if _, err := vault(t, e).Rotate(t.Context(), keyring.Dialog, 0, []string{"a"}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(marks(a.Ring.Load()), keys) {
		t.Error("the keys are others")
	}
}

func TestASecretThatIsNoneIsRefused(t *testing.T) {
	short := secretFile(t, "short")
	if _, err := keyring.OpenVault(nil, short); err == nil || !strings.Contains(err.Error(), "too short") {
		t.Error(err)
	}
	open := secretFile(t, secret)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.OpenVault(nil, open); !errors.Is(err, keyring.ErrOpenToOthers) {
		t.Error(err)
	}
	if _, err := keyring.OpenVault(nil, open+".absent"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
