package main

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// site is where a relay stands: SIP or another protocol for making calls, and media on the addresses of both sides.
type site struct {
	ground
	control netip.AddrPort
	threads int // that have a core
}

// relay is one of the programs that pass RTP on.
type relay struct {
	name string
	// prepare makes in dir what every run needs; its error is the reason to skip the relay.
	prepare func(ctx context.Context, dir string) error
	// command is the command line that runs it on that site, after prepare.
	command func(dir string, s site) ([]string, error)
	dial    func(s site) (switchboard, error)
}

func relays() []relay {
	return []relay{
		{name: "floor", prepare: prepareMediaFloor, command: commandMediaFloor, dial: dialFloor},
		{name: "rtpengine", prepare: prepareRtpengine, command: commandRtpengine, dial: dialNG},
		{name: "actorsip", prepare: prepareActorsip, command: commandMedia, dial: dialSIP},
	}
}

func prepareMediaFloor(ctx context.Context, dir string) error {
	return compile(ctx, dir, "mediafloor")
}

func commandMediaFloor(dir string, s site) ([]string, error) {
	return []string{filepath.Join(dir, "mediafloor"), insideIP, outsideIP, port(s.control)}, nil
}

func prepareRtpengine(context.Context, string) error {
	_, err := exec.LookPath("rtpengine")
	return err
}

// commandRtpengine keeps rtpengine out of the kernel (table -1): programs are compared, not modules.
func commandRtpengine(dir string, s site) ([]string, error) {
	return []string{
		"rtpengine", "--config-file=none", "--table=-1", "--foreground", "--log-stderr", "--log-level=3",
		"--interface=inside/" + insideIP, "--interface=outside/" + outsideIP, "--listen-ng=" + s.control.String(),
		"--port-min=20000", "--port-max=29999", "--num-threads=" + strconv.Itoa(s.threads),
		"--pidfile=" + filepath.Join(dir, "rtpengine.pid"),
	}, nil
}

// commandMedia lets actorsip begin without the calls of the run before, which its journal keeps.
func commandMedia(dir string, s site) ([]string, error) {
	if err := os.Remove(filepath.Join(dir, "media.db")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	path := filepath.Join(dir, "media.yaml")
	return []string{filepath.Join(dir, "actorsip"), "serve", "--config", path}, fill("forwarders/media.yaml", path, dir, &s.ground)
}

// newSite finds free ports.
func newSite(threads int) (s site, err error) {
	s.lanes, s.threads = threads, threads
	for _, a := range []struct {
		to *netip.AddrPort
		ip string
	}{{&s.inside, insideIP}, {&s.outside, outsideIP}, {&s.control, insideIP}} {
		if *a.to, err = free(a.ip); err != nil {
			return s, err
		}
	}
	return s, nil
}

// compile builds forwarders/NAME.c in dir.
func compile(ctx context.Context, dir, name string) error {
	source, err := files.ReadFile("forwarders/" + name + ".c")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path+".c", source, 0o600); err != nil {
		return err
	}
	return build(ctx, "cc", "-O2", "-o", path, path+".c")
}
