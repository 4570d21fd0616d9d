package peers

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// browser is a SIP.js user agent over WebSocket, in Node in place of a browser (sipjs/client.js).
type browser struct {
	*child
	in, out []ua.Message // SIP messages that came and went
}

// event is a line that the client writes.
type event struct {
	Event   string
	Message string // of in and out: a SIP message
	Name    string // of done and failed: the command
	Code    int    // of answers
	URI     string // of invited: the request-URI
	Data    string // of a pong frame
	Error   string
}

// browse starts a client whose WebSocket server is at that URL, and connects it. Its messages are text or binary frames.
func browse(t *testing.T, url, address, frames string, secure *credentials) *browser {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("Node is not installed")
	}
	if _, err := os.Stat("sipjs/node_modules/sip.js"); err != nil {
		t.Skip("SIP.js is not installed: npm ci in tests/peers/sipjs")
	}
	b := &browser{child: spawn(t, "sipjs", "node", "client.js", url, address, frames, secure.authority.File)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("SIP.js\n%s", b.said())
		}
	})
	b.say(`{"do": "start"}`)
	b.hears("connected")
	return b
}

// hears waits for an event, and keeps the SIP messages before it.
func (b *browser) hears(name string) event {
	b.t.Helper()
	deadline := time.After(patience)
	for {
		var line string
		var more bool
		select {
		case line, more = <-b.fresh:
		case <-deadline:
			b.t.Fatalf("SIP.js did not say %q within %v:\n%s", name, patience, b.said())
		}
		if !more {
			b.t.Fatalf("SIP.js ended and never said %q:\n%s", name, b.said())
		}
		b.lines = append(b.lines, line)
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			continue // of Node, and not of the client
		}
		if e.Event == "in" || e.Event == "out" {
			b.keep(e)
		}
		switch e.Event {
		case name:
			return e
		case "failed", "refused":
			b.t.Fatalf("SIP.js was to say %q:\n%s", name, b.said())
		}
	}
}

func (b *browser) keep(e event) {
	b.t.Helper()
	m, err := ua.Parse([]byte(e.Message))
	if err != nil {
		b.t.Fatalf("a SIP message of SIP.js: %v\n%q", err, e.Message)
	}
	if e.Event == "in" {
		b.in = append(b.in, m)
	} else {
		b.out = append(b.out, m)
	}
}

// sent is the newest message of that method, a request or its responses, that the client has sent.
func (b *browser) sent(method string) ua.Message {
	b.t.Helper()
	return newest(b.t, b.out, method)
}

// got is the newest one that it has received.
func (b *browser) got(method string) ua.Message {
	b.t.Helper()
	return newest(b.t, b.in, method)
}

func newest(t *testing.T, of []ua.Message, method string) ua.Message {
	t.Helper()
	for i := len(of) - 1; i >= 0; i-- {
		if of[i].Method() == method {
			return of[i]
		}
	}
	t.Fatalf("there was no %s among %d messages", method, len(of))
	return ua.Message{}
}
