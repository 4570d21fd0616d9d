package room

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

func TestRestartsAreCountedByRoom(t *testing.T) {
	r := NewRestarts(slog.New(slog.DiscardHandler))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				r.Note(actor.NewPID("", "house/a"), "reason", 1)
			}
			r.Note(actor.NewPID("", "house/b"), "reason", 1)
		})
	}
	wg.Wait()
	by := r.ByRoom()
	if r.Total() != 404 || by["house/a"] != 400 || by["house/b"] != 4 || len(by) != 2 {
		t.Fatalf("%d in all, %v", r.Total(), by)
	}
	by["house/a"] = 0
	if r.ByRoom()["house/a"] != 400 {
		t.Fatal("who asks for the counts can change them")
	}
}

// Whoever can make a room fail must not fill the disk.
func TestReportsAreFewHoweverManyRestarts(t *testing.T) {
	var log bytes.Buffer
	r := NewRestarts(slog.New(slog.NewJSONHandler(&log, nil)))
	began := time.Now()
	const restarts = 10_000
	for range restarts {
		r.Note(actor.NewPID("", "house/a"), Panic{Value: "poison", Stack: []byte("a stack")}, numbered{})
	}
	windows := int(time.Since(began)/time.Second) + 1
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) > reportsPerSecond*windows || len(lines) < reportsPerSecond {
		t.Fatalf("%d restarts in %v left %d lines", restarts, time.Since(began), len(lines))
	}
	var first struct {
		Level, Room, Verb, Panic, Stack string
		Restarts                        int
	}
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil {
		t.Fatal(err)
	}
	if first.Level != "ERROR" || first.Room != "house/a" || first.Panic != "poison" || first.Stack != "a stack" ||
		first.Restarts != 1 || first.Verb != "room.numbered" {
		t.Fatalf("the report is %+v", first)
	}
	if r.Total() != restarts {
		t.Fatalf("%d restarts were counted", r.Total())
	}
}

func TestAFailureThatIsNoPanicIsReportedToo(t *testing.T) {
	var log bytes.Buffer
	r := NewRestarts(slog.New(slog.NewTextHandler(&log, nil)))
	r.Note(actor.NewPID("", "house/a"), errors.New("the disk is full"), nil)
	if !strings.Contains(log.String(), "the disk is full") {
		t.Fatalf("the report is %s", log.String())
	}
}

// What a supervisor hears of a panic says where it was.
func TestAPanicIsReportedWithItsStack(t *testing.T) {
	var log bytes.Buffer
	h := &house{t: t, restarts: NewRestarts(slog.New(slog.NewTextHandler(&log, nil)))}
	h.buildUnder(CarryOn(h.restarts))
	room := h.room("a", 4, nil, stateless(func(ctx actor.Context) {
		if _, ok := ctx.Message().(int); ok {
			clear(make([]int, 3)[ctx.Message().(int):])
		}
	}))
	h.tell(room, 4)
	for _, want := range []string{"room=house/a", "verb=int", "slice bounds out of range", "policy_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is not in the report\n%s", want, log.String())
		}
	}
}
