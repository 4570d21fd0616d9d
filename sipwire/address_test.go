package sipwire

import (
	"strings"
	"testing"
)

func TestTags(t *testing.T) {
	for to, want := range map[string]string{
		`<sip:a@b>`:                              "",
		`<sip:a@b>;tag=x`:                        "x",
		`<sip:a@b> ; y ; TAG = x ; tag=z`:        "x",
		`<sip:a@b;tag=no>`:                       "",
		`"x" <sip:a@b>;tag="a;b"`:                `"a;b"`,
		`"x;tag=no" <sip:a@b>;y=";tag=no";tag=x`: "x",
		`"\";tag=no\\" <sip:a@b>;tag=x`:          "x",
		`"<sip:no@no>;tag=no" <sip:a@b>;tag=x`:   "x",
		`"a > b" <sip:a@b>;y=">";tag=x`:          "x",
		`sip:a@b`:                                "",
		`sip:a@b;tag=x`:                          "x",
		`sip:a@b?y=z;tag=x`:                      "x",
		`sip:a@b ;y;tag=x`:                       "x",
		"<sip:a@b>\r\n ;tag\r\n =\r\n x":         "x",
		`<sip:a@b>;tag`:                          "",
		`<sip:a@b>;tag=`:                         "",
		`<sip:a@b>;tags=no;tag=x`:                "x",
		`Bob <tel:+1>;tag=x`:                     "x",
		`<sip:a@b>;y = ";tag=no" ;tag=x`:         "x",
		`<sip:a@b>;y="never ends;tag=no`:         "",
		`"\"\"\"," <sip:a@b>;tag=x`:              "x",
	} {
		m := new(Message)
		if fault := m.Parse([]byte(strings.Replace(string(withVia("SIP/2.0/UDP a")), "To: <sip:a@b>", "To: "+to, 1))); fault != None {
			t.Errorf("%s: %q", to, fault)
		}
		if got := string(m.ToTag()); got != want {
			t.Errorf("%s: tag %q, not %q", to, got, want)
		}
	}
}

func TestContactsAreWalkedInOrder(t *testing.T) {
	for contacts, want := range map[string]string{
		"":                             "",
		"Contact:\n":                   "",
		"Contact: , ,\n":               "",
		"m: *\n":                       "*",
		"Contact: sip:a\nm: <sip:b>\n": "sip:a sip:b",
		"Contact: sip:a;q=1, <sip:b;c?d,e>;f , \"x, <sip:no>\" <sip:g>\nX: y\nCONTACT : sip:h\n": "sip:a sip:b;c?d,e sip:g sip:h",
		"Contact: \"a\\\", <sip:no>,\" <sip:b>,<sip:c>;x=\",\",sip:d\n":                          "sip:b sip:c sip:d",
		"Contact: <sip:a>, \"never ends, <sip:b>\nContact: <sip:c>\n":                            "sip:a ? sip:c",
		"Contact: <sip:a, <sip:b>\nContact: <sip:c>\n":                                           "sip:a, <sip:b sip:c",
		"Contact: <sip:\">, <sip:a>\n":                                                           "sip:\" sip:a",
		"Contact: <sip:a\n":                                                                      "?",
		"Contact: <>, sip:b c, x>\n":                                                             "? ? ?",
	} {
		m := new(Message)
		m.Parse(with(t, "Max-Forwards: 70\n", contacts))
		got := ""
		for c, ok := m.FirstContact(); ok; c, ok = m.NextContact(c) {
			switch {
			case c.Star:
				got += " *"
			case c.URI.Empty():
				got += " ?"
			default:
				got += " " + string(m.Bytes(c.URI))
			}
		}
		if got = strings.TrimPrefix(got, " "); got != want {
			t.Errorf("%q: %s, not %s", contacts, got, want)
		}
	}
}

func TestOnlyLettersHaveTwoCases(t *testing.T) {
	for a, b := range map[string]string{"branch": "BrAnCh", "+sip.Instance": "+SIP.instance"} {
		if !EqualFold([]byte(a), b) || !EqualFold([]byte(b), a) {
			t.Errorf("%s and %s differ", a, b)
		}
	}
	for a, b := range map[string]string{"a": "ab", "@": "`", "[": "{", "\r": "-", "\x00": " "} {
		if EqualFold([]byte(a), b) || EqualFold([]byte(b), a) {
			t.Errorf("%q and %q are the same", a, b)
		}
	}
}
