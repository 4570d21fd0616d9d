package registrar

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	alice = "sip:alice@example.com"
	desk  = "sip:alice@192.0.2.7"
	cell  = "sip:alice@192.0.2.8"
)

// contact is a Contact line; expires is one of an answer.
func contact(uri, params string) string { return "Contact: <" + uri + ">" + params }
func expires(uri string, s int) string  { return contact(uri, fmt.Sprintf(";expires=%d", s)) }

// RFC 3261 §10.2.1.1, §10.3 step 7, §20.10.
func TestABindingLastsAsLongAsItMay(t *testing.T) {
	for _, c := range []struct {
		name, expires, param string
		want                 int
	}{
		{"by default", "", "", 200},
		{"by the header", "Expires: 100", "", 100},
		{"by the parameter", "", ";expires=90", 90},
		{"the parameter goes before the header", "Expires: 100", ";expires=90", 90},
		{"the least", "", ";expires=30", 30},
		{"more than the most", "", ";expires=3600", 300},
		{"more than there is", "", ";expires=99999999999999999999", 300},
		{"for ever", "Expires: 4294967295", "", 300},
		{"no number", "", ";expires=soon", 300},
		{"a negative number", "", ";expires=-5", 300},
		{"no number in the header", "Expires: soon", "", 300},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t)
			lines := []string{contact(desk, c.param)}
			if c.expires != "" {
				lines = append(lines, c.expires)
			}
			h.registers(came{}, register("1", lines...), "200", expires(desk, c.want))
			h.has(alice, desk)
			h.clock = h.clock.Add(time.Duration(c.want) * time.Second)
			h.has(alice)
		})
	}
}

func TestABriefRegistrationIsToldHowLong(t *testing.T) {
	h := build(t)
	for _, seconds := range []string{"1", "29"} {
		h.registers(came{}, register("1", contact(desk, ";expires="+seconds)), "423", "Min-Expires: 30")
	}
	h.registers(came{}, register("1", contact(cell, ""), contact(desk, ";expires=1")), "423", "Min-Expires: 30")
	h.has(alice)
	hours := build(t, func(c *Config) {
		for i := range c.Rules {
			c.Rules[i].Min, c.Rules[i].Max = 2*time.Hour, 4*time.Hour
		}
	})
	hours.registers(came{}, register("1", contact(desk, ";expires=3599")), "423", "Min-Expires: 7200")
	hours.registers(came{}, register("1", contact(desk, ";expires=3600")), "200", expires(desk, 3600)) // §10.3 step 7
}

// RFC 3261 §10.3 step 7: by Call-ID and CSeq.
func TestAnOlderRegisterChangesNothing(t *testing.T) {
	h := build(t)
	h.registers(came{}, register("5", contact(desk, ";q=0.5")), "200", contact(desk, ";q=0.500;expires=200"))
	h.registers(came{}, register("4", contact(desk, ";expires=100")), "500")
	h.registers(came{}, register("4", contact(desk, ";expires=0")), "500")
	h.registers(came{}, register("4", "Contact: *", "Expires: 0"), "500")
	h.registers(came{}, register("5", "Contact: *", "Expires: 0"), "500")
	h.registers(came{}, register("5", contact(desk, ";expires=0")), "500")
	h.registers(came{}, register("4", contact(cell, ""), contact(desk, "")), "500") // all of it or nothing
	h.has(alice, desk)
	h.registers(came{}, register("1", "Call-ID: c2", contact(desk, ";expires=60")), "200", expires(desk, 60)) // the phone was restarted
	h.registers(came{}, register("6", contact(desk, ";expires=70")), "200", expires(desk, 70))
}

func TestARegisterThatComesTwiceIsAnsweredTwiceAndDoneOnce(t *testing.T) {
	h := build(t)
	text := register("1", contact(desk, ""), contact(cell, ";q=0.3"))
	want := []string{expires(desk, 200), contact(cell, ";q=0.300;expires=200")}
	h.registers(came{}, text, "200", want...)
	before := h.has(alice, desk, cell)
	h.clock = h.clock.Add(900 * time.Millisecond)
	h.registers(came{}, text, "200", want...)
	for i, b := range h.has(alice, desk, cell) {
		if !b.Expires.Equal(before[i].Expires) || !b.Updated.Equal(before[i].Updated) {
			t.Errorf("the retransmission has changed %+v into %+v", before[i], b)
		}
	}
	h.clock = h.clock.Add(10 * time.Second)
	h.registers(came{}, text, "200", expires(desk, 190), contact(cell, ";q=0.300;expires=190"))

	gone := register("2", contact(desk, ";expires=0"))
	h.registers(came{}, gone, "200", contact(cell, ";q=0.300;expires=190"))
	h.registers(came{}, gone, "200", contact(cell, ";q=0.300;expires=190"))
	all := register("3", "Contact: *", "Expires: 0")
	h.registers(came{}, all, "200")
	h.registers(came{}, all, "200")
}

