package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// reportStay writes what connections of one kind cost: medians of the rounds, and the worst of what was left.
func reportStay(w io.Writer, s stay, o idleOptions) {
	where := "all share all cores"
	if o.pin {
		where = "proxy alone on core 1, all else on core 0"
	}
	fmt.Fprintf(w, "\n%d silent connections over %s, %d that send a byte a second, beside %d requests a second by UDP: %v in each of %d rounds; %s\n\n",
		s.silent, s.kind, s.slow, o.rate, o.window, len(s.rounds), where)
	fmt.Fprintf(w, "%-7s %9s %7s %7s %9s %9s %7s\n", "UDP", "requests", "lost", "p50 µs", "p99 µs", "p99 least", "CPU %")
	line := func(name string, of func(visit) delayed, cpu func(visit) float64) {
		var sent, lost int
		for _, v := range s.rounds {
			sent, lost = sent+of(v).sent, lost+of(v).lost
		}
		p99 := func(v visit) float64 { return micro(of(v).p99) }
		fmt.Fprintf(w, "%-7s %9d %7d %7.0f %9.0f %9.0f %7.1f\n", name, sent, lost,
			s.median(func(v visit) float64 { return micro(of(v).p50) }), s.median(p99), s.sorted(p99)[0],
			100*s.median(cpu))
	}
	line("alone", visitAlone, func(v visit) float64 { return v.aloneCPU })
	line("beside", visitBeside, func(v visit) float64 { return v.besideCPU })
	fmt.Fprintf(w, "\nbeside/alone: p50 %.3f, p99 %.3f%s\n", s.ratio(func(d delayed) time.Duration { return d.p50 }),
		s.ratio(func(d delayed) time.Duration { return d.p99 }), s.verdict())
	fmt.Fprintf(w, "a silent connection: %.1f KiB of memory (PSS), %.1f KiB by the runtime's account\n",
		s.each(func(h holding) int64 { return h.memory }), s.each(func(h holding) int64 { return h.runtime }))
	fmt.Fprintf(w, "all had joined after %.1f s; closed by the proxy: the slow ones within %.1f s, the silent ones within %.1f s\n",
		s.seconds(func(v visit) time.Duration { return v.joining }),
		s.seconds(func(v visit) time.Duration { return v.slowGone }), s.seconds(func(v visit) time.Duration { return v.silentGone }))
	left := s.worst()
	fmt.Fprintf(w, "left of them: %d connections, %+d by the proxy's account, %+d sockets, %+d other descriptors, %+d goroutines, %+.1f MB PSS\n",
		s.clung(), left.connections-s.base.connections, left.sockets-s.base.sockets, left.files-s.base.files, left.goroutines-s.base.goroutines,
		float64(left.memory-s.base.memory)/1e6)
}

func visitAlone(v visit) delayed  { return v.alone }
func visitBeside(v visit) delayed { return v.beside }

// ratio divides the medians of all rounds.
func (s stay) ratio(of func(delayed) time.Duration) float64 {
	alone := s.median(func(v visit) float64 { return micro(of(v.alone)) })
	if alone == 0 {
		return 0
	}
	return s.median(func(v visit) float64 { return micro(of(v.beside)) }) / alone
}

// each is what one silent connection takes, in KiB.
func (s stay) each(of func(holding) int64) float64 {
	return s.median(func(v visit) float64 {
		n := max(1, v.full.connections-s.base.connections) // what the proxy has lost already takes nothing
		return float64(of(v.full)-of(s.base)) / float64(n) / 1024
	})
}

// seconds is the longest of all rounds.
func (s stay) seconds(of func(visit) time.Duration) float64 {
	v := s.sorted(func(v visit) float64 { return of(v).Seconds() })
	return v[len(v)-1]
}

// worst is the most that any round has left.
func (s stay) worst() holding {
	h := s.rounds[0].after
	for _, v := range s.rounds[1:] {
		h.memory, h.goroutines = max(h.memory, v.after.memory), max(h.goroutines, v.after.goroutines)
		h.sockets, h.files = max(h.sockets, v.after.sockets), max(h.files, v.after.files)
		h.connections = max(h.connections, v.after.connections)
	}
	return h
}

func (s stay) clung() (n int) {
	for _, v := range s.rounds {
		n = max(n, v.clung)
	}
	return n
}

// verdict marks what must not be compared, or only with care, and why.
func (s stay) verdict() string {
	var says string
	if n := slices.MaxFunc(s.rounds, func(a, b visit) int { return a.early - b.early }).early; n > 0 {
		says += fmt.Sprintf("  INVALID: %d connections were gone before the measurement was over", n)
	}
	if slices.ContainsFunc(s.rounds, func(v visit) bool { return v.full.connections-s.base.connections != int64(s.silent) }) {
		says += "  INVALID: the proxy counts other connections than have joined"
	}
	bad := func(d delayed) bool { return d.sent == 0 || float64(d.lost)/float64(d.sent) > tolerable }
	if slices.ContainsFunc(s.rounds, func(v visit) bool { return bad(v.alone) || bad(v.beside) }) {
		says += "  INVALID: more than one request in a thousand was lost"
	}
	if slices.ContainsFunc(s.rounds, func(v visit) bool { return max(v.alone.late, v.beside.late) > maxLate }) {
		says += "  INVALID: the probe did not keep the pace"
	}
	if busy := s.median(func(v visit) float64 { return v.others }); busy > mediaQuiet {
		says += fmt.Sprintf("  DOUBTFUL: other work kept %.2f CPUs busy", busy)
	}
	return says
}

func (s stay) sorted(of func(visit) float64) []float64 {
	var v []float64
	for _, r := range s.rounds {
		v = append(v, of(r))
	}
	slices.Sort(v)
	return v
}

// median is the middle round, and with an even number of them the mean of the two in the middle.
func (s stay) median(of func(visit) float64) float64 {
	v := s.sorted(of)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
