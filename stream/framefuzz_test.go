package stream

import (
	"strings"
	"testing"

	"github.com/actorsip/actorsip/sipwire"
)

// Whatever the bytes are, the messages do not depend on how they are cut, and no more is held than one message.
func FuzzFrame(f *testing.F) {
	f.Add([]byte(good+good), []byte{1})
	f.Add([]byte("\r\n\r\n"+good+"\r\n\r\n"), []byte{3, 7})
	f.Add([]byte(crlf(start+"Content-Length:\n 4\nl: 4\n\nbody")+good), []byte{40, 1, 2})
	f.Add([]byte(start+"l: 4\n\nbody"), []byte{5})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), []byte{2})
	f.Fuzz(func(t *testing.T, raw, cuts []byte) {
		const limit = 600
		whole, parts := &framer{max: limit}, &framer{max: limit}
		want, got := hear(whole, raw), hear(parts, pieces(raw, cuts)...)
		if len(want.reply) == 2*maxPongs || len(got.reply) >= 2*maxPongs {
			want.reply, got.reply = "", "" // there the answers are bounded for each read
		}
		if !got.equal(want) {
			t.Errorf("cut:\n%v\nin one read:\n%v", got, want)
		}
		for _, f := range []*framer{whole, parts} {
			if f.part != nil && (len(f.part.bytes) > limit || cap(f.part.bytes) > partKept) {
				t.Errorf("%d bytes are held, room for %d", len(f.part.bytes), cap(f.part.bytes))
			}
		}
		checkOrder(t, want, string(raw))
	})
}

// checkOrder wants the messages to be parts of raw, one behind the other, with nothing but empty lines between them.
func checkOrder(t *testing.T, h heard, raw string) {
	for i, m := range h.messages {
		raw = strings.TrimLeft(raw, "\r\n")
		if !h.ok && i == len(h.messages)-1 {
			checkRefused(t, m)
			return
		}
		checkVerdict(t, m)
		rest, found := strings.CutPrefix(raw, m)
		if !found {
			t.Errorf("%q is not what comes next in %q", m, raw)
		}
		raw = rest
	}
	if h.ok && !h.begun && strings.Trim(raw, "\r\n") != "" {
		t.Errorf("%q was lost", raw)
	}
}

// checkVerdict wants sipwire to end the message where it was cut, unless it refuses it for something else.
func checkVerdict(t *testing.T, m string) {
	parsed := new(sipwire.Message)
	switch fault := parsed.Parse([]byte(m)); {
	case fault == sipwire.Truncated, fault == sipwire.ShortBody, fault == sipwire.None && len(parsed.AppendTo(nil)) != len(m):
		t.Errorf("%q for %q", fault, m)
	}
}

// checkRefused wants what was refused as no SIP to be none to sipwire, were it a datagram.
func checkRefused(t *testing.T, m string) {
	line, notSIP := strings.CutPrefix(m, told(sipwire.NotSIP, ""))
	if notSIP && (len(line) == 1 || strings.HasSuffix(line, "\n")) {
		if fault := new(sipwire.Message).Parse([]byte(line + "\n")); fault != sipwire.NotSIP {
			t.Errorf("%q is %q as a datagram", line, fault)
		}
	}
}
