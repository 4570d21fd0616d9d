package keyring

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestOldKeysOpenAfterARotation(t *testing.T) {
	path := fresh(t)
	before := read(t, path).Newest(Dialog)
	sealed := sum(before, Token, "alice")

	id := rotate(t, path, Dialog, 0, noon)
	s := read(t, path)
	if s.Newest(Dialog).ID != id || id == before.ID {
		t.Fatalf("sealing with %v after key %d was made", s.Newest(Dialog), id)
	}
	if sum(s.ByID(before.ID), Token, "alice") != sealed {
		t.Fatal("what the old key sealed does not open")
	}
	if s.Newest(Register).ID != 1 {
		t.Fatalf("a rotation of dialog keys changed the register key to %v", s.Newest(Register))
	}
}

func TestAKeyOpensBeforeItSeals(t *testing.T) {
	path := fresh(t)
	now := noon.Add(300 * time.Millisecond)
	id := rotate(t, path, Dialog, time.Minute, now)
	s := read(t, path).At(now)
	if s.ByID(id) == nil || s.Newest(Dialog).ID != 0 {
		t.Fatalf("before its time: ByID %v, Newest %v", s.ByID(id), s.Newest(Dialog))
	}
	at, ok := s.NextUse()
	if !ok || at.Before(now.Add(time.Minute)) || at.After(now.Add(time.Minute+time.Second)) {
		t.Fatalf("the next key is used from %v on, %v", at, ok)
	}
	if got := s.At(at.Add(-1)).Newest(Dialog).ID; got != 0 {
		t.Fatalf("a moment too early key %d seals", got)
	}
	after := s.At(at)
	if after.Newest(Dialog).ID != id {
		t.Fatalf("in its time %v seals", after.Newest(Dialog))
	}
	if _, ok := after.NextUse(); ok {
		t.Fatal("no key waits any more")
	}
	if after.ByID(id) != s.ByID(id) {
		t.Fatal("At made another *Key of the same key")
	}
	if _, err := Rotate(path, Dialog, -time.Second, noon); err == nil {
		t.Fatal("a key that was used before it was made")
	}
}

func TestOfTwoThatWaitTheNextIsTold(t *testing.T) {
	path := fresh(t)
	rotate(t, path, Dialog, 3*time.Hour, noon)
	rotate(t, path, Register, time.Hour, noon)
	s := read(t, path).At(noon)
	for _, want := range []time.Duration{time.Hour, 3 * time.Hour} {
		at, ok := s.NextUse()
		if !ok || !at.Equal(noon.Add(want)) {
			t.Fatalf("%v %v, want noon+%v", at, ok, want)
		}
		s = s.At(at)
	}
	if s.Newest(Dialog).ID != 2 || s.Newest(Register).ID != 3 {
		t.Fatal(s.Newest(Dialog), s.Newest(Register))
	}
}

// The file may come from a machine whose clock is ahead of ours.
func TestKeysFromTheFutureAreUsedForWantOfOthers(t *testing.T) {
	path := fresh(t)
	rotate(t, path, Dialog, time.Hour, noon)
	s := read(t, path).At(noon.Add(-time.Minute))
	if s.Newest(Dialog).ID != 0 || s.Newest(Register).ID != 1 {
		t.Fatal(s.Newest(Dialog), s.Newest(Register))
	}
}

func TestAllIDsTakenIsRefused(t *testing.T) {
	path := fresh(t)
	seen := map[uint8]bool{0: true, 1: true}
	for i := range maxKeys - 2 {
		id := rotate(t, path, Purpose(i%2), 0, noon.Add(time.Duration(i)*time.Minute))
		if id >= maxKeys || seen[id] {
			t.Fatalf("id %d is given twice", id)
		}
		seen[id] = true
	}
	_, err := Rotate(path, Dialog, 0, noon.Add(time.Hour))
	if err == nil || !strings.Contains(err.Error(), "all 32 key ids of "+path+" are taken; retire keys") {
		t.Fatal(err)
	}
	if n := len(read(t, path).All()); n != maxKeys {
		t.Fatalf("the refused rotation left %d keys", n)
	}
	if _, err := Retire(path, 10*time.Minute, noon.Add(25*time.Minute)); err != nil {
		t.Fatal(err)
	}
	for want := range uint8(3) { // 31 was the last; the round begins anew
		if id := rotate(t, path, Dialog, 0, noon.Add(time.Hour)); id != want {
			t.Fatalf("id %d, want %d", id, want)
		}
	}
}

