package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

const (
	full       = 0.97                  // of a core: the relay has no time left
	tolerable  = 0.001                 // share of packets lost above which figures must not be compared
	mediaQuiet = 0.05                  // CPUs that other work may keep busy before it shows in the figures
	mediaLate  = 10 * time.Millisecond // what is due later than this comes in a crowd, and shows in the delays
)

// row is all rounds of one relay with one number of calls.
type row struct {
	name     string
	calls    int
	passages []passage
}

// mediaRatios are what the comparison is for: each divides the medians of two relays.
func mediaRatios() [][2]string {
	return [][2]string{{"actorsip", "rtpengine"}, {"actorsip", "floor"}, {"rtpengine", "floor"}}
}

// reportMedia writes the table, medians of the rounds, and the ratios of each step.
func reportMedia(w io.Writer, rows []row, o mediaOptions) {
	where := "relay and endpoints share all cores"
	if o.pin {
		where = "relay alone on core 1, endpoints on core 0"
	}
	fmt.Fprintf(w, "\nCPU time per relayed RTP packet: %d bytes, 50 a second each way in a call, %v in each of %d rounds; %s\n\n",
		rtpSize, o.window, o.rounds, where)
	fmt.Fprintf(w, "%6s %-9s %9s %9s %8s %7s %8s %8s %8s %8s %8s %9s\n", "calls", "relay", "packets/s", "µs median", "µs least",
		"CPU %", "lost %", "p50 µs", "p99 µs", "calls/s", "MB PSS", "kB a call")
	for i, r := range rows {
		if len(r.passages) == 0 {
			continue
		}
		if i > 0 && rows[i-1].calls != r.calls {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%6d %-9s %9.0f %9.2f %8.2f %7.1f %8.4f %8.0f %8.0f %8.0f %8.1f %9s%s\n", r.calls, r.name,
			r.median(func(p passage) float64 { return float64(p.relayed) / p.window.Seconds() }),
			r.median(passage.perPacket), r.sorted(passage.perPacket)[0],
			r.median(func(p passage) float64 { return 100 * p.load() }),
			r.median(func(p passage) float64 { return 100 * p.lost() }),
			r.median(func(p passage) float64 { return micro(p.delay.quantile(0.5)) }),
			r.median(func(p passage) float64 { return micro(p.delay.quantile(0.99)) }),
			r.median(func(p passage) float64 { return float64(p.calls-1) / p.setUp.Seconds() }),
			r.median(func(p passage) float64 { return float64(p.busy) / 1e6 }),
			r.perCall(), r.verdict(o))
	}
	fmt.Fprint(w, "\ncalls/s: made one after the other. kB a call: memory with all calls up and silent, less that with the first ",
		firstCalls, ", sockets not counted.\n\n")
	for _, pair := range mediaRatios() {
		fmt.Fprint(w, ratioLine(rows, pair, o))
	}
}

// ratioLine is the ratio of two relays at each step that has both, with a question mark when one of their rows is
// marked; empty when no step has both.
func ratioLine(rows []row, pair [2]string, o mediaOptions) string {
	var line strings.Builder
	for _, a := range rows {
		for _, b := range rows {
			if a.name != pair[0] || b.name != pair[1] || a.calls != b.calls || len(a.passages) == 0 || len(b.passages) == 0 {
				continue
			}
			doubt := ""
			if a.verdict(o)+b.verdict(o) != "" {
				doubt = "?"
			}
			if under := b.median(passage.perPacket); under > 0 {
				fmt.Fprintf(&line, "   %d calls %.3f%s", a.calls, a.median(passage.perPacket)/under, doubt)
			}
		}
	}
	if line.Len() == 0 {
		return ""
	}
	return fmt.Sprintf("%-18s%s\n", pair[0]+"/"+pair[1], line.String())
}

func (r row) perCall() string {
	if r.calls <= firstCalls {
		return "-"
	}
	return fmt.Sprintf("%.1f", r.median(passage.perCall)/1e3)
}

// verdict marks what must not be compared, or only with care, and why.
func (r row) verdict(o mediaOptions) string {
	var says string
	var late time.Duration
	for _, p := range r.passages {
		late = max(late, p.late)
	}
	switch {
	case late > maxLate:
		says += "  INVALID: the endpoints did not keep the pace"
	case late > mediaLate:
		says += fmt.Sprintf("  DOUBTFUL: the endpoints were %.0f ms late", late.Seconds()*1000)
	}
	if load := r.median(passage.load); load > full*float64(o.threads()) {
		says += "  FULL: the relay has no CPU time left"
	}
	if slices.ContainsFunc(r.passages, func(p passage) bool { return p.lost() > tolerable }) {
		says += "  DOUBTFUL: more than one packet in a thousand was lost"
	}
	if busy := r.median(func(p passage) float64 { return p.others }); busy > mediaQuiet {
		says += fmt.Sprintf("  DOUBTFUL: other work kept %.2f CPUs busy", busy)
	}
	return says
}

func (r row) sorted(of func(passage) float64) []float64 {
	var v []float64
	for _, p := range r.passages {
		v = append(v, of(p))
	}
	slices.Sort(v)
	return v
}

// median is the middle round, and with an even number of them the mean of the two in the middle.
func (r row) median(of func(passage) float64) float64 {
	v := r.sorted(of)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
