//go:build !portable

package relay

import (
	"errors"
	"syscall"
	"testing"
)

func TestTooManyOpenFilesIsAnExhaustedPoolThatLeaksNothing(t *testing.T) {
	p, _ := small(t, 20)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	files := openFiles(t)
	highest, err := syscall.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.Close(highest)
	limit := old
	limit.Cur = uint64(highest) + 5 // two pairs and a half
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	_, refusal := p.lease(3)
	_, granted := p.lease(2)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(refusal, ErrNoPorts) || !errors.Is(refusal, syscall.EMFILE) {
		t.Errorf("too many open files is told as %v", refusal)
	}
	if granted != nil {
		t.Errorf("the failed lease has left files open: %v", granted)
	}
	wantState(t, p, 2, 0, 18)
	if now := openFiles(t); granted == nil && now != files+4 {
		t.Errorf("%d files are open, there were %d", now, files)
	}
}
