package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

var errEnded = errors.New("the forwarder ended by itself")

// child is a running forwarder: a process group of its own, so that its workers are counted and stopped with it.
type child struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

// begin starts argv; what it says goes to the file log. It dies with ctx, and with this process. The calling
// goroutine must be locked to its thread, because the kernel sends the death signal when that thread ends.
func begin(ctx context.Context, log string, argv []string, pin bool) (*child, error) {
	if pin {
		argv = append([]string{"taskset", "-c", "1"}, argv...)
	}
	c := &child{log: log, ended: make(chan struct{})}
	said, err := os.OpenFile(log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer said.Close()
	c.cmd = exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.cmd.Stdout, c.cmd.Stderr = said, said
	c.cmd.SysProcAttr = attributes()
	c.cmd.Cancel = func() error { return syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) }
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start: %w", err)
	}
	go func() {
		_ = c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// stop asks the group to end, and kills what is left of it after a while.
func (c *child) stop() {
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(3 * time.Second):
	}
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	<-c.ended
}

// err says why a child that ended did, in its own last words; nil while it runs.
func (c *child) err() error {
	select {
	case <-c.ended:
		return fmt.Errorf("%w (%v): %s", errEnded, c.cmd.ProcessState, c.lastWords())
	default:
		return nil
	}
}

func (c *child) lastWords() string {
	said, _ := os.ReadFile(c.log)
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}
