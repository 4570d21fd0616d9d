package system

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/tests/ua"
)

// Whatever actor is killed while two ends talk, not a packet is lost, and the call can be changed and ended afterwards.
func TestTalkSurvivesTheDeathOfAnyActor(t *testing.T) {
	for _, path := range []string{"", "/media", "/media/*", "/lanes", "/lanes/0", "/lanes/0/legs"} {
		t.Run("actorsip"+path, func(t *testing.T) {
			caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
			cfg, err := Parse("restart.yaml", fmt.Appendf(nil, `
lanes: 2
legs:
  - {name: inside, listen: "udp:127.0.0.1:0", reach: ["%s"]}
  - {name: outside, listen: "udp:127.0.0.1:0", reach: ["%s"]}
next_hops: {"*": "sip:%s"}
media: {relay: true, journal: "off", closed: 100ms}
admin: {listen: "off"}
keys: {file: %s}
`, caller.Addr(), callee.Addr(), callee.Addr(), strconv.Quote(filepath.Join(t.TempDir(), "keys.yaml"))))
			if err != nil {
				t.Fatal(err)
			}
			s, err := StartWith(cfg, Options{Chaos: kill, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Stop)

			alice, bob := ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.1:0")
			call := caller.Invite("sip:bob@example.com", ua.Options{Proxy: s.Addr("inside"), Body: alice.Describe()})
			invite := callee.Receive()
			callee.Answer(invite, 200, ua.Options{Body: bob.Describe()})
			ok := call.Response()
			call.Ack(ok)
			callee.Receive()
			alice.To(ok.MediaAt()[0])
			bob.To(invite.MediaAt()[0])
			said := 0
			say := func() {
				for range 20 {
					said++
					alice.Say(fmt.Sprintf("<%d>", said))
					bob.Say(fmt.Sprintf("<%d>", said))
				}
			}
			heard := 0
			hear := func() {
				for heard < said {
					heard++
					want := fmt.Sprintf("<%d>", heard)
					for who, sound := range map[string]*ua.Sound{"bob": bob, "alice": alice} {
						if b, _, came := sound.Next(time.Second); !came || !strings.HasPrefix(string(b[12:]), want) {
							t.Fatalf("of %d packets, %s missed number %d", said, who, heard)
						}
					}
				}
			}
			say()
			room := strings.Replace(root+path, "*", s.onlyCall(t), 1)
			for range 5 {
				s.actors.Root.Send(actor.NewPID(s.actors.Address(), room), killer{})
				say()
				room = strings.Replace(root+path, "*", s.onlyCall(t), 1)
			}
			hear()
			call.Request("INVITE", ua.Options{Body: alice.Describe()})
			again := callee.Receive()
			callee.Answer(again, 200, ua.Options{Body: bob.Describe()})
			call.Ack(call.Response())
			callee.Receive()
			if got, want := again.MediaAt()[0], invite.MediaAt()[0]; got != want {
				t.Errorf("the stream was at %s and is at %s", want, got)
			}
			say()
			hear()
			call.Bye()
			callee.Answer(callee.Receive(), 200, ua.Options{})
			if r := call.Response(); r.Status() != 200 {
				t.Fatalf("the BYE was answered\n%s", r.Raw)
			}
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for deadline := time.Now().Add(5 * time.Second); s.Media().Ports[0].Leased > 0 || s.Media().Sessions > 0; <-tick.C {
				if time.Now().After(deadline) {
					t.Fatalf("what is left is %+v", s.Media())
				}
			}
			if n := s.restarts.Total(); n < 5 {
				t.Errorf("%d restarts are counted: %v", n, s.Restarts())
			}
		})
	}
}

// onlyCall is the name of the one media session.
func (s *System) onlyCall(t *testing.T) string {
	t.Helper()
	for _, shard := range s.actors.ProcessRegistry.LocalPIDs.LocalPIDs {
		for _, id := range shard.Keys() {
			if name, ok := strings.CutPrefix(id, root+"/media/"); ok {
				return name
			}
		}
	}
	t.Fatal("there is no media session")
	return ""
}
