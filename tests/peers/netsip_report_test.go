package peers

import (
	"strconv"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/tests/ua"
)

// report is what a phone reports at its end, and the session descriptions that it saw.
type report struct {
	said, heard map[string]int // by "NAME CHANNEL"
	odd         int
	keys        string
	saw         []ua.Message
}

// sees fails the test when a description that a phone saw names anything but the proxy.
func (r *report) sees(t *testing.T, who, proxy string) {
	t.Helper()
	proxy = strings.Trim(proxy, "[]")
	for _, m := range r.saw {
		for _, at := range m.MediaAt() {
			ours := at.Addr().String() == proxy || at.Addr().IsUnspecified()
			if !ours || at.Port() != 0 && (at.Port() < 20000 || at.Port() > 29999) {
				t.Errorf("%s was to see the proxy at %s, ports 20000 to 29999, and saw %s in\n%s", who, proxy, at, m.Body)
			}
		}
		for line := range strings.Lines(string(m.Body)) {
			if f := strings.Fields(line); strings.HasPrefix(line, "o=") && (len(f) != 6 || f[5] != proxy) {
				t.Errorf("%s was to see that the description is the proxy's at %s, and saw\n%s", who, proxy, line)
			}
		}
	}
}

// echoed fails the test unless all words of the caller were heard by the callee, and again by the caller.
func (k *told) echoed(t *testing.T, kind string, n int) {
	t.Helper()
	heardThereAndBack(t, kind, n, k.caller, k.callee)
}

// echoedBack is echoed the other way round.
func (k *told) echoedBack(t *testing.T, kind string, n int) {
	t.Helper()
	heardThereAndBack(t, kind, n, k.callee, k.caller)
}

func heardThereAndBack(t *testing.T, kind string, n int, from, to report) {
	t.Helper()
	if said, there, back := from.said[kind], to.heard[kind], from.heard[kind]; said != n || there != n || back != n {
		t.Errorf("of %d words %q one phone said %d, the other heard %d, and %d came back", n, kind, said, there, back)
	}
}

// stays fails the test when the relay moved with the phones: its ports are to stay those of the call.
func (k *told) stays(t *testing.T) {
	t.Helper()
	for _, r := range []report{k.caller, k.callee} {
		for _, m := range r.saw[1:] {
			if was, is := r.saw[0].MediaAt()[0].Port(), m.MediaAt()[0].Port(); is != was {
				t.Errorf("the stream was at port %d and is at %d", was, is)
			}
		}
	}
}

func (k *told) pressed(t *testing.T, keys string) {
	t.Helper()
	if k.callee.keys != keys || k.caller.keys != keys {
		t.Errorf("the caller pressed %s, the callee noticed %s, and of what came back the caller noticed %s", keys, k.callee.keys, k.caller.keys)
	}
}

// read takes the report out of a phone's output.
func read(t *testing.T, c *child) report {
	t.Helper()
	r := report{said: map[string]int{}, heard: map[string]int{}}
	body := ""
	for _, line := range append(c.lines, "") {
		if text, is := strings.CutPrefix(line, "sdp "); is {
			body += text + "\r\n"
			continue
		}
		if body != "" {
			r.saw, body = append(r.saw, ua.Message{Body: []byte(body)}), ""
		}
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		number := func() int {
			n, err := strconv.Atoi(f[len(f)-1])
			if err != nil {
				t.Fatalf("the %s reports %q", c.name, line)
			}
			return n
		}
		switch f[0] {
		case "said":
			r.said[f[1]+" "+f[2]] = number()
		case "heard":
			r.heard[f[1]+" "+f[2]] = number()
		case "odd":
			r.odd = number()
		case "keys":
			r.keys = strings.Join(f[1:], " ")
		}
	}
	return r
}
