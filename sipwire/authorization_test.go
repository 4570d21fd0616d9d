package sipwire

import (
	"slices"
	"strings"
	"testing"
)

const twoRealms = "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n" +
	"AUTHORIZATION: Digest realm=\"a, b\",\r\n nonce=\"1\"\r\nFrom: <sip:a>;tag=1\r\nProxy-Authorization: Digest realm=\"c\"\r\n" +
	"To: <sip:b>\r\nauthorization :  Basic eDp5 \r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nAuthorization:\r\nProxy-Require:\r\n\r\n"

func credentialsOf(m *Message, id HeaderID) (values []string) {
	for c, ok := m.FirstCredentials(id); ok; c, ok = m.NextCredentials(c) {
		values = append(values, string(m.Bytes(c.Value)))
	}
	return values
}

func TestCredentialsAreOneValueAField(t *testing.T) {
	m := new(Message)
	if fault := m.Parse([]byte(twoRealms)); fault != None {
		t.Fatal(fault)
	}
	if got := credentialsOf(m, Authorization); !slices.Equal(got, []string{"Digest realm=\"a, b\",\r\n nonce=\"1\"", "Basic eDp5", ""}) {
		t.Errorf("Authorization: %q", got)
	}
	if got := credentialsOf(m, ProxyAuthorization); !slices.Equal(got, []string{`Digest realm="c"`}) {
		t.Errorf("Proxy-Authorization: %q", got)
	}
	m.Parse(rawBye)
	if got := credentialsOf(m, Authorization); got != nil {
		t.Errorf("of a message without any: %q", got)
	}
}

func TestTakenCredentialsLeaveTheRestAsItCame(t *testing.T) {
	m := new(Message)
	m.Parse([]byte(twoRealms))
	c, _ := m.FirstCredentials(Authorization)
	m.TakeCredentials(c)
	want := strings.Replace(twoRealms, "AUTHORIZATION: Digest realm=\"a, b\",\r\n nonce=\"1\"\r\n", "", 1)
	if got := string(m.AppendTo(nil)); got != want {
		t.Errorf("left as\n%s", got)
	}
}

func TestReadingCredentialsAllocatesNothing(t *testing.T) {
	m, out, raw := new(Message), make([]byte, 0, 4096), []byte(twoRealms)
	if n := testing.AllocsPerRun(100, func() {
		m.Parse(raw)
		for c, ok := m.FirstCredentials(Authorization); ok; c, ok = m.NextCredentials(c) {
			m.TakeCredentials(c)
		}
		out = m.AppendTo(out[:0])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
