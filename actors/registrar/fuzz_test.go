package registrar

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

// memory is a store that does at once what it is asked for, and keeps each promise of location.Store.
type memory map[string][]location.Binding

func (m memory) Lookup(aor []byte, now time.Time, into []location.Binding) []location.Binding {
	for _, b := range m[string(aor)] {
		if now.Before(b.Expires) {
			into = append(into, b)
		}
	}
	return into
}

func (m memory) Update(aor string, now time.Time, change location.Change, done func(error)) error {
	after, err := change(m.Lookup([]byte(aor), now, nil))
	if err != nil {
		return err
	}
	m[aor] = slices.Clone(after)
	done(nil)
	return nil
}

func (memory) List(string, string, int, time.Time) []location.Registration { return nil }
func (memory) Close()                                                      {}

// FuzzRegister registers whatever, twice and once later. Nothing that is answered may break the answer, and what is kept holds the
// rules of RFC 3261 §10.3.
func FuzzRegister(f *testing.F) {
	const instance = `;+sip.instance="<urn:uuid:1>";reg-id=1`
	for _, text := range []string{
		register("1", contact(desk, "")), register("1", contact(desk, ";q=0.5;expires=60"), contact(cell, "")), register("2", "Contact: *", "Expires: 0"),
		register("1", "Contact: sip:alice@192.0.2.7;expires=0"), register("1", "Supported: path, outbound", contact(desk, instance)), register("7"),
		register("1", "Path: <sip:p1.example;lr;ob>", "Supported: path", contact(cell, ";expires=99999999999")), request("INVITE", alice),
		register("1", "To: <sips:%61li%63e:x@EXAMPLE.com:1;a=b>", `Contact: "x, y" <sip:a@b;transport=tcp>;x="a;b", <sip:%41@b>`),
		register("1", "m: <sip:a@192.0.2.7>;expires=60", "User-Agent: a\n b"), register("1", "Require: a,b,path", "Contact:\n <sip:a@b>"),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		store := memory{}
		h := build(t, func(c *Config) { c.Store = store })
		for _, later := range []time.Duration{0, 0, 100 * time.Second} {
			h.clock = h.clock.Add(later)
			p := h.pool.Take()
			p.In = append(p.In[:0], strings.ReplaceAll(text, "\n", "\r\n")...)
			if len(p.In) > 8192 || p.Parse(p.In) != sipwire.None || !p.IsRequest() {
				p.Free()
				return
			}
			p.Ingress, p.Source, p.Inbox = h.Legs.All[0], phone, h.inbox
			p.Via, _ = p.TopVia()
			p.Reply = message.Place{Addr: phone}
			if !h.Concerns(p) {
				p.Free()
				return
			}
			before := slices.Clone(store[alice])
			o := h.located(p)
			again := len(before) > 0 && later == 0
			for aor, bindings := range store {
				holds(t, h, aor, bindings)
			}
			if again && p.Is("REGISTER") && !slices.EqualFunc(before, store[alice], same) {
				t.Errorf("the second time changes %+v into %+v", before, store[alice])
			}
			if strings.HasPrefix(o.String(), "answer") {
				var m sipwire.Message
				p.Status = 200
				answer := p.AppendReply(nil, []byte("t"))
				if fault := m.Parse(answer); fault != sipwire.None {
					t.Errorf("%s in the answer\n%s", fault, answer)
				}
				if o.String() == message.Answer(message.Registered).String() {
					n := 0
					for c, ok := m.FirstContact(); ok; c, ok = m.NextContact(c) {
						if s, ok := m.ContactParam(c, "expires"); !ok || len(s) == 0 || s[0] == '0' || s[0] == '-' {
							t.Errorf("a contact expires in %q:\n%s", s, answer)
						}
						n++
					}
					u, _ := sipwire.ParseURI(p.ToURI())
					if want := len(store.Lookup(u.AppendAOR(nil), h.clock, nil)); n != want {
						t.Errorf("%d contacts of %d in the answer\n%s", n, want, answer)
					}
				}
			}
			p.Free()
		}
	})
}

func same(a, b location.Binding) bool {
	return a.Contact == b.Contact && a.Expires.Equal(b.Expires) && a.Q == b.Q && a.Updated.Equal(b.Updated) && a.CSeq == b.CSeq && a.CallID == b.CallID
}

// holds checks what is always true of the bindings of an address of record.
func holds(t *testing.T, h *house, aor string, bindings []location.Binding) {
	t.Helper()
	u, ok := sipwire.ParseURI([]byte(aor))
	if !ok || string(u.AppendAOR(nil)) != aor || !message.Covers(h.Rules[0].Domains, u.Host) {
		t.Errorf("%q is kept as an address of record", aor)
	}
	for i, b := range bindings {
		c, ok := sipwire.ParseURI([]byte(b.Contact))
		left := b.Expires.Sub(b.Updated)
		switch {
		case !ok || c.Scheme == sipwire.OtherScheme || len(c.Headers) > 0:
			t.Errorf("%q is kept as a contact", b.Contact)
		case left < h.Rules[0].Min || left > h.Rules[0].Max:
			t.Errorf("%+v lasts %v", b, left)
		case i > 0 && b.Q > bindings[i-1].Q || b.Q > most:
			t.Errorf("%+v stands behind %+v", b, bindings[max(i, 1)-1])
		case b.RegID != 0 && b.Instance == "":
			t.Errorf("%+v is a flow of nobody", b)
		case find(bindings[:i], &bindings[i]) >= 0:
			t.Errorf("%+v is there twice in %+v", b, bindings)
		}
	}
}
