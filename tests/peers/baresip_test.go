package peers

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/ua"
)

// softphone is a baresip: it plays a tone, and writes what it hears to a file.
type softphone struct {
	*child
	dir string
	hz  float64
}

// A caller with a tone of 440 Hz and a callee with one of 1000 Hz hear each other through the relay, and see nothing of
// where the other one is.
func TestBaresipHearsBaresipThroughTheRelay(t *testing.T) {
	const v4, v6 = "127.0.0.1", "[::1]"
	for _, c := range []struct{ name, caller, inside, outside, callee string }{
		{"IPv4", v4, "127.0.0.2", "127.0.0.3", v4},
		{"IPv6", v6, v6, v6, v6},
		{"IPv4 to IPv6", v4, "127.0.0.2", v6, v6},
		{"IPv6 to IPv4", v6, v6, "127.0.0.3", v4},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			modules := baresipModules(t)
			callerAt, calleeAt, relayed := freePort(t, c.caller), freePort(t, c.callee), &ledger{}
			sys, at := begin(t, []leg{
				{name: "inside", listen: c.inside, reach: []string{callerAt.String()}},
				{name: "outside", listen: c.outside, reach: []string{calleeAt.String()}},
			}, fmt.Sprintf("next_hops: {\"*\": \"sip:%s\"}\n"+relay, calleeAt), system.Options{Log: slog.New(relayed)})

			bob := baresip(t, modules, "bob", calleeAt, 1000, "answermode=auto")
			alice := baresip(t, modules, "alice", callerAt, 440, fmt.Sprintf(`outbound="sip:%s"`, at["inside"]))
			alice.say("/dial sip:bob@example.com")
			alice.hears(t, at["inside"].Addr())
			bob.hears(t, at["outside"].Addr())
			alice.records(t, 3*time.Second)
			bob.records(t, 3*time.Second)
			alice.say("/hangup")
			bob.until("Call with .* terminated")
			for _, phone := range []*softphone{alice, bob} {
				phone.say("/quit")
				if err := phone.end(patience); err != nil {
					t.Errorf("%s ended badly: %v", phone.name, err)
				}
			}
			portsComeBack(t, sys)

			alice.heard(t, bob)
			bob.heard(t, alice)
			alice.seesOnly(t, at["inside"])
			bob.seesOnly(t, at["outside"])
			for _, name := range []string{"inside", "outside"} {
				if f := relayed.from(name, 0); f.packets < 150 || f.lost+f.rejected > 0 {
					t.Errorf("of 3 s of RTP the relay counted %+v", f)
				}
			}
			if t.Failed() {
				t.Logf("relay %+v\nalice\n%s\n\nbob\n%s", relayed.flows, alice.said(), bob.said())
			}
		})
	}
}

// baresipModules is where baresip has its modules. They are not where it looks for itself.
func baresipModules(t *testing.T) string {
	t.Helper()
	for _, dir := range []string{"/usr/lib", "/usr/lib64", "/usr/local/lib"} {
		dir += "/baresip/modules"
		if _, err := os.Stat(dir + "/sndfile.so"); err == nil {
			return dir
		}
	}
	t.Skip("baresip is not installed, or without its module sndfile")
	return ""
}

// baresip starts a phone that listens at an address and is controlled by its standard input.
func baresip(t *testing.T, modules, name string, at netip.AddrPort, hz float64, account string) *softphone {
	t.Helper()
	dir := t.TempDir()
	tone(t, filepath.Join(dir, "tone.wav"), hz, 15*time.Second)
	for file, text := range map[string]string{
		"accounts": fmt.Sprintf("<sip:%s@%s>;regint=0;%s\n", name, at, account),
		"config": fmt.Sprintf(`sip_listen %s
net_interface %s
rtp_ports 30000-32000
audio_source aufile,%s/tone.wav
audio_player nothing
audio_alert nothing
statmode_default off
snd_path %[3]s
module_path %s
module stdio.so
module g711.so
module aufile.so
module sndfile.so
module_app account.so
module_app menu.so
`, at, at.Addr(), dir, modules),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &softphone{spawn(t, dir, "baresip", "-s", "-f", dir), dir, hz}
	p.name = name
	p.until("baresip is ready")
	return p
}

// hears waits until packets come in, which are to come from a media port at that address.
func (p *softphone) hears(t *testing.T, from netip.Addr) {
	t.Helper()
	at, err := netip.ParseAddrPort(p.until(`incoming rtp for 'audio' established, receiving from (\S+)`)[1])
	if err != nil || at.Addr() != from || at.Port() < 20000 || at.Port() > 29999 {
		t.Errorf("%s hears %v, not a media port of the proxy at %v (%v)", p.name, at, from, err)
	}
}

// recording is the file with what came, and empty when there is none yet.
func (p *softphone) recording() string {
	files, _ := filepath.Glob(p.dir + "/*-dec.wav") // the pattern is right
	if len(files) == 0 {
		return ""
	}
	return files[0]
}

// records waits until so much audio is in the recording.
func (p *softphone) records(t *testing.T, length time.Duration) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	enough := int64(2 * rate * length.Seconds())
	for deadline := time.Now().Add(patience); ; <-tick.C {
		if info, err := os.Stat(p.recording()); err == nil && info.Size() >= enough {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s did not hear %v of anything within %v:\n%s", p.name, length, patience, p.said())
		}
	}
}

// heard fails the test unless the other one's tone, and not the own one, is in the recording for two seconds in one
// piece.
func (p *softphone) heard(t *testing.T, other *softphone) {
	t.Helper()
	s, err := samples(p.recording())
	if err != nil {
		t.Errorf("%s: %v", p.name, err)
		return
	}
	theirs, own := sounds(s, other.hz), sounds(s, p.hz)
	t.Logf("of %.1f s, %s heard %v Hz for %v in one piece, the own %v Hz for %v", float64(len(s))/rate, p.name, other.hz, theirs, p.hz, own)
	if theirs < 2*time.Second || own > 0 {
		t.Errorf("%s did not hear %s well", p.name, other.name)
	}
}

// seesOnly fails the test when a description that came from the proxy names another place than the proxy's.
func (p *softphone) seesOnly(t *testing.T, proxy netip.AddrPort) {
	t.Helper()
	from, saw := "", []ua.Message{}
	for _, line := range p.lines { // baresip shows each message that comes and goes
		line = strings.TrimSpace(line)
		if f := strings.Fields(line); len(f) == 4 && f[0] == "UDP" && f[2] == "->" {
			from = f[1]
		}
		if from != proxy.String() {
			continue
		}
		if line == "v=0" {
			saw = append(saw, ua.Message{})
		}
		if len(saw) > 0 && len(line) > 1 && line[1] == '=' {
			m := &saw[len(saw)-1]
			m.Body = append(m.Body, line+"\r\n"...)
		}
	}
	if len(saw) != 1 {
		t.Errorf("%s saw %d descriptions", p.name, len(saw))
	}
	(&report{saw: saw}).sees(t, p.name, proxy.Addr().String())
}
