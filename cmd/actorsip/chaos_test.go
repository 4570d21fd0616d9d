package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Faults are for drills: who looks for a flag to try does not find this one.
func TestTheFlagForFaultsIsNotListed(t *testing.T) {
	var stderr bytes.Buffer
	if err := run([]string{"serve", "-h"}, nil, &stderr); !errors.Is(err, flag.ErrHelp) {
		t.Fatal(err)
	}
	if text := stderr.String(); strings.Contains(text, "chaos") || !strings.Contains(text, "-config FILE") ||
		!strings.Contains(text, `(default "actorsip.yaml")`) {
		t.Errorf("serve -h says\n%s", text)
	}
}

func TestFaultsThatMakeNoSenseAreRefusedAtStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "actorsip.yaml")
	if err := os.WriteFile(path, []byte(`legs: [{name: a, listen: "udp:127.0.0.1:0"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	err := run([]string{"serve", "--config", path, "--chaos", "burn:media:anchor:1"}, &stdout, &stderr)
	if err == nil || !strings.Contains(err.Error(), "a fault is panic, delay or drop") || stdout.Len() > 0 {
		t.Errorf("it said %v and %s", err, stdout.String())
	}
}
