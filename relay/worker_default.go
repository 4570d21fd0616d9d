//go:build !linux || portable

package relay

import (
	"strconv"
	"sync"

	"github.com/actorsip/actorsip/loop"
)

// extraProcessors is what a worker adds to GOMAXPROCS: its loops wait as Go's scheduler likes it.
const extraProcessors = 0

// poller is a loop for each port. A lock makes one worker of them; there is no thread to hand commands to.
type poller struct {
	turn  sync.Mutex // guards the worker
	loops sync.WaitGroup
}

func newWorker(e *userspace, number int) (*worker, error) {
	return &worker{engine: e, number: number}, nil
}

func (w *worker) start() {}

// stop waits for the loops, whose ports are closed.
func (w *worker) stop() { w.loops.Wait() }

func (w *worker) dispose() {}

// do calls f as the worker.
func (w *worker) do(f func()) {
	w.turn.Lock()
	defer w.turn.Unlock()
	f()
}

// watch begins to read ports.
func (w *worker) watch(ports []*port) {
	for _, p := range ports {
		w.follow(p)
	}
}

// follow has a loop read a port.
func (w *worker) follow(p *port) {
	w.loops.Add(1)
	loop.Start("media/"+strconv.Itoa(w.number)+"/"+strconv.Itoa(int(p.number)), func(<-chan struct{}) {
		buffer := make([]byte, maxDatagram+1) // one more, to see what is too long
		for w.read(p, buffer) {
		}
	}, func(e loop.Ended) {
		if e.Panic != nil {
			w.restarted(e)
			w.follow(p)
		}
		w.loops.Done()
	})
}

// read deals with the next datagram of a port. False: it is closed.
func (w *worker) read(p *port, buffer []byte) bool {
	n, from, open := p.read(buffer)
	if !from.IsValid() {
		return open
	}
	w.turn.Lock()
	defer w.turn.Unlock()
	if w.engine.Chaos != nil {
		w.engine.Chaos(w.number)
	}
	w.receive(p, buffer[:n], from)
	return true
}

// drop ends with a port, and closes it, which ends its loop.
func (w *worker) drop(p *port) {
	w.forget(p)
	p.close()
}
