package location

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"net/netip"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// formOneSet is a set as form 1 had it, with the binding below.
const formOneSet = "8080a2a9eae80180c0e285e368f40307016304c000020213c60f7369703a61403139322e302e322e3101630c3c75726e3a757569643a313e" +
	"076f7574736964650175010a3c7369703a703b6c723e"

func TestAFileOfTheFirstFormOpens(t *testing.T) {
	set, err := hex.DecodeString(formOneSet)
	if err != nil {
		t.Fatal(err)
	}
	want := Binding{
		Contact: "sip:a@192.0.2.1", CallID: "c", CSeq: 7, RegID: 1, Instance: "<urn:uuid:1>", Q: 500,
		Expires: time.UnixMilli(4_000_000_000_000), Updated: time.UnixMilli(1_800_000_000_000), Path: []string{"<sip:p;lr>"},
		Received: netip.MustParseAddrPort("192.0.2.2:5062"), Leg: "outside", Flow: 99, UserAgent: "u",
	}
	place := path(t)
	db, err := bolt.Open(place, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	good := append(binary.BigEndian.AppendUint32(nil, crc32.Checksum(set, castagnoli)), set...)
	if err := db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket(bucketOne)
		if err != nil {
			return err
		}
		_ = b.Put([]byte("sip:damaged@example.com"), good[1:])
		return b.Put([]byte(user(1)), good)
	}); err != nil {
		t.Fatal(err)
	}
	db.Close()
	for range 2 { // it is written anew by the first
		l, _, log := begin(t, Config{File: place})
		has(t, l, user(1), want)
		if x := l.Stats(); x.Bindings != 1 {
			t.Fatal(x, log)
		}
		l.Close()
	}
	l, _, log := begin(t, Config{File: place})
	if log.String() != "" {
		t.Error(log)
	}
	bind(t, l, user(1), with(want, func(b *Binding) { b.Node = "two" }))
	l.Close()
	l, _, _ = begin(t, Config{File: place})
	has(t, l, user(1), with(want, func(b *Binding) { b.Node = "two" }))
}
