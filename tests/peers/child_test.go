package peers

import (
	"bufio"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a child may take for any one thing.
const patience = 25 * time.Second

// child is a running program: its output line by line, its input, its end.
type child struct {
	t     *testing.T
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	fresh chan string // lines not read yet; closed at the end of the output
	lines []string    // lines read
}

// spawn starts a program in dir, or skips the test when it is not installed. The end of the test ends the program.
func spawn(t *testing.T, dir, program string, args ...string) *child {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed", program)
	}
	c := &child{t: t, name: filepath.Base(program), fresh: make(chan string, 1<<12)}
	c.cmd = exec.CommandContext(t.Context(), path, args...)
	c.cmd.Dir = dir
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	c.cmd.WaitDelay = 5 * time.Second
	out, in := io.Pipe()
	c.cmd.Stdout, c.cmd.Stderr = in, in
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		err := c.cmd.Wait()
		_ = in.CloseWithError(io.EOF)
		ended <- err
	}()
	go func() {
		defer close(c.fresh)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			select {
			case c.fresh <- scan.Text():
			default: // a program that says more than anybody reads
			}
		}
	}()
	c.stdin = &input{WriteCloser: c.stdin, ended: ended}
	t.Cleanup(func() { _ = c.stdin.Close() })
	return c
}

// input is a child's standard input. Closing it waits for the child's end.
type input struct {
	io.WriteCloser
	ended chan error
	err   error
	over  bool
}

// Close is idempotent: it returns how the child ended.
func (i *input) Close() error {
	if !i.over {
		_ = i.WriteCloser.Close()
		i.err, i.over = <-i.ended, true
	}
	return i.err
}

// say writes a line to the child.
func (c *child) say(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.stdin, line+"\n"); err != nil {
		c.t.Fatalf("%s does not listen: %v\n%s", c.name, err, c.said())
	}
}

// until reads the child's output up to a line that matches, and returns the match and its groups.
func (c *child) until(pattern string) []string {
	c.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(patience)
	for {
		select {
		case line, more := <-c.fresh:
			if !more {
				c.t.Fatalf("%s ended and never said %q:\n%s", c.name, pattern, c.said())
			}
			c.lines = append(c.lines, line)
			if match := re.FindStringSubmatch(line); match != nil {
				return match
			}
		case <-deadline:
			c.t.Fatalf("%s did not say %q within %v:\n%s", c.name, pattern, patience, c.said())
		}
	}
}

// end reads the rest of the output and says how the child ended. A child that does not end fails the test.
func (c *child) end(within time.Duration) error {
	c.t.Helper()
	deadline := time.After(within)
	for {
		select {
		case line, more := <-c.fresh:
			if !more {
				return c.stdin.Close()
			}
			c.lines = append(c.lines, line)
		case <-deadline:
			c.t.Fatalf("%s did not end within %v:\n%s", c.name, within, c.said())
		}
	}
}

// said is the output so far, for a report.
func (c *child) said() string {
	for {
		select {
		case line, more := <-c.fresh:
			if more {
				c.lines = append(c.lines, line)
				continue
			}
		default:
		}
		return strings.Join(c.lines, "\n")
	}
}
