package stream

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/sipwire"
)

// cut is what a stream makes of the bytes of a file.
type cut struct {
	faults []sipwire.Fault // of the messages that are handed over
	begun  bool            // the stream waits for more
	why    string
}

// All files but these are one message, which ends where its file does.
var cuts = map[string]cut{
	"clerr":            {nil, true, "the rest of the body is waited for, where a datagram is refused"},
	"inv2543":          {[]sipwire.Fault{sipwire.BadLength}, false, "without Content-Length only a datagram ends (RFC 3261 §18.3)"},
	"ncl":              {[]sipwire.Fault{sipwire.BadLength}, false, "a negative Content-Length"},
	"mcl01":            {[]sipwire.Fault{sipwire.BadLength}, false, "two Content-Lengths that differ"},
	"dblreq":           {[]sipwire.Fault{sipwire.None, sipwire.None, sipwire.NotSIP}, false, "what is noise behind a message in a datagram are more messages in a stream"},
	"ipv4-mapped-ipv6": {[]sipwire.Fault{sipwire.None, sipwire.NotSIP}, false, "its length was counted with other line ends than the archive has"},
	"ipv6-in-sdp":      {[]sipwire.Fault{sipwire.None, sipwire.NotSIP}, false, "the same"},
	"mult-ip-in-sdp":   {[]sipwire.Fault{sipwire.None, sipwire.NotSIP}, false, "the same"},
}

// The messages of RFC 4475 and RFC 5118, alone and between good ones, in one read, cut at every byte, and byte by byte: always the
// same, with the verdict that sipwire gives on the datagram. In a WebSocket message they are what they are in a datagram.
func TestTortureMessagesAreCutTheSameWherever(t *testing.T) {
	dir := os.Getenv("TORTURE_DIR")
	if dir == "" {
		t.Skip("TORTURE_DIR does not say where the messages of RFC 4475 and RFC 5118 are")
	}
	files, err := filepath.Glob(filepath.Join(dir, "rfc*", "*"))
	if err != nil || len(files) != 61 {
		t.Fatalf("%d messages, error %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".dat")
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, odd := cuts[name]
			if !odd {
				want = cut{faults: []sipwire.Fault{sipwire.None}}
			}
			checkTorture(t, raw, want, odd)
		})
	}
}

func checkTorture(t *testing.T, raw []byte, want cut, odd bool) {
	t.Helper()
	open := func() decoder { return newFramer(1 << 16) }
	alone := hearAllCuts(t, open, raw)
	if alone.begun != want.begun || len(alone.messages) != len(want.faults) {
		t.Fatalf("%v", alone)
	}
	datagram := new(sipwire.Message).Parse(raw)
	for i, f := range want.faults {
		prefix := strings.TrimSuffix(told(f, ""), " ")
		if !strings.HasPrefix(alone.messages[i], prefix) || f == sipwire.None && alone.messages[i][0] == '(' {
			t.Errorf("message %d is %q, want fault %q", i, alone.messages[i], f)
		}
		if i == 0 && f == sipwire.None {
			if stream := new(sipwire.Message).Parse([]byte(alone.messages[0])); stream != datagram {
				t.Errorf("%q in a stream, %q in a datagram", stream, datagram)
			}
		}
	}
	webSocket := hearAllCuts(t, func() decoder { return newWebSocket(true, 1<<16) }, appendFrame(nil, raw, false))
	if want := (heard{messages: []string{string(raw)}, ok: true}); !webSocket.equal(want) {
		t.Errorf("as a WebSocket message: %v", webSocket)
	}
	between := hearAllCuts(t, open, slices.Concat([]byte(good), raw, []byte(good)))
	whole := []string{good, strings.TrimLeft(string(raw), "\r\n"), good}
	switch {
	case len(between.messages) == 0 || between.messages[0] != good:
		t.Errorf("the good message in front: %v", between)
	case !odd && (!slices.Equal(between.messages, whole) || !between.ok || between.begun):
		t.Errorf("between good ones: %v", between)
	case odd && !want.begun && !slices.Equal(between.messages[1:], alone.messages) && want.faults[len(want.faults)-1] != sipwire.NotSIP:
		t.Errorf("behind a good one: %v, alone: %v", between, alone)
	}
}
