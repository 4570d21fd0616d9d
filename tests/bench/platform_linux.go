package main

import (
	"syscall"
	"time"
)

// supported says whether this system has what the bench measures with.
func supported() error { return nil }

// attributes make a child a process group of its own that ends when the bench does, however that ends.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// nap sleeps with the precision of the kernel's timers; the runtime's are too coarse for a steady pace of calls.
func nap(d time.Duration) {
	if d <= 0 {
		return
	}
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil)
}
