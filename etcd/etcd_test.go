package etcd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/tests/server"
)

type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func client(t testing.TB, cfg Config) (*Client, *said) {
	t.Helper()
	log := new(said)
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	if cfg.Timeout == 0 {
		cfg.Timeout = 500 * time.Millisecond
	}
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, log
}

// mirror is what a follower knows.
type mirror struct {
	mu      sync.Mutex
	entries map[string]string
	alls    int
	others  int
	changed chan struct{}
}

func follow(t testing.TB, c *Client, prefix string) *mirror {
	t.Helper()
	m := &mirror{entries: map[string]string{}, changed: make(chan struct{}, 1)}
	h := loop.Start("follow", func(stop <-chan struct{}) {
		c.Follow(stop, Follower{
			Prefix: prefix,
			All: func(all []Entry, _ int64, isAnother bool) {
				m.with(func() {
					clear(m.entries)
					for _, e := range all {
						m.entries[e.Name] = string(e.Value)
					}
					m.alls++
					if isAnother {
						m.others++
					}
				})
			},
			Changes: func(changes []Change, _ int64) {
				m.with(func() {
					for _, x := range changes {
						if m.entries[x.Name] = string(x.Value); x.Removed {
							delete(m.entries, x.Name)
						}
					}
				})
			},
		})
	}, nil)
	t.Cleanup(h.Stop)
	return m
}

func (m *mirror) with(f func()) {
	m.mu.Lock()
	f()
	m.mu.Unlock()
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// until waits until the mirror is as is wants it.
func (m *mirror) until(t testing.TB, what string, is func() bool) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		m.mu.Lock()
		ok := is()
		m.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-m.changed:
		case <-timeout:
			m.mu.Lock()
			defer m.mu.Unlock()
			t.Fatalf("%s: there are %d entries", what, len(m.entries))
		}
	}
}

