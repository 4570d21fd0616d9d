package sipwire

import (
	"bytes"
	"testing"
)

// permutations calls yield with every order of the steps.
func permutations(steps []step, yield func([]step)) {
	var turn func(int)
	turn = func(k int) {
		if k == len(steps) {
			yield(steps)
		}
		for i := k; i < len(steps); i++ {
			steps[k], steps[i] = steps[i], steps[k]
			turn(k + 1)
			steps[k], steps[i] = steps[i], steps[k]
		}
	}
	turn(0)
}

func TestEditsInAnyOrderGiveTheSame(t *testing.T) {
	for name, steps := range map[string][]step{
		"invite":                    append(forwarded(caller), setURI("sip:b@example.net")),
		"folded":                    forwarded(caller),
		"to-strict-router":          {stampVia(caller), toStrict, decrement, pushVia, recordRoute},
		"blanks":                    forwarded(caller),
		"record-routes-there":       forwarded(caller),
		"routes-in-the-middle":      {take(0, 2), take(3), take(4, 6), decrement, pushVia},
		"contacts-without-brackets": forwarded(caller),
		"no-max-forwards":           forwarded(caller),
		"response-vias-in-one-line": {popVia, sealContacts, decrement},
		"response-without-reason":   {popVia, pushVia, recordRoute},
		"ok":                        {popVia, pushVia, recordRoute, sealContacts},
	} {
		raw := goldenFile(t, name+".in.sip")
		var first []byte
		m := new(Message)
		permutations(steps, func(steps []step) {
			m.Parse(raw)
			got := apply(m, steps).AppendTo(nil)
			if first == nil {
				first = got
			}
			if !bytes.Equal(first, got) {
				t.Fatalf("%s: one order gives\n%s\nanother\n%s", name, first, got)
			}
		})
	}
}

func TestInsertionsAtOnePlaceKeepTheirOrder(t *testing.T) {
	m := new(Message)
	m.Parse(rawBye)
	for _, s := range []string{"One: 1\r\n", "Two: 2\r\n", "Three: 3\r\n"} {
		m.Insert(Route, append(m.Text(), s...))
	}
	routes, _ := m.Routes()
	for i := range routes {
		m.TakeRoute(i) // the place itself goes away
	}
	m.Insert(Route, append(m.Text(), "Four: 4\r\n"...))
	want := "Max-Forwards: 70\r\nOne: 1\r\nTwo: 2\r\nThree: 3\r\nFour: 4\r\nTo: "
	if got := m.AppendTo(nil); !bytes.Contains(got, []byte(want)) {
		t.Errorf("no %q in\n%s", want, got)
	}
}

// TestNothingStaysOfTheMessageBefore parses all messages with one Message and with fresh ones, and each of them twice:
// a retransmission leaves as the first one did.
func TestNothingStaysOfTheMessageBefore(t *testing.T) {
	worn := new(Message)
	many := append([]byte("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n"), bytes.Repeat([]byte("a:b\r\n"), 300)...)
	for _, before := range [][]byte{rawInvite, many, []byte("garbage\r\n\r\n"), nil} {
		for _, g := range goldens {
			worn.Parse(before)
			exercise(worn)
			raw := goldenFile(t, g.name+".in.sip")
			fresh := new(Message)
			fresh.Parse(raw)
			want := g.leaves(fresh)
			for range 2 {
				if fault := worn.Parse(raw); fault != g.fault {
					t.Errorf("%s: fault %q", g.name, fault)
				}
				if worn.Size() != len(raw) {
					t.Errorf("%s: edits of the message before are left", g.name)
				}
				if got := g.leaves(worn); !bytes.Equal(got, want) {
					t.Errorf("%s left as\n%s\nnot as\n%s", g.name, got, want)
				}
			}
		}
	}
}

func TestAppendedTwiceIsTheSame(t *testing.T) {
	for _, g := range goldens {
		if g.status != 0 {
			continue
		}
		m := new(Message)
		m.Parse(goldenFile(t, g.name+".in.sip"))
		once := g.leaves(m)
		if twice := m.AppendTo(nil); !bytes.Equal(once, twice) {
			t.Errorf("%s left as\n%s\nand then as\n%s", g.name, once, twice)
		}
		if len(once) > m.Size() {
			t.Errorf("%s: %d bytes, and Size says %d", g.name, len(once), m.Size())
		}
	}
}
