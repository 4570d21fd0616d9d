package server

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Etcd is an etcd of one node on loopback, with its data in a directory that goes with the test.
type Etcd struct {
	Endpoint string // URL

	tb      testing.TB
	name    string
	members string // of its cluster
	dir     string
	client  string
	health  string
	peer    string
	extra   []string
	log     bytes.Buffer
	cmd     *exec.Cmd
	ended   chan struct{}
}

// StartEtcd starts an etcd, with more flags than its own when it is given some. A test without the program is skipped.
func StartEtcd(tb testing.TB, flags ...string) *Etcd {
	tb.Helper()
	e := newEtcd(tb, flags...)
	e.Start()
	tb.Cleanup(e.Kill)
	return e
}

// StartEtcdAt starts one on an address that others can reach.
func StartEtcdAt(tb testing.TB, host string) *Etcd {
	tb.Helper()
	e := newEtcd(tb)
	e.client = freePort(tb, host)
	e.Endpoint = "http://" + e.client
	e.health = e.Endpoint
	e.Start()
	tb.Cleanup(e.Kill)
	return e
}

// StartEtcds starts many of them that are one cluster.
func StartEtcds(tb testing.TB, many int) []*Etcd {
	tb.Helper()
	all, members := make([]*Etcd, many), make([]string, many)
	for n := range all {
		all[n] = newEtcd(tb)
		all[n].name = fmt.Sprint("node", n)
		members[n] = all[n].name + "=http://" + all[n].peer
	}
	for _, e := range all {
		e.members = strings.Join(members, ",")
		e.Launch()
		tb.Cleanup(e.Kill)
	}
	for _, e := range all {
		e.Await()
	}
	return all
}

// StartSecureEtcd starts an etcd with a certificate and its key, that hears only who has a certificate of ca's: files in PEM.
func StartSecureEtcd(tb testing.TB, cert, key, ca string) *Etcd {
	tb.Helper()
	health := "http://" + freePort(tb, loopback)
	e := newEtcd(tb, "--cert-file", cert, "--key-file", key, "--client-cert-auth", "--trusted-ca-file", ca,
		"--listen-metrics-urls", health)
	e.Endpoint, e.health = "https://"+e.client, health
	e.Start()
	tb.Cleanup(e.Kill)
	return e
}

func newEtcd(tb testing.TB, flags ...string) *Etcd {
	tb.Helper()
	if _, err := exec.LookPath("etcd"); err != nil {
		tb.Skip("there is no etcd on this machine: apt-get install etcd-server")
	}
	e := &Etcd{tb: tb, dir: filepath.Join(tb.TempDir(), "etcd"), client: freePort(tb, loopback), peer: freePort(tb, loopback), extra: flags}
	e.Endpoint = "http://" + e.client
	e.name, e.health, e.members = "one", e.Endpoint, "one=http://"+e.peer
	return e
}

const loopback = "127.0.0.1"

func freePort(tb testing.TB, host string) string {
	tb.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Start starts it, again after Kill, and waits until it answers.
func (e *Etcd) Start() {
	e.tb.Helper()
	e.Launch()
	e.Await()
}

// Launch is Start without the waiting.
func (e *Etcd) Launch() {
	e.tb.Helper()
	args := append([]string{
		"--name", e.name, "--data-dir", e.dir, "--log-level", "warn", "--logger", "zap",
		"--listen-client-urls", e.Endpoint, "--advertise-client-urls", e.Endpoint,
		"--listen-peer-urls", "http://" + e.peer, "--initial-advertise-peer-urls", "http://" + e.peer,
		"--initial-cluster", e.members,
	}, e.extra...)
	e.log.Reset()
	e.cmd = exec.Command("etcd", args...)
	e.cmd.Stderr = &e.log
	e.cmd.SysProcAttr = goesWithUs()
	if err := e.cmd.Start(); err != nil {
		e.tb.Fatal(err)
	}
	e.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) { _ = cmd.Wait(); close(ended) }(e.cmd, e.ended)
}

// Await waits until it answers.
func (e *Etcd) Await() {
	e.tb.Helper()
	client := http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { // nothing announces it
		if answer, err := client.Get(e.health + "/health"); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-e.ended:
			e.tb.Fatalf("etcd has ended: %s", e.log.String())
		default:
		}
		if time.Now().After(deadline) {
			e.tb.Fatal("etcd does not answer")
		}
	}
}

// Kill ends it as a power failure would.
func (e *Etcd) Kill() {
	_ = e.cmd.Process.Kill()
	<-e.ended
}

// Pause stops it where it is (SIGSTOP), Resume lets it go on.
func (e *Etcd) Pause()  { _ = e.cmd.Process.Signal(syscall.SIGSTOP) }
func (e *Etcd) Resume() { _ = e.cmd.Process.Signal(syscall.SIGCONT) }

// Forget throws its data away, between Kill and Start: it comes back as another one.
func (e *Etcd) Forget() {
	if err := os.RemoveAll(e.dir); err != nil {
		e.tb.Fatal(fmt.Errorf("the data of etcd cannot be removed: %w", err))
	}
}
