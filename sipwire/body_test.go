package sipwire

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const session = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n"

// withBody is an INVITE with those header lines and that body.
func withBody(headers, body string) []byte {
	return fmt.Appendf(nil, "INVITE sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\n"+
		"Call-ID: c\r\nCSeq: 1 INVITE\r\n%sContent-Length: %d\r\n\r\n%s", headers, len(body), body)
}

// parts joins lines with CRLF.
func parts(lines ...string) string { return strings.Join(lines, "\r\n") }

var bodies = []struct {
	name, headers, body string
	want                string // empty: no description
}{
	{"sdp", "Content-Type: application/sdp\r\n", session, session},
	{"any case, compact, parameters", "C :  Application / SDP ;charset=utf-8\r\n", session, session},
	{"folded type", "Content-Type: application/\r\n sdp\r\n ;a=b\r\n", session, session},
	{"identity", "Content-Type: application/sdp\r\nContent-Encoding: identity\r\n", session, session},
	{"empty body", "Content-Type: application/sdp\r\n", "", ""},
	{"no type", "", session, ""},
	{"another type", "Content-Type: text/plain\r\n", session, ""},
	{"longer type", "Content-Type: application/sdpfrag\r\n", session, ""},
	{"no slash", "Content-Type: sdp\r\n", session, ""},
	{"compressed", "Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n", session, ""},
	{"compressed, compact", "Content-Type: application/sdp\r\nE: deflate\r\n", session, ""},
	{"not the type's subtype", "Content-Type: multipart/mixed\r\n", session, ""},
	{
		"second part", "Content-Type: multipart/mixed; boundary=xyz\r\n",
		parts("preamble", "--xyz", "Content-Type: application/isup", "", "\x01\x02", "--xyz", "Content-Type: application/sdp", "", session+"", "--xyz--", "epilogue"),
		session,
	},
	{
		"quoted boundary with blanks behind", "Content-Type: MULTIPART/related ; type=a; Boundary=\"x; y,z\"\r\n",
		parts("--x; y,z \t", "content-type:application/SDP;x=y", "Content-Disposition: session", "", session, "--x; y,z--"),
		session,
	},
	{
		"line feeds alone", "Content-Type: multipart/mixed;boundary=b\r\n",
		"--b\nContent-Type: application/sdp\n\nv=0\nm=audio 1 RTP/AVP 0\n\n--b--\n",
		"v=0\nm=audio 1 RTP/AVP 0\n",
	},
	{
		"folded headers of a part", "Content-Type: multipart/mixed;boundary=b\r\n",
		parts("--b", "X: y", "\tz: application/sdp", "Content-Type:", " application/sdp", "", session, "--b--"),
		session,
	},
	{
		"the first of two", "Content-Type: multipart/alternative;boundary=b\r\n",
		parts("--b", "Content-Type: application/sdp", "", "v=0", "--b", "Content-Type: application/sdp", "", session, "--b--"),
		"v=0",
	},
	{
		"an empty part before it", "Content-Type: multipart/mixed;boundary=b\r\n",
		parts("--b", "Content-Type: application/sdp", "", "", "--b", "Content-Type: application/sdp", "", session, "--b--"),
		session,
	},
	{
		"no delimiter at the end", "Content-Type: multipart/mixed;boundary=b\r\n",
		parts("--b", "Content-Type: application/sdp", "", session),
		session,
	},
	{
		"a line that begins like a delimiter", "Content-Type: multipart/mixed;boundary=b\r\n",
		parts("--b", "Content-Type: application/sdp", "", "v=0", "--bb", "s=-", "--b--"),
		parts("v=0", "--bb", "s=-"),
	},
	{
		"nested", "Content-Type: multipart/mixed;boundary=out\r\n",
		parts("--out", "Content-Type: text/plain", "", "hello", "--out", "Content-Type: multipart/alternative;", " boundary=\"outer\"", "",
			"--outer", "Content-Type: application/sdp", "", session, "--outer--", "--out--"),
		session,
	},
	{
		"behind a nested one", "Content-Type: multipart/mixed;boundary=out\r\n",
		parts("--out", "Content-Type: multipart/mixed;boundary=in", "", "--in", "Content-Type: text/plain", "", "x", "--in--",
			"--out", "Content-Type: application/sdp", "", session, "--out--"),
		session,
	},
	{
		"nested too deep", "Content-Type: multipart/mixed;boundary=a\r\n",
		parts("--a", "Content-Type: multipart/mixed;boundary=b", "", "--b", "Content-Type: multipart/mixed;boundary=c", "",
			"--c", "Content-Type: application/sdp", "", session, "--c--", "--b--", "--a--"),
		"",
	},
	{
		"part without type", "Content-Type: multipart/mixed;boundary=b\r\n",
		parts("--b", "", session, "--b--"), "",
	},
	{
		"part without headers' end", "Content-Type: multipart/mixed;boundary=b\r\n",
		parts("--b", "Content-Type: application/sdp", "--b--"), "",
	},
	{
		"type behind a fold of nothing", "Content-Type: multipart/mixed;boundary=b\r\n",
		parts("--b", " Content-Type: application/sdp", "", session, "--b--"), "",
	},
	{
		"base64", "Content-Type: multipart/mixed;boundary=b\r\n",
		parts("--b", "Content-Type: application/sdp", "Content-Transfer-Encoding: base64", "", "dj0w", "--b--"), "",
	},
	{
		"compressed part", "Content-Type: multipart/mixed;boundary=b\r\n",
		parts("--b", "Content-Encoding: gzip", "Content-Type: application/sdp", "", session, "--b--"), "",
	},
	{
		"binary", "Content-Type: multipart/mixed;boundary=b\r\n",
		parts("--b", "Content-Transfer-Encoding: BINARY", "Content-Type: application/sdp", "", session, "--b--"), session,
	},
	{
		"behind the end", "Content-Type: multipart/mixed;boundary=b\r\n",
		parts("--b--", "--b", "Content-Type: application/sdp", "", session, "--b--"), "",
	},
	{"no boundary", "Content-Type: multipart/mixed\r\n", parts("--", "Content-Type: application/sdp", "", session), ""},
	{"empty boundary", "Content-Type: multipart/mixed;boundary=\"\"\r\n", parts("--", "Content-Type: application/sdp", "", session), ""},
	{"escaped boundary", "Content-Type: multipart/mixed;boundary=\"\\b\"\r\n", parts("--b", "Content-Type: application/sdp", "", session), ""},
}

