//go:build !linux

package main

import (
	"errors"
	"syscall"
	"time"
)

var errSystem = errors.New("the comparison reads CPU time from /proc and uses all of 127.0.0.0/8, which Linux alone has")

// supported says whether this system has what the bench measures with.
func supported() error { return errSystem }

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func nap(d time.Duration) { time.Sleep(d) }
