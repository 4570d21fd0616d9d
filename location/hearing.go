package location

import (
	"log/slog"
	"runtime/debug"
	"sync/atomic"
)

// hearing calls those who are to hear of something. A panic of theirs is not the store's end.
type hearing struct {
	log     *slog.Logger
	lapsed  func(aor string, b Binding) // nil: nobody hears
	counted *atomic.Uint64              // bindings that have lapsed
}

func (h hearing) expired(aor string, bindings []Binding) {
	h.counted.Add(uint64(len(bindings)))
	if h.lapsed == nil {
		return
	}
	for _, b := range bindings {
		h.call(func() { h.lapsed(aor, b) })
	}
}

func (h hearing) call(f func()) {
	defer func() {
		if r := recover(); r != nil {
			h.log.Error("who was told of a binding has panicked", "panic", r, "stack", string(debug.Stack()))
		}
	}()
	f()
}
