package sipwire

import (
	"bytes"
	"strings"
	"testing"
)

func named(m *Message, name string) (all []string) {
	n, ok := ParseName(name)
	if !ok {
		return nil
	}
	for v, at := m.NextNamed(n, 0); at > 0; v, at = m.NextNamed(n, at) {
		all = append(all, string(m.Bytes(v)))
	}
	return all
}

func TestAHeaderIsFoundByEachOfItsNames(t *testing.T) {
	m := new(Message)
	if f := m.Parse([]byte("OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nf: \"A\" <sip:al%69ce:pw@a;x>;tag=1\r\nTO : sip:b;tag=2\r\n" +
		"i: 1\r\nCSeq: 1 OPTIONS\r\nuser-AGENT: one\r\n two \r\nUser-Agent-X: no\r\ns: short\r\nSubject:long\r\nUser-Agent:\r\nx-s: no\r\nk: path\r\n" +
		"Supported: gruu\r\nContent-Length: 0\r\n\r\n")); f != None {
		t.Fatal(f)
	}
	for name, want := range map[string]string{
		"User-Agent": "one\r\n two|", "SUBJECT": "short|long", "S": "short|long", "From": "\"A\" <sip:al%69ce:pw@a;x>;tag=1",
		"t": "sip:b;tag=2", "Supported": "path|gruu", "k": "path|gruu", "l": "0", "User": "", "x": "", "X-S": "no", "Agent": "", "user-agent:": "", "": "",
	} {
		if got := strings.Join(named(m, name), "|"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if string(m.FromURI()) != "sip:al%69ce:pw@a;x" || string(m.ToURI()) != "sip:b" {
		t.Errorf("From %q, To %q", m.FromURI(), m.ToURI())
	}
	if n := new(Message); n.FromURI() != nil || named(n, "From") != nil {
		t.Error("no message has a From")
	}
	if n := testing.AllocsPerRun(100, func() { m.NextNamed(Name{long: "user-agent"}, 0); m.FromURI() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzNamed holds the walk against one that cuts the lines itself.
func FuzzNamed(f *testing.F) {
	for _, g := range goldens {
		f.Add(goldenFile(f, g.name+".in.sip"), "Contact")
	}
	f.Add([]byte("OPTIONS sip:b SIP/2.0\r\ns: a\r\n b\r\nSubject : c\r\n\r\n"), "subject")
	f.Fuzz(func(t *testing.T, raw []byte, name string) {
		m := new(Message)
		fault := m.Parse(raw)
		m.FromURI()
		m.ToURI()
		got := named(m, name)
		n, ok := ParseName(name)
		if !ok || fault != None {
			return
		}
		var want []string
		for i := range m.fields {
			line := m.raw[m.fields[i].start:m.fields[i].end]
			key, value, _ := bytes.Cut(line, []byte(":"))
			if key := string(bytes.TrimRight(key, " \t")); strings.EqualFold(key, n.long) || n.compact != "" && strings.EqualFold(key, n.compact) {
				want = append(want, strings.Trim(string(value), " \t\r\n"))
			}
		}
		if strings.Join(got, "\x00") != strings.Join(want, "\x00") {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	})
}
