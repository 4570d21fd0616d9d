package system

import (
	"log/slog"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// The keeper is told to look by its own clock. When it panics on that, it is restarted on its clock's goroutine, and must
// not wait there for the clock to end.
func TestTheKeeperSurvivesAPanicOnItsOwnClock(t *testing.T) {
	cfg, err := Parse("keeper.yaml", []byte(`
lanes: 1
legs: [{name: inside, listen: "udp:127.0.0.1:0"}]
admin: {listen: "off"}
keys: {file: `+strconv.Quote(filepath.Join(t.TempDir(), "keys.yaml"))+`}
`))
	if err != nil {
		t.Fatal(err)
	}
	looks := make(chan int, 16)
	n := 0
	s, err := StartWith(cfg, Options{Log: slog.New(slog.DiscardHandler), Chaos: func(room string, msg any) bool {
		if _, ok := msg.(look); !ok || room != root+"/keyring" {
			return false
		}
		n++
		looks <- n
		if n == 1 {
			panic("the first look")
		}
		return false
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	for want := 1; want <= 2; want++ {
		select {
		case <-looks:
		case <-time.After(10 * time.Second):
			t.Fatalf("look %d did not come", want)
		}
	}
}
