package sipwire

import "testing"

func TestAnAddressOfRecordHasOneSpelling(t *testing.T) {
	for in, want := range map[string]string{
		"sip:alice@example.com":                         "sip:alice@example.com",
		"SIP:alice@EXAMPLE.Com":                         "sip:alice@example.com",
		"sips:alice@example.com":                        "sip:alice@example.com",
		"sip:alice@example.com:5080;transport=tcp?a=b":  "sip:alice@example.com",
		"sip:Alice@example.com":                         "sip:Alice@example.com",
		"sip:alice:secret@example.com":                  "sip:alice@example.com",
		"sip:%61l%69ce@example.com":                     "sip:alice@example.com",
		"sip:%2B4930@example.com":                       "sip:+4930@example.com",
		"sip:%2b4930@example.com":                       "sip:+4930@example.com",
		"sip:j%c3%a4son@example.com":                    "sip:j%C3%A4son@example.com",
		"sip:j%C3%a4son@example.com":                    "sip:j%C3%A4son@example.com",
		"sip:a%40b@example.com":                         "sip:a%40b@example.com",
		"sip:a%3Ab@example.com":                         "sip:a%3Ab@example.com",
		"sip:a%3ab@example.com":                         "sip:a%3Ab@example.com",
		"sip:a%25b@example.com":                         "sip:a%25b@example.com",
		"sip:a%00b@example.com":                         "sip:a%00b@example.com",
		"sip:%3calice%3E@example.com":                   "sip:%3Calice%3E@example.com",
		"sip:alice;day=tuesday@example.com;user=phone":  "sip:alice;day=tuesday@example.com",
		"sip:alice@[2001:DB8::1]:5060":                  "sip:alice@[2001:db8::1]",
		"sip:alice@192.0.2.1":                           "sip:alice@192.0.2.1",
		"sip:alice%3bday=tuesday@example.com;lr;foo=a%": "sip:alice;day=tuesday@example.com",
	} {
		u, ok := ParseURI([]byte(in))
		if !ok {
			t.Errorf("%s is no URI", in)
			continue
		}
		if got := string(u.AppendAOR(nil)); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
		if v, ok := ParseURI([]byte(want)); !ok || string(v.AppendAOR(nil)) != want {
			t.Errorf("%s is not its own address of record", want)
		}
	}
}

// RFC 3261 §19.1.4, its own examples among them.
func TestContactsAreComparedAsURIs(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
		{"sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true},
		{"sip:alice@atlanta.com;newparam=5", "sip:alice@atlanta.com;newparam=6", false},
		{"sip:bob@10.0.0.1;a=1;transport=udp", "sip:bob@10.0.0.1;transport=udp;a=1", true},
		{"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
		{"sip:bob@biloxi.com", "sips:bob@biloxi.com", false},
		{"sip:bob@biloxi.com", "sip:biloxi.com", false},
		{"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
		{"sip:bob@10.0.0.1", "sip:bob@10.0.0.1;maddr=10.0.0.2", false},
		{"sip:bob@10.0.0.1;user=phone", "sip:bob@10.0.0.1", false},
		{"sip:bob:x@10.0.0.1", "sip:bob@10.0.0.1", false},
		{"sip:%2B49@10.0.0.1", "sip:+49@10.0.0.1", true},
		{"sip:a%40b@10.0.0.1", "sip:a%40B@10.0.0.1", false},
		{"tel:+49", "tel:+49", true},
		{"tel:+49", "tel:+50", false},
	} {
		if SameURI([]byte(c.a), []byte(c.b)) != c.same || SameURI([]byte(c.b), []byte(c.a)) != c.same {
			t.Errorf("%s and %s: not %v", c.a, c.b, c.same)
		}
	}
}