// RFC 3261 §10.2.2, §10.3 step 6.
func TestAStarStandsAloneAndRemovesAll(t *testing.T) {
	h := build(t)
	h.registers(came{}, register("1", contact(desk, "")), "200", expires(desk, 200))
	for name, lines := range map[string][]string{
		"without Expires":        {"Contact: *"},
		"with another Expires":   {"Contact: *", "Expires: 60"},
		"with an unreadable one": {"Contact: *", "Expires: now"},
		"with another contact":   {"Contact: *, <" + cell + ">", "Expires: 0"},
		"behind another contact": {"Contact: <" + cell + ">", "Contact: *", "Expires: 0"},
		"twice":                  {"Contact: *, *", "Expires: 0"},
	} {
		if status, _ := h.answered(came{}, register("2", lines...)); status != "400" {
			t.Errorf("%s: %s", name, status)
		}
	}
	h.has(alice, desk)
	h.registers(came{}, register("1", "To: <sip:bob@example.com>", contact(cell, "")), "200", expires(cell, 200))
	h.registers(came{}, register("2", "Contact: *", "Expires: 0"), "200")
	h.has(alice)
	h.has("sip:bob@example.com", cell)
}

func TestSeveralContactsComeAndGoTogether(t *testing.T) {
	h := build(t)
	h.registers(came{}, register("1", contact(desk, ";q=0.2"), contact(cell, "")), "200", expires(cell, 200), contact(desk, ";q=0.200;expires=200"))
	h.registers(came{}, register("2", contact(desk, ";expires=0"), contact("sip:x@192.0.2.9", "")), "200", expires("sip:x@192.0.2.9", 200), expires(cell, 200))
	h.registers(came{}, register("3"), "200", expires("sip:x@192.0.2.9", 200), expires(cell, 200))
	h.registers(came{}, register("4", contact("sip:1@192.0.2.9", ""), contact("sip:2@192.0.2.9", ""), contact("sip:3@192.0.2.9", "")), "403")
	h.has(alice, "sip:x@192.0.2.9", cell)
	h.registers(came{}, register("5", contact("sip:1@192.0.2.9", ""), contact("sip:2@192.0.2.9", "")), "200",
		expires("sip:1@192.0.2.9", 200), expires("sip:2@192.0.2.9", 200), expires("sip:x@192.0.2.9", 200), expires(cell, 200))
	h.registers(came{}, register("6", "Expires: 0", contact("sip:1@192.0.2.9", ""), contact("sip:2@192.0.2.9", "")), "200",
		expires("sip:x@192.0.2.9", 200), expires(cell, 200))
}

func TestOneURITwiceInARegisterIsOneBinding(t *testing.T) {
	h := build(t)
	h.registers(came{}, register("1", contact(desk, ""), contact("SIP:%61lice@192.0.2.7", "")), "200", expires(desk, 200))
	h.registers(came{}, register("2", contact(cell, ""), contact(cell, ";expires=0")), "200", expires(desk, 200))
}

// RFC 3261 §10.3 step 5, §19.1.4.
func TestOneUserHasOneAddressOfRecord(t *testing.T) {
	h := build(t)
	for i, to := range []string{"sip:alice@example.com", "SIP:%61lice@EXAMPLE.com:5080;user=phone", "sips:alice:secret@Example.Com"} {
		h.registers(came{}, register(fmt.Sprint(i+1), "To: <"+to+">;x=y", contact(desk, "")), "200", expires(desk, 200))
	}
	h.has(alice, desk)
	for _, uri := range []string{"sip:%61lice@eXample.com", "sip:alice@example.com:5070;transport=udp"} {
		h.goes(came{}, request("INVITE", uri), desk).Free()
	}
}

