package location

import (
	"slices"
	"testing"
	"time"
)

// at is a writing of a contact by a Call-ID with that CSeq, some seconds after the first.
func at(contact, callID string, cseq uint32, second int) Binding {
	return Binding{Contact: contact, CallID: callID, CSeq: cseq, Updated: time.Unix(int64(1e9+second), 0)}
}

// RFC 3261 §10.3 step 7: of what etcd has and what was accepted while it was away, the one that came later stays.
func TestWhoCameLaterStays(t *testing.T) {
	const here, there = "sip:a@10.0.0.1", "sip:a@10.0.0.2"
	for _, c := range []struct {
		name          string
		etcd, written []Binding
		removed, want []Binding
	}{
		{"nothing is there", nil, []Binding{at(here, "x", 1, 0)}, nil, []Binding{at(here, "x", 1, 0)}},
		{"a higher CSeq, later", []Binding{at(here, "x", 1, 0)}, []Binding{at(here, "x", 2, 5)}, nil, []Binding{at(here, "x", 2, 5)}},
		{"a higher CSeq, by a clock behind", []Binding{at(here, "x", 1, 5)}, []Binding{at(here, "x", 2, 0)}, nil, []Binding{at(here, "x", 2, 0)}},
		{"a lower CSeq, later", []Binding{at(here, "x", 3, 0)}, []Binding{at(here, "x", 2, 5)}, nil, []Binding{at(here, "x", 3, 0)}},
		{"the same REGISTER, later", []Binding{at(here, "x", 2, 0)}, []Binding{at(here, "x", 2, 5)}, nil, []Binding{at(here, "x", 2, 0)}},
		{"the same REGISTER, earlier", []Binding{at(here, "x", 2, 5)}, []Binding{at(here, "x", 2, 0)}, nil, []Binding{at(here, "x", 2, 5)}},
		{"another Call-ID, later, a lower CSeq", []Binding{at(here, "x", 9, 0)}, []Binding{at(here, "y", 1, 5)}, nil, []Binding{at(here, "y", 1, 5)}},
		{"another Call-ID, earlier, a higher CSeq", []Binding{at(here, "x", 1, 5)}, []Binding{at(here, "y", 9, 0)}, nil, []Binding{at(here, "x", 1, 5)}},
		{"another Call-ID, at the same time", []Binding{at(here, "x", 1, 5)}, []Binding{at(here, "y", 9, 5)}, nil, []Binding{at(here, "x", 1, 5)}},
		{"another contact", []Binding{at(here, "x", 1, 0)}, []Binding{at(there, "x", 2, 5)}, nil, []Binding{at(here, "x", 1, 0), at(there, "x", 2, 5)}},
		{"the contact written otherwise", []Binding{at("sip:a@HOST.example", "x", 1, 0)}, []Binding{at("sip:a@host.example", "x", 2, 5)}, nil, []Binding{at("sip:a@host.example", "x", 2, 5)}},
		{"removed", []Binding{at(here, "x", 1, 0), at(there, "x", 1, 0)}, nil, []Binding{at(here, "x", 1, 5)}, []Binding{at(there, "x", 1, 0)}},
		{"removed, and accepted once more by another node", []Binding{at(here, "x", 1, 6)}, nil, []Binding{at(here, "x", 1, 5)}, nil},
		{"removed, and refreshed after that", []Binding{at(here, "x", 3, 6)}, nil, []Binding{at(here, "x", 1, 5)}, []Binding{at(here, "x", 3, 6)}},
		{"removed after it was refreshed elsewhere", []Binding{at(here, "x", 3, 4)}, nil, []Binding{at(here, "x", 1, 5)}, nil},
		{"removed, and another Call-ID at the same time", []Binding{at(here, "y", 1, 5)}, nil, []Binding{at(here, "x", 1, 5)}, []Binding{at(here, "y", 1, 5)}},
	} {
		d := &debt{written: c.written, removed: c.removed}
		equal := func(a, b Binding) bool {
			return a.Contact == b.Contact && a.CallID == b.CallID && a.CSeq == b.CSeq && a.Updated.Equal(b.Updated)
		}
		got := d.merge(c.etcd)
		if !slices.EqualFunc(got, c.want, equal) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if again := d.merge(got); !slices.EqualFunc(again, got, equal) {
			t.Errorf("%s: paid again it is %v", c.name, again)
		}
	}
}