func wait(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) { // nothing announces it
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

func put(t testing.TB, c *Client, writes ...Write) []Outcome {
	t.Helper()
	outcomes, _, err := c.Commit(t.Context(), writes)
	if err != nil {
		t.Fatal(err)
	}
	return outcomes
}

func TestAWriteThatHasSeenAnotherEntryLeavesItAndTheOthersAreMade(t *testing.T) {
	c, _ := client(t, Config{Endpoints: []string{server.StartEtcd(t).Endpoint}})
	if o := put(t, c, Write{Name: "a", Value: []byte("1")}, Write{Name: "b", Value: []byte("1")}); !o[0].Done || !o[1].Done {
		t.Fatal(o)
	}
	a, err := c.Read(t.Context(), "a")
	if err != nil || a.Revision == 0 {
		t.Fatal(a, err)
	}
	o := put(t, c, Write{Name: "a", Value: []byte("2")}, Write{Name: "b", Seen: a.Revision, Value: []byte("2")}, Write{Name: "c", Seen: 7},
		Write{Name: "d", Seen: 0, NoChange: true})
	if o[0].Done || !o[1].Done || o[2].Done || !o[3].Done || string(o[0].Now.Value) != "1" || o[0].Now.Revision != a.Revision || o[2].Now.Revision != 0 {
		t.Fatalf("%+v", o)
	}
	all, _, err := c.List(t.Context(), "")
	if err != nil || len(all) != 2 || string(all[1].Value) != "2" {
		t.Fatal(all, err)
	}
	if o := put(t, c, Write{Name: "a", Seen: a.Revision}); !o[0].Done {
		t.Fatal(o)
	}
	if a, err := c.Read(t.Context(), "a"); err != nil || a.Revision != 0 {
		t.Fatal(a, err)
	}
}

// Whoever holds something by an entry writes as long as nobody has written that entry since.
func TestWhoHasLostWhatHeHeldByOverwritesNothing(t *testing.T) {
	c, _ := client(t, Config{Endpoints: []string{server.StartEtcd(t).Endpoint}})
	ctx := t.Context()
	put := func(name, value string) []Change { return []Change{{Entry: Entry{Name: name, Value: []byte(value)}}} }
	absent := Entry{Name: "holder"}
	first, err := c.Overwrite(ctx, absent, put("holder", "a"))
	if err != nil {
		t.Fatal(err)
	}
	held := Entry{Name: "holder", Revision: first}
	all := append(put("x/1", "1"), put("x/2", "2")...)
	if _, err := c.Overwrite(ctx, held, append(all, Change{Entry: Entry{Name: "x/absent"}, Removed: true})); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Overwrite(ctx, absent, put("holder", "b")); !errors.Is(err, ErrChanged) {
		t.Fatalf("who has not seen the holder was told %v", err)
	}
	if _, err := c.Overwrite(ctx, Entry{}, put("holder", "b")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Overwrite(ctx, held, []Change{{Entry: Entry{Name: "x/1"}, Removed: true}, {Entry: Entry{Name: "x/2", Value: []byte("3")}}}); !errors.Is(err, ErrChanged) {
		t.Fatalf("who was the holder was told %v", err)
	}
	entries, _, err := c.List(ctx, "x/")
	if err != nil || len(entries) != 2 || string(entries[0].Value) != "1" || string(entries[1].Value) != "2" {
		t.Fatal(entries, err)
	}
}

func TestAListOfManyPagesIsWhole(t *testing.T) {
	c, _ := client(t, Config{Endpoints: []string{server.StartEtcd(t).Endpoint}, Timeout: 5 * time.Second})
	const many = 2*page + 1
	for n := 0; n < many; {
		var writes []Write
		for ; len(writes) < MostWrites && n < many; n++ {
			writes = append(writes, Write{Name: fmt.Sprintf("x/%06d", n), Value: []byte("v")})
		}
		put(t, c, writes...)
	}
	put(t, c, Write{Name: "y", Value: []byte("v")})
	all, _, err := c.List(t.Context(), "x/")
	if err != nil || len(all) != many || all[many-1].Name != fmt.Sprintf("x/%06d", many-1) {
		t.Fatal(len(all), err)
	}
}

func TestAFollowerHearsWhatItHasMissed(t *testing.T) {
	e := server.StartEtcd(t)
	c, log := client(t, Config{Endpoints: []string{e.Endpoint}})
	m := follow(t, c, "x/")
	put(t, c, Write{Name: "x/1", Value: []byte("1")}, Write{Name: "y/1", Value: []byte("1")})
	m.until(t, "the first", func() bool { return maps.Equal(m.entries, map[string]string{"x/1": "1"}) })
	for name, off := range map[string][2]func(){"killed": {e.Kill, e.Start}, "paused": {e.Pause, e.Resume}} {
		off[0]()
		wait(t, name+": it is not said to be away", func() bool { return c.Away() != nil })
		if !errors.Is(c.Away(), ErrAway) {
			t.Fatal(c.Away())
		}
		if _, _, err := c.Commit(t.Context(), []Write{{Name: "x/3", Value: []byte("1")}}); !errors.Is(err, ErrAway) {
			t.Fatal(err)
		}
		off[1]()
		wait(t, name+": it is not back", func() bool { return c.Away() == nil })
		put(t, c, Write{Name: "x/" + name, Value: []byte("1")})
		m.until(t, name, func() bool { return m.entries["x/"+name] == "1" })
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 2 {
		t.Errorf("it was said %d times that etcd is away, for 2 times that it was:\n%s", n, log)
	}
	if m.alls != 1 {
		t.Errorf("all was read %d times", m.alls)
	}
}

func TestAFollowerThatMissedCompactedChangesReadsAll(t *testing.T) {
	e := server.StartEtcd(t)
	c, _ := client(t, Config{Endpoints: []string{e.Endpoint}})
	writer, _ := client(t, Config{Endpoints: []string{e.Endpoint}})
	put(t, c, Write{Name: "x/1", Value: []byte("1")})
	list, revision, err := c.List(t.Context(), "x/")
	if err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		o, now, err := writer.Commit(t.Context(), []Write{{Name: "x/1", Seen: list[0].Revision + int64(n), Value: []byte(fmt.Sprint(n))}})
		if err != nil || !o[0].Done {
			t.Fatal(o, err)
		}
		revision = now
	}
	if _, err := writer.etcd.Compact(t.Context(), revision); err != nil {
		t.Fatal(err)
	}
	last := moment{revision: list[0].Revision}
	err = c.watch(t.Context(), Follower{Prefix: "x/", Changes: func([]Change, int64) { t.Error("a change of what was compacted") }}, &last, 0)
	if !errors.Is(err, errCompacted) {
		t.Fatal(err)
	}
}

func TestAnotherEtcdIsNoticed(t *testing.T) {
	e := server.StartEtcd(t)
	c, log := client(t, Config{Endpoints: []string{e.Endpoint}})
	m := follow(t, c, "x/")
	for n := range 20 {
		put(t, c, Write{Name: fmt.Sprintf("x/%d", n), Value: []byte("1")})
	}
	m.until(t, "the entries", func() bool { return len(m.entries) == 20 })
	e.Kill()
	e.Forget()
	e.Start()
	m.until(t, "the empty one", func() bool { return len(m.entries) == 0 && m.alls == 2 })
	put(t, c, Write{Name: "x/new", Value: []byte("1")})
	m.until(t, "the new entry", func() bool { return len(m.entries) == 1 })
	if m.others != 1 || !strings.Contains(log.String(), "another etcd") {
		t.Errorf("it was told %d times: %s", m.others, log)
	}
}

func TestAQuietWatchIsNotGivenUp(t *testing.T) {
	c, _ := client(t, Config{Endpoints: []string{server.StartEtcd(t).Endpoint}})
	ctx, cancel := context.WithTimeout(t.Context(), deafness+2*silence)
	defer cancel()
	_, at, err := c.list(ctx, "x/")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.watch(ctx, Follower{Prefix: "x/"}, &at, 0); ctx.Err() == nil {
		t.Fatal(err)
	}
}

func TestALeaseTakesItsEntriesWithIt(t *testing.T) {
	c, _ := client(t, Config{Endpoints: []string{server.StartEtcd(t).Endpoint}})
	m := follow(t, c, "x/")
	lease, err := c.Grant(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	put(t, c, Write{Name: "x/1", Value: []byte("1"), Lease: lease}, Write{Name: "x/2", Value: []byte("1")})
	m.until(t, "two entries", func() bool { return len(m.entries) == 2 })
	if err := c.Renew(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	if err := c.Revoke(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	m.until(t, "one entry", func() bool { return len(m.entries) == 1 })
	if err := c.Renew(t.Context(), lease); !errors.Is(err, ErrLease) {
		t.Fatal(err)
	}
	if _, _, err := c.Commit(t.Context(), []Write{{Name: "x/3", Value: []byte("1"), Lease: lease}}); !errors.Is(err, ErrLease) {
		t.Fatal(err)
	}
}

func TestWhatCannotBeRightIsRefused(t *testing.T) {
	for _, cfg := range []Config{
		{},
		{Endpoints: []string{"host:2379"}},
		{Endpoints: []string{"http://a:1", "https://a:1"}},
		{Endpoints: []string{"http://a:1"}, Prefix: "x"},
		{Endpoints: []string{"http://a:1"}, Timeout: -1},
		{Endpoints: []string{"https://a:1"}, TLS: TLS{Cert: "x"}},
	} {
		if cfg.Validate() == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}