func TestOnlyOurDomainsAreRegistered(t *testing.T) {
	h := build(t)
	for to, status := range map[string]string{
		"sip:alice@example.com":       "200",
		"sip:alice@a.example.org":     "200",
		"sip:alice@b.a.example.org":   "200",
		"sip:alice@notexample.com":    "404",
		"sip:alice@a.example.com":     "404",
		"sip:alice@example.org":       "404",
		"sip:alice@notexample.org":    "404",
		"sip:alice@example.com.evil":  "404",
		"sip:alice@.example.org.evil": "404",
		"sip:example.com":             "404",
		"tel:+4930":                   "400",
	} {
		p := h.packet(came{}, register("1", "To: <"+to+">"))
		o := h.located(p)
		if got := o.String(); !strings.HasPrefix(got, "answer "+status) {
			t.Errorf("%s: %s, want %s", to, got, status)
		}
		p.Free()
	}
}

// RFC 3261 §10.2: whoever may, registers others. Where he is does not matter.
func TestAnotherMayRegisterForAlice(t *testing.T) {
	h := build(t)
	text := register("1", "From: <sip:admin@example.com>;tag=x", "Via: SIP/2.0/UDP 192.168.1.4;branch=z9hG4bKa;rport", contact("sip:gw@198.51.100.3", ""))
	h.registers(came{}, text, "200", expires("sip:gw@198.51.100.3", 200))
	if p := h.goes(came{}, request("INVITE", alice), "sip:gw@198.51.100.3"); p.To.IsValid() {
		t.Errorf("it goes to %v, who has registered for alice", p.To)
	}
}

func TestAContactThatCannotBeReadIsRefused(t *testing.T) {
	h := build(t)
	for _, c := range []string{
		"tel:+49", "mailto:a@b", "<sip:>", "<sip:a@b?Subject=x>", "<sip:a@b>;q=2", "<sip:a@b>;q=high", "<sip:a@b>;q=0.5x", "<sip:a@b>;q=-1",
		`<sip:a@b>;+sip.instance="<urn:\"x>"`, `<sip:a@b>;+sip.instance="<urn:x y>"`, "<sip:a@b", "sip:a b",
	} {
		if status, _ := h.answered(came{}, register("1", "Supported: outbound", "Contact: "+c)); status != "400" {
			t.Errorf("%s: %s", c, status)
		}
	}
	h.has(alice)
}

func TestWhatIsNotUnderstoodIsSaid(t *testing.T) {
	h := build(t)
	h.registers(came{}, register("1", "Require: path, gruu, outbound, x", contact(desk, "")), "420", "Unsupported: gruu, x")
	h.registers(came{}, register("1", "Require: path", contact(desk, "")), "200", expires(desk, 200))
}

func TestQIsReadInThousandths(t *testing.T) {
	for in, want := range map[string]int{
		"0": 0, "1": 1000, "0.5": 500, "0.123": 123, "1.000": 1000, "0.": 0, "1.": 1000, "0.9999": 999, "0.05": 50,
		"": -1, "2": -1, "1.1": -1, "1.001": -1, "-0": -1, "+1": -1, ".5": -1, "0,5": -1, "0x1": -1, "1e0": -1, "NaN": -1, "00": -1,
	} {
		q, ok := parseQ([]byte(in))
		if ok != (want >= 0) || ok && int(q) != want {
			t.Errorf("%q is %d %v, want %d", in, q, ok, want)
		}
		if ok && q < most {
			if again, ok := parseQ(appendQ(nil, q)[len(";q="):]); !ok || again != q {
				t.Errorf("%d is written %s", q, appendQ(nil, q))
			}
		}
	}
}

// RFC 3261 §10.3 step 8: the 200 has a Date, and what is left of each binding's time.
func TestTheAnswerSaysWhatIsLeft(t *testing.T) {
	h := build(t)
	h.registers(came{}, register("1", contact(desk, ";expires=60")), "200", expires(desk, 60))
	h.clock = h.clock.Add(59*time.Second + 999*time.Millisecond)
	h.registers(came{}, register("2"), "200", expires(desk, 1))
	p := h.packet(came{}, register("3"))
	h.located(p)
	if text := string(p.AppendReply(nil, nil)); !strings.Contains(text, "\r\nDate: "+h.clock.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")+"\r\n") {
		t.Errorf("no Date in\n%s", text)
	}
	p.Free()
	h.clock = h.clock.Add(time.Millisecond)
	h.registers(came{}, register("4"), "200")
}
