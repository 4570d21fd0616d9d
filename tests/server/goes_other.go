//go:build !linux

package server

import "syscall"

// goesWithUs is for Linux alone: elsewhere, of a test that was killed, processes are left.
func goesWithUs() *syscall.SysProcAttr { return nil }