func TestByIDOfWhatIsGone(t *testing.T) {
	s := read(t, fresh(t))
	for _, id := range []uint8{2, 31, 32, 255} {
		if s.ByID(id) != nil {
			t.Errorf("there is a key %d", id)
		}
	}
}

func block(k *Key) string {
	var b [16]byte
	k.Block().Encrypt(b[:], b[:])
	return string(b[:])
}

func TestEachClusterKeyAndUseHasKeysOfItsOwn(t *testing.T) {
	seen := map[string]string{}
	add := func(what, value string) {
		if was, ok := seen[value]; ok {
			t.Errorf("%s is the same as %s", what, was)
		}
		seen[value] = what
	}
	for _, cluster := range []string{"lab", "lab2"} {
		for id := range uint8(3) {
			k := &Key{ID: id, secret: bytes.Repeat([]byte{7}, secretLen)} // one secret for all
			if err := k.derive(cluster); err != nil {
				t.Fatal(err)
			}
			for u := range Use(uses) {
				add(fmt.Sprint(cluster, k, u), sum(k, u, "x"))
				add(fmt.Sprint(cluster, k, u, " as a key"), string(k.macs[u][:]))
			}
			add(fmt.Sprint(cluster, k, " block"), block(k))
		}
	}
}

// A change of the derivation voids every token in the world: it must not happen by accident.
func TestTheDerivationStaysAsItIs(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, secretLen)
	k := &Key{ID: 5, secret: secret}
	if err := k.derive("lab"); err != nil {
		t.Fatal(err)
	}
	km, err := hkdf.Key(sha256.New, secret, nil, "actorsip 1 cluster lab key 5 mac branch", 32)
	if err != nil {
		t.Fatal(err)
	}
	m := hmac.New(sha256.New, km)
	m.Write([]byte("message"))
	if got := sum(k, Branch, "message"); got != string(m.Sum(nil)) {
		t.Errorf("%x", got)
	}
	if got := fmt.Sprintf("%x", block(k)); got != "b92ed2684127d5473f41a2a71a3e06d6" {
		t.Errorf("the block of zeros becomes %s", got)
	}
}

func TestAMACIsTheSameEachTime(t *testing.T) {
	k := read(t, fresh(t)).Newest(Dialog)
	for _, n := range []int{0, 1, 55, 64, 65, 200, 5000} {
		msg := bytes.Repeat([]byte{'m'}, n)
		want := hmac.New(sha256.New, k.macs[Token][:])
		want.Write(msg)
		got := k.NewMAC(Token)
		for range 3 {
			got.Reset()
			got.Write(msg)
			if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
				t.Fatalf("%d bytes", n)
			}
		}
	}
}

func TestAMACAllocatesNothing(t *testing.T) {
	m, msg, out := read(t, fresh(t)).Newest(Dialog).NewMAC(Branch), make([]byte, 200), make([]byte, 0, 32)
	if n := testing.AllocsPerRun(100, func() { m.Reset(); m.Write(msg); m.Sum(out) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func TestTheRingIsReadWhileItIsReplaced(t *testing.T) {
	path := fresh(t)
	r := NewRing(read(t, path))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 {
			r.Replace(r.Load().At(noon))
		}
	}()
	for {
		if k := r.Load().Newest(Register); k.ID != 1 {
			t.Error(k)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

func benchmarkMAC(b *testing.B, n int) {
	k := &Key{secret: make([]byte, secretLen)}
	if err := k.derive("lab"); err != nil {
		b.Fatal(err)
	}
	m, msg, out := k.NewMAC(Token), make([]byte, n), make([]byte, 0, 32)
	b.ReportAllocs()
	for b.Loop() {
		m.Reset()
		m.Write(msg)
		m.Sum(out)
	}
}

func BenchmarkMAC64(b *testing.B)  { benchmarkMAC(b, 64) }
func BenchmarkMAC200(b *testing.B) { benchmarkMAC(b, 200) }

func BenchmarkNewest(b *testing.B) {
	k := &Key{secret: make([]byte, secretLen)}
	r := NewRing(newKeys("lab", []*Key{k}, noon))
	for b.Loop() {
		if r.Load().Newest(Dialog) != k {
			b.Fatal()
		}
	}
}
