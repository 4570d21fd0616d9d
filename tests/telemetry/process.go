package telemetry

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take that should take a moment.
const patience = 20 * time.Second

// process is a program that runs until it is stopped, at the end of the test at the latest.
type process struct {
	t     testing.TB
	cmd   *exec.Cmd
	log   bytes.Buffer
	ended chan struct{}
	once  sync.Once
}

// run starts a program in dir and waits until somebody listens on that port of 127.0.0.1. Of a Collector this is its
// OTLP port: it opens when all behind it is ready.
func run(t testing.TB, dir, program string, env []string, port int, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.stop)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			_ = c.Close()
			return p
		}
		select {
		case <-p.ended:
			t.Fatalf("%v ended before it was ready:\n%s", args, &p.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatalf("%v listens not on port %d after %v", args, port, patience)
	return nil
}

func (p *process) stop() {
	p.once.Do(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.ended:
		case <-time.After(patience):
			p.t.Errorf("%v did not end within %v after SIGTERM", p.cmd.Args, patience)
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
		if p.t.Failed() {
			p.t.Logf("%v said:\n%s", p.cmd.Args[1:], &p.log)
		}
	})
}
