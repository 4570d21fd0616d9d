package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var errNoProcess = errors.New("no process of the group is left")

// processes lists the process group.
func processes(group int) ([]string, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var in []string
	for _, dir := range dirs {
		stat, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil {
			continue // it has ended meanwhile
		}
		// pid (name) state ppid pgrp …; the name may hold anything, hence the last parenthesis.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) > 2 && string(fields[2]) == strconv.Itoa(group) {
			in = append(in, dir)
		}
	}
	if len(in) == 0 {
		return nil, errNoProcess
	}
	return in, nil
}

// everybody is the CPU time that all threads have had that live now.
func everybody() (time.Duration, error) {
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	return cpuTime(all)
}

// cpuTime is the user and system time that all threads of these processes have had, by the scheduler's clock.
func cpuTime(processes []string) (time.Duration, error) {
	var sum time.Duration
	for _, p := range processes {
		threads, err := filepath.Glob(p + "/task/*/schedstat")
		if err != nil {
			return 0, err
		}
		for _, t := range threads {
			stat, err := os.ReadFile(t)
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
				continue // the thread has ended
			}
			if err != nil {
				return 0, err
			}
			var ran int64
			if _, err := fmt.Fscan(bytes.NewReader(stat), &ran); err != nil {
				return 0, fmt.Errorf("%s: %w", t, err)
			}
			sum += time.Duration(ran)
		}
	}
	return sum, nil
}

// memory is the proportional set size in bytes: pages that several processes share are counted once.
func memory(processes []string) (int64, error) { return rollup(processes, "Pss") }

// mapped is what of it is pages of files.
func mapped(processes []string) (int64, error) { return rollup(processes, "Pss_File") }

// rollup sums a line of smaps_rollup, in bytes.
func rollup(processes []string, line string) (int64, error) {
	var sum int64
	for _, p := range processes {
		text, err := os.ReadFile(p + "/smaps_rollup")
		if err != nil {
			return 0, err
		}
		_, after, ok := strings.Cut(string(text), "\n"+line+":")
		if !ok {
			return 0, fmt.Errorf("%s/smaps_rollup has no %s", p, line)
		}
		kb, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s/smaps_rollup: %w", p, err)
		}
		sum += kb << 10
	}
	return sum, nil
}

// busy is the time that the CPUs of the machine have worked since its start, in steps of 10 ms. Interrupts are in it,
// because the scheduler's clock counts them to the thread that they interrupt.
func busy() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	var user, nice, system, idle, wait, irq, softirq int64
	_, err = fmt.Sscanf(string(text), "cpu %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &wait, &irq, &softirq)
	if err != nil {
		return 0, fmt.Errorf("/proc/stat: %w", err)
	}
	return time.Duration(user+nice+system+irq+softirq) * 10 * time.Millisecond, nil
}

// openFiles is how many descriptors a process may have open.
func openFiles(process string) (int, error) {
	text, err := os.ReadFile(process + "/limits")
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(text), "Max open files")
	var most int
	if _, err := fmt.Sscan(after, &most); err != nil {
		return 0, fmt.Errorf("%s/limits: %w", process, err)
	}
	return most, nil
}
