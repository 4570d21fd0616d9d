package telemetry

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/actorsip/actorsip/loop"
)

// How long Shutdown may take: long enough for a collector that was away to be tried again, short when the last try failed.
const (
	flushTime = 8 * time.Second
	downTime  = time.Second
)

// Shutdown sends what is left, and ends. It takes no longer than 8 s, whatever the collector does; 1 s when nothing could
// be sent to it last. Spans made afterwards go nowhere.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	limit := flushTime
	if t.health.isDown() {
		limit = downTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	context.AfterFunc(ctx, t.health.end) // what is under way then, and what else is in the queue
	errs := make([]error, len(t.ends))
	var wg sync.WaitGroup
	for i, end := range t.ends {
		wg.Add(1)
		loop.Start("flush telemetry", func(<-chan struct{}) { errs[i] = end(ctx) }, func(loop.Ended) { wg.Done() })
	}
	wg.Wait()
	t.ends = nil
	return errors.Join(errs...)
}
