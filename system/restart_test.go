package system

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/tests/ua"
)

// killer is told to a room that shall panic.
type killer struct{}

func kill(_ string, msg any) bool {
	if _, ok := msg.(killer); ok {
		panic("killed")
	}
	return false
}

// Every actor of the tree is killed in the middle of a call, branches with all that is below them; the call goes on.
func TestACallSurvivesTheDeathOfAnyActor(t *testing.T) {
	for _, path := range []string{
		"", "/lanes", "/keyring",
		"/lanes/0", "/lanes/0/contact", "/lanes/0/router", "/lanes/0/legs", "/lanes/0/legs/inside", "/lanes/0/legs/outside",
		"/lanes/1", "/lanes/1/legs",
	} {
		t.Run("actorsip"+path, func(t *testing.T) {
			caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
			cfg, err := Parse("restart.yaml", fmt.Appendf(nil, `
lanes: 2
legs:
  - {name: inside, listen: "udp:127.0.0.1:0", reach: ["%s"]}
  - {name: outside, listen: "udp:127.0.0.1:0", reach: ["%s"]}
next_hops: {"*": "sip:%s"}
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

			call := caller.Invite("sip:bob@example.com", ua.Options{Proxy: s.Addr("inside")})
			callee.Answer(callee.Receive(), 200, ua.Options{})
			call.Ack(call.Response())
			callee.Receive()

			s.actors.Root.Send(actor.NewPID(s.actors.Address(), root+path), killer{})

			call.Bye()
			callee.Answer(callee.Receive(), 200, ua.Options{})
			if r := call.Response(); r.Status() != 200 {
				t.Fatalf("the BYE was answered\n%s", r.Raw)
			}
			if n := s.Restarts()[root+path]; n != 1 {
				t.Errorf("%d restarts are counted: %v", n, s.Restarts())
			}
		})
	}
}
