package system

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/actorsip/actorsip/room"
)

// fault is one kind of fault that a drill injects: into which room, on which message, how often.
type fault struct {
	does string        // panic, delay or drop
	room string        // path below the root; an element may be *
	verb string        // * for any
	rate float64       // of the messages that fit, 0 to 1
	wait time.Duration // of a delay
}

const (
	longestDelay = time.Second
	relayRoom    = "relay" // not in the tree: the workers of the relay engine
)

var errChaos = errors.New("no faults can be injected")

// ParseChaos reads what a drill asks for: FAULT:ROOM:VERB:RATE or delay:ROOM:VERB:RATE:DURATION, with commas between
// several. FAULT is panic, delay (1 s at most) or drop; ROOM is a path below actorsip, with * for any one element;
// VERB is the name of a message in lower case, or *; RATE is the share of such messages, above 0, at most 1.
// The first fault whose turn it is happens. relay/N with the verb packets is a worker of the relay engine, which drops
// nothing.
func ParseChaos(spec string) (room.Chaos, error) {
	var faults []fault
	for _, part := range strings.Split(spec, ",") {
		f, err := parseFault(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("%w: %q: %w", errChaos, part, err)
		}
		faults = append(faults, f)
	}
	return func(path string, msg any) (swallow bool) {
		below := strings.TrimPrefix(path, root+"/")
		for i := range faults {
			if f := &faults[i]; f.fits(below, msg) && rand.Float64() < f.rate {
				return f.happen()
			}
		}
		return false
	}, nil
}

func parseFault(text string) (f fault, err error) {
	fields := strings.Split(text, ":")
	f.does = fields[0]
	switch {
	case f.does != "panic" && f.does != "delay" && f.does != "drop":
		return f, errors.New("a fault is panic, delay or drop")
	case f.does == "delay" && len(fields) != 5:
		return f, errors.New("write delay:ROOM:VERB:RATE:DURATION, such as delay:lanes/*/router:route:0.01:20ms")
	case f.does != "delay" && len(fields) != 4:
		return f, fmt.Errorf("write %s:ROOM:VERB:RATE, such as %s:media/*:anchor:0.01", f.does, f.does)
	}
	f.room, f.verb = fields[1], fields[2]
	if f.rate, err = strconv.ParseFloat(fields[3], 64); err != nil || !(f.rate > 0 && f.rate <= 1) {
		return f, fmt.Errorf("the rate %q is no number above 0 and up to 1", fields[3])
	}
	if f.does == "delay" {
		if f.wait, err = time.ParseDuration(fields[4]); err != nil || f.wait <= 0 || f.wait > longestDelay {
			return f, fmt.Errorf("the duration %q is none above 0 and up to %v", fields[4], longestDelay)
		}
	}
	first, _, _ := strings.Cut(f.room, "/")
	switch {
	case strings.Contains("/"+f.room+"/", "//"):
		return f, fmt.Errorf("%q is no path of a room below %s, such as media/* or lanes/0/legs/inside", f.room, root)
	case first == root:
		return f, fmt.Errorf("the path %q begins below %s", f.room, root)
	case f.verb == "" || f.verb != strings.ToLower(f.verb):
		return f, fmt.Errorf("%q is no verb: a word in lower case, or *", f.verb)
	case f.does == "drop" && first == relayRoom:
		return f, errors.New("workers of the relay engine can panic and be delayed, they drop nothing")
	}
	return f, nil
}

// fits tells whether a message to a room is of this fault's kind.
func (f *fault) fits(path string, msg any) bool {
	pattern, isMore := f.room, true
	for isMore {
		var want, have string
		var hasMore bool
		want, pattern, isMore = strings.Cut(pattern, "/")
		have, path, hasMore = strings.Cut(path, "/")
		if isMore != hasMore || want != "*" && want != have {
			return false
		}
	}
	return f.verb == "*" || f.verb == verbOf(msg)
}

// verbOf is the name of a message in lower case: anchor, look.
func verbOf(msg any) string {
	t := reflect.TypeOf(msg)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return ""
	}
	return strings.ToLower(t.Name())
}

func (f *fault) happen() (swallow bool) {
	switch f.does {
	case "panic":
		panic("injected by a drill")
	case "delay":
		time.Sleep(f.wait)
	}
	return f.does == "drop"
}

// packets is what a worker of the relay engine is about to move, for faults that are injected there.
type packets struct{}

// workerChaos is chaos as the workers of the relay engine know it; nil for none.
func workerChaos(chaos room.Chaos) func(worker int) {
	if chaos == nil {
		return nil
	}
	return func(worker int) { chaos(root+"/"+relayRoom+"/"+strconv.Itoa(worker), packets{}) }
}

// StartDrill is Start with faults, see ParseChaos.
func StartDrill(cfg Config, spec string) (*System, error) {
	chaos, err := ParseChaos(spec)
	if err != nil {
		return nil, err
	}
	log := cfg.Log.logger(os.Stderr)
	log.Warn("faults are injected: this is a drill, calls will suffer", "node", cfg.Node, "chaos", spec)
	return StartWith(cfg, Options{Log: log, Chaos: chaos})
}
