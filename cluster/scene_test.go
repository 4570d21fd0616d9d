package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/actorsip/actorsip/tests/stage"
)

// A node of these tests is this test binary, run again with a script in its environment.
const scriptEnv = "ACTORSIP_CLUSTER_TEST_NODE"

func TestMain(m *testing.M) {
	if text := os.Getenv(scriptEnv); text != "" {
		var s script
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		s.play()
		return
	}
	os.Exit(m.Run())
}

// script is what a node is told at its start.
type script struct {
	Node, Listen string
	Etcd, Peers  []string
	TLS          TLS
	Lease        time.Duration
}

const (
	sinkPath = "actorsip/sink"
	sinkType = "google.protobuf.BytesValue"
)

func newActors() *actor.ActorSystem {
	return actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
}

// play is a node's life: it says what it sees on its standard output, and does what its standard input says, until that ends.
func (s script) play() {
	var mu sync.Mutex
	say := func(format string, a ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", a...)
	}
	actors := newActors()
	got, bytes := 0, 0
	actors.Root.SpawnNamed(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *wrapperspb.BytesValue:
			got, bytes = got+1, bytes+len(m.Value)
			if got%100 == 0 {
				say("got %d %d", got, bytes)
			}
		case *actor.Stopping:
			say("sink stopped")
		}
	}), sinkPath)

	cfg := Config{
		Name: "lab", Node: s.Node, Listen: netip.MustParseAddrPort(s.Listen), TLS: s.TLS, Facts: []byte("facts of " + s.Node),
		Etcd: Etcd{Endpoints: s.Etcd}, Peers: s.Peers, Lease: s.Lease,
		Allow: Allow{sinkType: {sinkPath}},
		Log:   slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	var c *Cluster
	join := func() {
		for {
			var err error
			if c, err = Join(context.Background(), cfg, actors); err == nil {
				break
			}
			say("failed %v", err)
			time.Sleep(100 * time.Millisecond) // what it waits for is on another machine
		}
		say("joined %s", c.Self().Life)
		c.Watch(func(_, now []Member) {
			var all []string
			for _, m := range now {
				state := ""
				if !m.Alive {
					state += "?"
				}
				if m.Draining {
					state += "-"
				}
				if string(m.Facts) != "facts of "+m.Node {
					state += "!"
				}
				all = append(all, m.Node+state+"="+m.Life)
			}
			say("view %s", strings.Join(all, " "))
		})
	}
	join()
	orders := make(chan []string)
	go func() {
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			orders <- strings.Fields(in.Text())
		}
		close(orders)
	}()
	for {
		select {
		case <-c.Fenced():
			say("fenced %s", c.Status().Fenced)
			c.Leave()
			join()
		case o, more := <-orders:
			if !more {
				c.Leave()
				return
			}
			switch o[0] {
			case "leave":
				began := time.Now()
				c.Leave()
				say("left %v", time.Since(began))
				return
			case "drain":
				c.SetDraining(true)
			case "status":
				st := c.Status()
				say("status refused=%v taken=%d links=%+v fenced=%q", st.Refused, st.Taken, st.Links, st.Fenced)
			case "tell": // tell NODE COUNT SIZE
				count, _ := strconv.Atoi(o[2])
				size, _ := strconv.Atoi(o[3])
				c.tellMany(o[1], count, size, say)
			}
		}
	}
}

// tellMany tells a node's sink something, again and again while it does not fit.
func (c *Cluster) tellMany(node string, count, size int, say func(string, ...any)) {
	msg := wrapperspb.Bytes(make([]byte, size))
	began, refused := time.Now(), 0
	for i := 0; i < count; {
		if err := c.Tell(c.ByID(ID(node)), sinkPath, msg); err != nil {
			if refused++; time.Since(began) > 20*time.Second {
				say("told %d of %d", i, count)
				return
			}
			wait(nil, time.Millisecond)
			continue
		}
		i++
	}
	say("told %d of %d in %v, refused %d", count, count, time.Since(began), refused)
}

// node is a process under test.
type node struct {
	t     testing.TB
	name  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan line
	log   *os.File
	view  string // the last one
	life  string
}

type line struct {
	at   time.Time
	text string
}

// start runs a node, in a network namespace if one is named.
func start(t testing.TB, s script, namespace string) *node {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{self}
	if namespace != "" {
		args = []string{"ip", "netns", "exec", namespace, self}
	}
	n := &node{t: t, name: s.Node, cmd: exec.Command(args[0], args[1:]...), lines: make(chan line, 10000)}
	n.cmd.Env = append(os.Environ(), scriptEnv+"="+string(text))
	if n.log, err = os.CreateTemp(t.TempDir(), s.Node); err != nil {
		t.Fatal(err)
	}
	n.cmd.Stderr = n.log
	if n.in, err = n.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for in := bufio.NewScanner(out); in.Scan(); {
			n.lines <- line{time.Now(), in.Text()}
		}
		close(n.lines)
	}()
	t.Cleanup(n.end)
	n.life = strings.TrimPrefix(n.wait("joined", func(s string) bool { return strings.HasPrefix(s, "joined ") }).text, "joined ")
	return n
}

