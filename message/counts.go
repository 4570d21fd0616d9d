package message

import "sync/atomic"

// Counts is what became of the packets of one lane. Its lane writes it, anybody may read it.
type Counts struct {
	passed   [numStages]atomic.Uint64
	awaited  [numStages]atomic.Uint64
	answered [numStages][numReasons]atomic.Uint64
	dropped  [numStages][numReasons]atomic.Uint64
	Written  atomic.Uint64 // datagrams that the kernel took
}

func (c *Counts) pass(at Stage)             { c.passed[at].Add(1) }
func (c *Counts) await(at Stage)            { c.awaited[at].Add(1) }
func (c *Counts) answer(at Stage, r Reason) { c.answered[at][r].Add(1) }
func (c *Counts) drop(at Stage, r Reason)   { c.dropped[at][r].Add(1) }

// Count is one line of what was counted.
type Count struct {
	Stage   string `json:"stage"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
	Packets uint64 `json:"packets"`
}

// Sum adds up the counts of several lanes: a line for each that is not 0, in a fixed order.
func Sum(lanes []*Counts) []Count {
	var out []Count
	line := func(at int, outcome string, reason Reason, cell func(*Counts) *atomic.Uint64) {
		n := uint64(0)
		for _, c := range lanes {
			n += cell(c).Load()
		}
		if n == 0 {
			return
		}
		k := Count{Stage: Stage(at).String(), Outcome: outcome, Packets: n}
		if outcome == "answer" || outcome == "drop" {
			k.Reason = reason.String()
		}
		out = append(out, k)
	}
	for at := range Stages {
		line(at, "pass", 0, func(c *Counts) *atomic.Uint64 { return &c.passed[at] })
		line(at, "await", 0, func(c *Counts) *atomic.Uint64 { return &c.awaited[at] })
		for r := range Reasons {
			line(at, "answer", Reason(r), func(c *Counts) *atomic.Uint64 { return &c.answered[at][r] })
			line(at, "drop", Reason(r), func(c *Counts) *atomic.Uint64 { return &c.dropped[at][r] })
		}
	}
	return out
}
