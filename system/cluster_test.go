package system

import (
	"testing"
	"time"

	"github.com/actorsip/actorsip/message"
)

// Packets wait for nodes that are not seen yet by one that has joined just now. They must not by one that tries to, and fails, again and
// again.
func TestANodeThatCannotJoinHasNobodyWait(t *testing.T) {
	s := alone()
	s.legs = message.NewLegs(nil)
	n := &nodes{system: s}
	n.joined.Store(int64(-time.Hour))
	if _, err := n.join(t.Context()); err == nil {
		t.Fatal("it has joined without a name")
	}
	if n.Settling() {
		t.Error("packets wait")
	}
}