func TestDescriptionIsFoundWhereItIs(t *testing.T) {
	m := new(Message)
	for _, b := range bodies {
		if fault := m.Parse(withBody(b.headers, b.body)); fault != None {
			t.Fatalf("%s: %q", b.name, fault)
		}
		at, ok := m.SDP()
		if ok != (b.want != "") || ok && string(m.Bytes(at)) != b.want {
			t.Errorf("%s: found %v %q", b.name, ok, m.Bytes(at))
		}
	}
}

// TestBodyIsReplacedAlone puts another text in the place of the description, and holds what leaves against what came: the
// rest of the body and all headers but the length are the same.
func TestBodyIsReplacedAlone(t *testing.T) {
	m := new(Message)
	for _, b := range bodies {
		raw := withBody(b.headers, b.body)
		m.Parse(raw)
		at, ok := m.SDP()
		if !ok {
			continue
		}
		for _, with := range []string{"", "v=1\r\n", strings.Repeat("a=x\r\n", 13000)} {
			m.Parse(raw)
			m.ReplaceBody(at, []byte(with))
			got, size := m.AppendTo(nil), m.Size()
			want := withBody(b.headers, strings.Replace(b.body, b.want, with, 1))
			if !bytes.Equal(got, want) {
				t.Errorf("%s: left as\n%.2000s\nnot as\n%.2000s", b.name, got, want)
			}
			if len(got) > size {
				t.Errorf("%s: %d bytes, at most %d were told", b.name, len(got), size)
			}
		}
	}
}

