package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func visitOf(alone, beside time.Duration) visit {
	v := visit{
		alone:  delayed{sent: 1000, p50: alone / 2, p99: alone},
		beside: delayed{sent: 1000, p50: beside / 2, p99: beside},
		full:   holding{connections: 1024, memory: 11 << 20, runtime: 21 << 20, goroutines: 1020, sockets: 1010, files: 7},
		after:  holding{memory: 2 << 20, goroutines: 20, sockets: 10, files: 7},
	}
	v.silentGone, v.slowGone = 20*time.Second, 10*time.Second
	return v
}

func TestTheTableOfConnectionsTellsOtherFigures(t *testing.T) {
	o, err := parseIdle(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := stay{
		kind: "tls", silent: 1024, slow: 10,
		base: holding{memory: 1 << 20, runtime: 1 << 20, goroutines: 20, sockets: 10, files: 7},
	}
	for _, p99 := range []time.Duration{300, 110, 120} {
		s.rounds = append(s.rounds, visitOf(100*time.Microsecond, p99*time.Microsecond))
	}
	text := func() string {
		var b strings.Builder
		reportStay(&b, s, o)
		return strings.Join(strings.Fields(b.String()), " ")
	}
	for _, want := range []string{
		"1024 silent connections over tls, 10 that", "alone 3000 0 50 100 100", "beside 3000 0 60 120 110",
		"p50 1.200, p99 1.200 a", "10.0 KiB of memory (PSS), 20.0 KiB by", "the slow ones within 10.0 s, the silent ones within 20.0 s",
		"left of them: 0 connections, +0 by the proxy's account, +0 sockets, +0 other descriptors, +0 goroutines, +1.0 MB",
	} {
		if !strings.Contains(text(), want) {
			t.Errorf("there is no %q in %s", want, text())
		}
	}
	for _, c := range []struct {
		spoil func(*visit)
		want  string
	}{
		{func(v *visit) { v.early = 3 }, "INVALID: 3 connections were gone before"},
		{func(v *visit) { v.beside.lost = 2 }, "INVALID: more than one request"},
		{func(v *visit) { v.alone.late = time.Second }, "INVALID: the probe"},
		{func(v *visit) { v.clung = 5 }, "left of them: 5 connections"},
		{func(v *visit) { v.full.connections-- }, "INVALID: the proxy counts other"},
		{func(v *visit) { v.after.connections++ }, "+1 by the proxy's account"},
		{func(v *visit) { v.after.sockets++ }, "+1 sockets"},
		{func(v *visit) { v.after.goroutines += 4 }, "+4 goroutines"},
		{func(v *visit) { v.after.files += 2 }, "+2 other descriptors"},
	} {
		sound := s.rounds[2]
		c.spoil(&s.rounds[2])
		if !strings.Contains(text(), c.want) {
			t.Errorf("there is no %q in %s", c.want, text())
		}
		s.rounds[2] = sound
	}
	for i := range s.rounds {
		s.rounds[i].others = 0.4
	}
	if !strings.Contains(text(), "DOUBTFUL: other work kept 0.40 CPUs") {
		t.Error("other work is not told")
	}
}

func TestWhatIsLeftPassesForNothing(t *testing.T) {
	base := holding{memory: 1, goroutines: 20, sockets: 10, files: 7}
	less := base
	less.sockets--
	if base.beyond(base) || less.beyond(base) {
		t.Error("as much or less passes for more")
	}
	for _, more := range []func(*holding){
		func(h *holding) { h.connections++ }, func(h *holding) { h.sockets++ }, func(h *holding) { h.files++ }, func(h *holding) { h.goroutines++ },
	} {
		h := base
		if more(&h); !h.beyond(base) {
			t.Errorf("%+v passes for %+v", h, base)
		}
	}
}

func TestDescriptorsAreCountedWrong(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "fd"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i, to := range []string{"/dev/null", "socket:[4711]", "anon_inode:[eventpoll]", "socket:[4712]", "/tmp/socket:", "pipe:[1]"} {
		if err := os.Symlink(to, filepath.Join(dir, "fd", strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	if sockets, files, err := descriptors([]string{dir, dir}); sockets != 4 || files != 8 || err != nil {
		t.Errorf("%d sockets, %d others, %v", sockets, files, err)
	}
	l, err := listenTCP(insideIP)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if sockets, _, err := descriptors([]string{"/proc/self"}); sockets == 0 || err != nil {
		t.Errorf("%d sockets of this process, which listens: %v", sockets, err)
	}
	if most, err := openFiles("/proc/self"); err != nil || most < 50 {
		t.Errorf("%d files may be open, %v", most, err)
	}
}

func TestThereIsRoomForMoreThanFilesCanBeOpen(t *testing.T) {
	h := &host{group: []string{"/proc/self"}}
	most, err := openFiles("/proc/self")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := h.room(1, 0); n != 1 || err != nil {
		t.Errorf("one connection: %d, %v", n, err)
	}
	if n, err := h.room(2*most, 7); n != most-spareFiles-7 || err != nil {
		t.Errorf("twice the files: %d, %v", n, err)
	}
	if n, err := h.room(10, most); err == nil {
		t.Errorf("beside too many slow ones there is room for %d", n)
	}
}

func TestMetricsAreReadWrong(t *testing.T) {
	page := "# HELP x y\n# TYPE x gauge\nx 3\ny{a=\"b c\",d=\"{\"} 1.5e+03\ny{a=\"e\"} 7\n"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(page)) }))
	defer server.Close()
	got, err := readMetrics(t.Context(), server.URL)
	if err != nil || len(got) != 2 || got["x"] != 3 || got["y"] != 1507 {
		t.Errorf("%v, %v", got, err)
	}
	page = "x\n"
	if got, err := readMetrics(t.Context(), server.URL); err == nil {
		t.Errorf("a line without a value reads %v", got)
	}
}

func TestTheOptionsOfIdleAreTakenWrong(t *testing.T) {
	o, err := parseIdle([]string{"-only", "tls", "-silent", "10", "-slow", "2", "-seconds", "0.2", "-rounds", "1"})
	if err != nil {
		t.Fatal(err)
	}
	h, err := newHost("tls", o)
	if err != nil {
		t.Fatal(err)
	}
	o.dir = t.TempDir()
	path := filepath.Join(o.dir, "tls.yaml")
	if err := h.fill(path, o); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(strings.ReplaceAll(string(text), ": {", ""), "{") {
		t.Errorf("something is left open: %v\n%s", err, text)
	}
	for _, bad := range [][]string{{"-only", "udp"}, {"-silent", "0"}, {"-rounds", "0"}, {"-seconds", "0.01"}, {"x"}} {
		if _, err := parseIdle(bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}
