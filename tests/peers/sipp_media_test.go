package peers

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/actorsip/actorsip/system"
)

// Callers of sipp talk for two seconds each, and sipp's RTP echo sends back what it hears: each packet goes through the
// relay twice, and none is lost.
func TestSippsEchoIsHeardThroughTheRelay(t *testing.T) {
	const calls = 20
	for _, site := range []struct{ phones, inside, outside string }{
		{"127.0.0.1", "127.0.0.2", "127.0.0.3"},
		{"[::1]", "[::1]", "[::1]"},
	} {
		t.Run(site.phones, func(t *testing.T) {
			dir, ip, relayed := t.TempDir(), strings.Trim(site.phones, "[]"), &ledger{}
			scenario, err := filepath.Abs("sipp/uac_rtp.xml")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "audio.raw"), make([]byte, rate), 0o600); err != nil {
				t.Fatal(err)
			}
			uas, uac := freePort(t, site.phones), freePort(t, site.phones)
			echo, media := mediaPorts(t, site.phones), mediaPorts(t, site.phones)
			sipp := func(at, media netip.AddrPort, more ...string) *child {
				return spawn(t, dir, "sipp", append(more, "-i", ip, "-p", fmt.Sprint(at.Port()), "-mi", ip, "-mp", fmt.Sprint(media.Port()), "-nostdin")...)
			}
			callee := sipp(uas, echo, "-sn", "uas", "-rtp_echo", "-trace_screen", "-screen_file", "screen")
			taken(t, uas.String())
			sys, at := begin(t, []leg{
				{name: "inside", listen: site.inside, reach: []string{uac.String()}},
				{name: "outside", listen: site.outside, reach: []string{uas.String()}},
			}, relay, system.Options{Log: slog.New(relayed)})
			caller := sipp(uac, media, "-sf", scenario, uas.String(), "-rsa", at["inside"].String(), "-r", "10", "-m", fmt.Sprint(calls),
				"-timeout", "20s", "-timeout_error", "-trace_stat", "-stf", "caller.csv", "-fd", "1")
			waiting(t, media)
			noneFails(t, caller, calls, filepath.Join(dir, "caller.csv"))
			portsComeBack(t, sys)

			said, back, echoed := relayed.from("inside", 0), relayed.from("outside", 0), echoes(t, callee, filepath.Join(dir, "screen"))
			if said.packets < calls*90 || back.packets != said.packets || echoed != said.packets {
				t.Errorf("the relay heard %d packets of %d callers, sipp sent %d of them back, the relay heard %d of those", said.packets, calls, echoed, back.packets)
			}
			for _, f := range []flow{said, back} {
				if f.lost+f.late+f.rejected > 0 {
					t.Errorf("the relay counted %+v", f)
				}
			}
			t.Logf("%d packets went there and back", echoed)
			_ = callee.cmd.Cancel()
		})
	}
}

// mediaPorts is an even port that was free a moment ago, with the one two above it: sipp takes both, for audio and video.
func mediaPorts(t *testing.T, ip string) netip.AddrPort {
	t.Helper()
	for range 100 {
		at := freePort(t, ip)
		at = netip.AddrPortFrom(at.Addr(), at.Port()&^1)
		audio, err := net.ListenPacket("udp", at.String())
		if err != nil {
			continue
		}
		video, err := net.ListenPacket("udp", netip.AddrPortFrom(at.Addr(), at.Port()+2).String())
		_ = audio.Close()
		if err == nil {
			_ = video.Close()
			return at
		}
	}
	t.Fatal("no two ports are free")
	return netip.AddrPort{}
}

// waiting waits until the kernel holds packets for the socket at that address: sipp does not read what comes to the
// port that it talks from.
func waiting(t *testing.T, at netip.AddrPort) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		for _, table := range []string{"/proc/net/udp", "/proc/net/udp6"} {
			file, err := os.Open(table)
			if err != nil {
				t.Fatal(err)
			}
			for scan := bufio.NewScanner(file); scan.Scan(); {
				f := strings.Fields(scan.Text())
				if len(f) > 4 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", at.Port())) && !strings.HasSuffix(f[4], ":00000000") {
					_ = file.Close()
					return
				}
			}
			_ = file.Close()
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing came back to %v", at)
		}
	}
}

var echoLine = regexp.MustCompile(`(\d+) Total echo RTP pckts 1st stream`)

// echoes asks a running sipp how many packets it has sent back.
func echoes(t *testing.T, sipp *child, screen string) int {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		if err := sipp.cmd.Process.Signal(syscall.SIGUSR2); err != nil { // it writes its screen
			t.Fatal(err)
		}
		text, _ := os.ReadFile(screen) // not there yet
		if all := echoLine.FindAllStringSubmatch(string(text), -1); len(all) > 0 {
			n, err := strconv.Atoi(all[len(all)-1][1])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("sipp does not say what it sent back:\n%s", sipp.said())
	return 0
}
