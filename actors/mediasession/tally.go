package mediasession

import (
	"sync/atomic"

	"github.com/actorsip/actorsip/relay"
)

// Tally counts over all calls. Sessions write it, anybody may read it.
type Tally struct {
	Sessions atomic.Int64 // up now
	Total    atomic.Uint64
	Refused  atomic.Uint64 // for want of ports, sessions or streams
	Ended    [numEndings]atomic.Uint64
	Silent   [numSilences]atomic.Uint64 // sides that were silent when their call was established, by cause

	legs map[string]*legTally // set once
}

// legTally is what came from the far ends behind one leg.
type legTally struct {
	packets, bytes, rtcp, late, rebound atomic.Uint64
	lost                                atomic.Int64 // what comes late was not lost after all
	rejected                            [relay.Rejects]atomic.Uint64
}

// add counts what a flow has had since it was counted last.
func (t *legTally) add(now, before *relay.Flow) {
	t.packets.Add(now.Packets - before.Packets)
	t.bytes.Add(now.Bytes - before.Bytes)
	t.rtcp.Add(now.RTCP - before.RTCP)
	t.late.Add(now.Late - before.Late)
	t.rebound.Add(now.Rebound - before.Rebound)
	t.lost.Add(int64(now.Lost) - int64(before.Lost))
	for i := range t.rejected {
		t.rejected[i].Add(now.Rejected[i] - before.Rejected[i])
	}
}

// Flows is what came from the far ends behind each leg.
func (t *Tally) Flows() map[string]relay.Flow {
	out := map[string]relay.Flow{}
	for leg, n := range t.legs {
		f := relay.Flow{
			Packets: n.packets.Load(), Bytes: n.bytes.Load(), RTCP: n.rtcp.Load(), Late: n.late.Load(), Rebound: n.rebound.Load(),
			Lost: uint64(max(n.lost.Load(), 0)),
		}
		for i := range n.rejected {
			f.Rejected[i] = n.rejected[i].Load()
		}
		out[leg] = f
	}
	return out
}

// EndedBy is how many dialogs' media has ended, by why.
func (t *Tally) EndedBy() map[string]uint64 {
	out := map[string]uint64{}
	for i := range t.Ended {
		if n := t.Ended[i].Load(); n > 0 {
			out[ending(i).String()] = n
		}
	}
	return out
}

// SilentBy is how many sides were not heard when their call was established, by why.
func (t *Tally) SilentBy() map[string]uint64 {
	out := map[string]uint64{}
	for i := range t.Silent {
		if n := t.Silent[i].Load(); n > 0 {
			out[silence(i).String()] = n
		}
	}
	return out
}
