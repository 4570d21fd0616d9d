package tests

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The configuration that the README starts carries a call, as it is.
func TestTheSampleConfigurationCarriesACall(t *testing.T) {
	sipp, err := exec.LookPath("sipp")
	if err != nil {
		t.Skip("sipp is not installed: Debian's package sip-tester has it")
	}
	sample, err := os.ReadFile("../actorsip.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "actorsip.yaml") // its key file is made beside it
	write(t, path, string(sample))
	serve(t, path)

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	callee := exec.CommandContext(ctx, sipp, "-sn", "uas", "-i", "127.0.0.2", "-p", "5070", "-m", "5", "-nostdin")
	if err := callee.Start(); err != nil {
		t.Fatal(err)
	}
	caller := exec.CommandContext(ctx, sipp, "-sn", "uac", "-i", "127.0.0.1", "-p", "5071", "-rsa", "127.0.0.1:5060",
		"-m", "5", "-r", "5", "-nostdin", "127.0.0.2:5070")
	caller.Dir = t.TempDir()
	if out, err := caller.CombinedOutput(); err != nil {
		t.Fatalf("the caller: %v\n%s", err, out)
	}
	if err := callee.Wait(); err != nil {
		t.Fatalf("the callee: %v", err)
	}
}