func TestLengthIsWrittenOnlyWhereThereIsOne(t *testing.T) {
	const headers = "Content-Type: application/sdp\r\n"
	whole := string(withBody(headers, session))
	length := fmt.Sprintf("Content-Length: %d\r\n", len(session))
	for _, x := range []struct{ name, length, want string }{
		{"none", "", ""},
		{"compact", fmt.Sprintf("l:%d\r\n", len(session)), "l:3\r\n"},
		{"folded", fmt.Sprintf("Content-Length \t:\r\n 000%d \r\n", len(session)), "Content-Length \t:\r\n 3 \r\n"},
	} {
		raw := strings.Replace(whole, length, x.length, 1)
		m := new(Message)
		if fault := m.Parse([]byte(raw)); fault != None {
			t.Fatalf("%s: %q", x.name, fault)
		}
		at, _ := m.SDP()
		m.ReplaceBody(at, []byte("v=0"))
		want := strings.Replace(strings.Replace(raw, session, "v=0", 1), x.length, x.want, 1)
		if got := m.AppendTo(nil); string(got) != want {
			t.Errorf("%s: left as\n%s\nnot as\n%s", x.name, got, want)
		}
	}
}

// TestReplacedBodyIsForwarded compares a message that is forwarded with another body with a file.
func TestReplacedBodyIsForwarded(t *testing.T) {
	in := goldenFile(t, "multipart-body.in.sip")
	m := new(Message)
	m.Parse(in)
	at, ok := m.SDP()
	if !ok {
		t.Fatal("no description")
	}
	apply(m, forwarded(caller))
	m.ReplaceBody(at, bytes.ReplaceAll(m.Bytes(at), []byte("192.0.2.33"), []byte("198.51.100.1")))
	got := m.AppendTo(nil)
	out := filepath.Join("testdata", "body", "multipart-replaced.out.sip")
	if *update {
		if err := os.WriteFile(out, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(out); err != nil || !bytes.Equal(got, want) {
		t.Errorf("left as\n%s\nnot as\n%s (%v)", got, want, err)
	}
	if fault := new(Message).Parse(got); fault != None {
		t.Errorf("what left has fault %q", fault)
	}
}

func TestCutOffBodiesDoNoHarm(t *testing.T) {
	m := new(Message)
	for _, b := range bodies {
		raw := withBody(b.headers, b.body)
		raw = bytes.Replace(raw, fmt.Appendf(nil, "Content-Length: %d\r\n", len(b.body)), nil, 1)
		for n := range raw {
			prefix := slices.Clip(bytes.Clone(raw[:n]))
			m.Parse(prefix)
			at, ok := m.SDP()
			if ok && (at.Empty() || at.Off < m.body.Off || at.End > m.body.End) {
				t.Fatalf("%s: found at %v in a body at %v", b.name, at, m.body)
			}
		}
	}
}

func TestReplacingABodyTakesNoMemory(t *testing.T) {
	m, out, with := new(Message), make([]byte, 0, 1<<17), make([]byte, 60<<10)
	for _, b := range bodies {
		raw := withBody(b.headers, b.body)
		if n := testing.AllocsPerRun(100, func() {
			m.Parse(raw)
			if at, ok := m.SDP(); ok {
				m.ReplaceBody(at, with)
			}
			out = m.AppendTo(out[:0])
		}); n != 0 {
			t.Errorf("%s: %v allocations", b.name, n)
		}
	}
}

func BenchmarkReplaceBody(b *testing.B) {
	for _, x := range bodies {
		if x.name != "sdp" && x.name != "nested" {
			continue
		}
		b.Run(x.name, func(b *testing.B) {
			m, with := new(Message), []byte(session)
			m.Parse(withBody(x.headers, x.body))
			b.ReportAllocs()
			for b.Loop() {
				m.edits, m.text = m.editStore[:0], m.textStore[:0]
				at, ok := m.SDP()
				if !ok {
					b.Fatal("no description")
				}
				m.ReplaceBody(at, with)
			}
		})
	}
}