func (n *node) end() {
	n.in.Close()
	n.cmd.Process.Signal(syscall.SIGCONT)
	timer := time.AfterFunc(5*time.Second, func() { n.cmd.Process.Kill() })
	n.cmd.Wait()
	timer.Stop()
	text, _ := os.ReadFile(n.log.Name())
	if strings.Contains(string(text), "DATA RACE") || strings.Contains(string(text), "panic") || n.t.Failed() {
		n.t.Errorf("node %s wrote:\n%s", n.name, text)
	}
}

// wait waits for a line; it remembers the last view.
func (n *node) wait(what string, is func(string) bool) line {
	n.t.Helper()
	until := time.After(25 * time.Second)
	for {
		select {
		case l, more := <-n.lines:
			if !more {
				n.t.Fatalf("node %s ended while we waited for %s; its last view was %s", n.name, what, n.view)
			}
			if v, isView := strings.CutPrefix(l.text, "view "); isView {
				n.view = v
			}
			if is(l.text) {
				return l
			}
		case <-until:
			n.t.Fatalf("node %s: no %s; its last view was %s", n.name, what, n.view)
		}
	}
}

// sees waits until a node's view is that of all of these lives, and of nobody else.
func (n *node) sees(nodes ...*node) line {
	n.t.Helper()
	var all []string
	for _, m := range nodes {
		all = append(all, m.name+"="+m.life)
	}
	want := strings.Join(all, " ")
	if n.view == want {
		return line{time.Now(), n.view}
	}
	return n.wait("view "+want, func(s string) bool { return s == "view "+want })
}

func (n *node) order(format string, a ...any) { fmt.Fprintf(n.in, format+"\n", a...) }

// rejoins waits until a node has been fenced and lives again.
func (n *node) rejoins() (fenced, joined line) {
	n.t.Helper()
	fenced = n.wait("fence", func(s string) bool { return strings.HasPrefix(s, "fenced ") })
	joined = n.wait("joined", func(s string) bool { return strings.HasPrefix(s, "joined ") })
	n.life, n.view = strings.TrimPrefix(joined.text, "joined "), ""
	return fenced, joined
}

// etcdServer is a server in a process of its own.
type etcdServer struct {
	t    testing.TB
	addr string
	dir  string // where its data are
	args []string
	cmd  *exec.Cmd
}

func startEtcd(t testing.TB, host, namespace string) *etcdServer {
	t.Helper()
	if _, err := exec.LookPath("etcd"); err != nil {
		t.Skip("etcd is not installed: apt-get install etcd-server")
	}
	clients, peers := free(t, host), free(t, host)
	dir := filepath.Join(t.TempDir(), "etcd")
	e := &etcdServer{t: t, addr: clients, dir: dir, args: []string{
		"etcd", "--data-dir", dir, "--log-level", "error",
		"--listen-client-urls", "http://" + clients, "--advertise-client-urls", "http://" + clients,
		"--listen-peer-urls", "http://" + peers, "--initial-advertise-peer-urls", "http://" + peers, "--initial-cluster", "default=http://" + peers,
	}}
	if namespace != "" {
		e.args = append([]string{"ip", "netns", "exec", namespace}, e.args...)
	}
	e.start()
	t.Cleanup(e.kill)
	return e
}

func (e *etcdServer) start() {
	e.t.Helper()
	e.cmd = exec.Command(e.args[0], e.args[1:]...)
	if err := e.cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
}

func (e *etcdServer) kill() {
	e.cmd.Process.Kill()
	e.cmd.Wait()
}

// free is an address that nobody listens at.
func free(t testing.TB, host string) string {
	t.Helper()
	probe := host
	if l, err := net.Listen("tcp", net.JoinHostPort(probe, "0")); err == nil {
		defer l.Close()
		return l.Addr().String()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // an address of a namespace: the port is as good as any
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return net.JoinHostPort(host, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
}

// authority signs certificates.
type authority struct {
	*stage.Authority
	t   testing.TB
	dir string
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	return &authority{stage.NewAuthority(t), t, t.TempDir()}
}

// files are those of a node whose certificate is for these names.
func (a *authority) files(name string, dns ...string) TLS {
	a.t.Helper()
	pair := a.Issue(a.t, a.dir, name, dns...)
	return TLS{Cert: pair.Cert, Key: pair.Key, CA: a.File, Names: []string{"lab"}}
}
