package sipwire

import (
	"fmt"
	"strings"
	"testing"
)

// A datagram may come without Content-Length; what leaves over a stream has one, and it counts the body that leaves.
func TestALengthIsAddedWhereThereIsNone(t *testing.T) {
	bare := func(body string) []byte {
		return []byte(strings.Replace(string(withBody("Content-Type: application/sdp\r\n", body)), fmt.Sprintf("Content-Length: %d\r\n", len(body)), "", 1))
	}
	for _, c := range []struct {
		name, replaced string
		raw            []byte
		want           int
	}{
		{"no body", "", bare(""), 0},
		{"a body", "", bare(session), len(session)},
		{"one that was replaced by a longer one", session + "a=sendrecv\r\n", bare(session), len(session) + 12},
		{"one that was replaced by a shorter one", "v=0\r\n", bare(session), 5},
		{"a length is there", "", withBody("", session), len(session)},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := new(Message)
			if f := m.Parse(c.raw); f != None {
				t.Fatal(f)
			}
			m.Insert(Via, append(m.Text(), "Via: SIP/2.0/TCP b;branch=z9hG4bK2\r\n"...))
			if c.replaced != "" {
				at, _ := m.SDP()
				m.ReplaceBody(at, []byte(c.replaced))
			}
			m.AddLength()
			out := string(m.AppendTo(nil))
			if head, body, _ := strings.Cut(out, "\r\n\r\n"); strings.Count(head, fmt.Sprintf("\r\nContent-Length: %d", c.want)) != 1 ||
				strings.Count(head, "Content-Length") != 1 || len(body) != c.want {
				t.Errorf("the length should be %d, once, in\n%s", c.want, out)
			}
			if f := new(Message).Parse([]byte(out)); f != None {
				t.Errorf("%s, in\n%s", f, out)
			}
		})
	}
}
