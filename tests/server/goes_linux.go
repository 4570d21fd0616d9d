package server

import "syscall"

// goesWithUs has a process be killed when the test is, which then ends nothing itself.
func goesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
