package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// host is a running proxy with a place for connections beside its two UDP legs.
type host struct {
	ground
	kind  string         // tcp or tls
	place netip.AddrPort // where it takes connections
	admin netip.AddrPort
	group []string  // its processes
	read  time.Time // when its metrics were read last
}

const stale = time.Second // is how old the metrics of Go's runtime may be that a process shows

func newHost(kind string, o idleOptions) (*host, error) {
	h := &host{kind: kind, ground: ground{lanes: o.lanes}}
	var errs [4]error
	h.inside, errs[0] = free(insideIP)
	h.outside, errs[1] = free(outsideIP)
	h.place, errs[2] = freeTCP(insideIP)
	h.admin, errs[3] = freeTCP(insideIP)
	return h, errors.Join(errs[:]...)
}

// fill writes its configuration.
func (h *host) fill(path string, o idleOptions) error {
	var secure string
	if h.kind == "tls" {
		secure = "tls: {cert: cert.pem, key: key.pem}"
	}
	return fill("forwarders/idle.yaml", path, o.dir, &h.ground,
		"{kind}", h.kind, "{place}", h.place.String(), "{idle}", o.idle.String(), "{partial}", o.partial.String(),
		"{tls}", secure, "{admin}", h.admin.String())
}

// room is how many silent connections there is place for in both processes, beside the slow ones.
func (h *host) room(silent, slow int) (int, error) {
	for _, process := range []string{"/proc/self", h.group[0]} {
		most, err := openFiles(process)
		if err != nil {
			return 0, err
		}
		place := most - spareFiles - slow
		if place < 1 {
			return 0, fmt.Errorf("there is no place for silent connections beside %d slow ones: a process may have %d files open", slow, most)
		}
		if place < silent {
			fmt.Printf("%d silent connections instead of %d: a process may have %d files open\n", place, silent, most)
			silent = place
		}
	}
	return silent, nil
}

// holding is what the proxy has.
type holding struct {
	connections int64 // by its own account
	memory      int64 // proportional set size, in bytes
	mapped      int64 // of that, pages of files
	runtime     int64 // what Go's runtime has taken for heap, stacks and itself, in bytes
	goroutines  int64
	sockets     int
	files       int // other descriptors
}

// beyond says that there is more of something that must be given back than base has.
func (h holding) beyond(base holding) bool {
	return h.connections > base.connections || h.sockets > base.sockets || h.files > base.files || h.goroutines > base.goroutines
}

// rest waits until the next look is a new one.
func (h *host) rest(ctx context.Context) error {
	return pause(ctx, time.Until(h.read.Add(stale+attempt)))
}

func (h *host) look(ctx context.Context) (now holding, err error) {
	metrics, err := readMetrics(ctx, "http://"+h.admin.String()+"/metrics")
	if err != nil {
		return now, err
	}
	h.read = time.Now()
	now.connections = metrics["actorsip_connections"]
	now.goroutines, now.runtime = metrics["go_goroutine_count"], metrics["go_memory_used_bytes"]
	if now.sockets, now.files, err = descriptors(h.group); err != nil {
		return now, err
	}
	if now.mapped, err = mapped(h.group); err != nil {
		return now, err
	}
	now.memory, err = memory(h.group)
	return now, err
}

// descriptors counts what these processes have open.
func descriptors(processes []string) (sockets, files int, err error) {
	for _, p := range processes {
		all, err := filepath.Glob(p + "/fd/*")
		if err != nil {
			return 0, 0, err
		}
		for _, fd := range all {
			switch to, err := os.Readlink(fd); {
			case err != nil: // closed meanwhile
			case strings.HasPrefix(to, "socket:"):
				sockets++
			default:
				files++
			}
		}
	}
	return sockets, files, nil
}

// readMetrics sums the samples of each name of a page in Prometheus' text format. The connection is closed at once,
// so that it is not counted next time.
func readMetrics(ctx context.Context, url string) (map[string]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	ask.Close = true
	page, err := http.DefaultClient.Do(ask)
	if err != nil {
		return nil, err
	}
	defer page.Body.Close()
	sum := map[string]int64{}
	for lines := bufio.NewScanner(page.Body); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		name := line[:strings.IndexAny(line+" ", " {")]
		value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %q has no value", url, line)
		}
		sum[name] += int64(value)
	}
	return sum, nil
}
