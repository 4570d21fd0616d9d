//go:build !linux

package stream

import "testing"

// drive leaves each connection its goroutine.
func drive(_ testing.TB, sinks []Sink) []Sink { return sinks }
