package main

import (
	"compress/gzip"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/actorsip/actorsip/loop"
)

//go:embed forwarders/*.c forwarders/*.cfg forwarders/*.yaml
var files embed.FS

const netsipScript = "/usr/share/doc/libnet-sip-perl/examples/bin/stateless_proxy.pl"

// forwarder is one of the programs compared.
type forwarder struct {
	name     string
	most     int    // calls a second that it is driven at, at most; 0 = no bound
	why      string // of that bound
	verbatim bool   // it passes messages on unchanged
	asked    bool   // it is compared only when it is named
	// prepare makes in dir what every run needs; its error is the reason to skip the forwarder.
	prepare func(ctx context.Context, dir string) error
	// command is the command line that runs it on that ground, after prepare.
	command func(dir string, g *ground) ([]string, error)
}

// forwarders are those that are compared over UDP or TCP.
func forwarders(tcp bool) []forwarder {
	if tcp {
		return []forwarder{
			{name: "floor", verbatim: true, prepare: prepareTCPFloor, command: commandTCPFloor},
			{name: "kamailio", prepare: prepareKamailio, command: commandKamailioTCP(1)},
			{name: "kamailio2", asked: true, prepare: prepareKamailio, command: commandKamailioTCP(2)},
			{name: "actorsip", prepare: prepareActorsip, command: commandActorsip},
		}
	}
	return []forwarder{
		{name: "floor", verbatim: true, prepare: prepareFloor, command: commandFloor},
		{name: "kamailio", prepare: prepareKamailio, command: commandKamailio},
		{
			name: "netsip", most: 150, why: "one Perl process at some 550 µs a packet carries no more with a steady delay",
			prepare: prepareNetSIP, command: commandNetSIP,
		},
		{name: "actorsip", prepare: prepareActorsip, command: commandActorsip},
		{name: "traced0", asked: true, prepare: prepareTraced, command: commandTraced("0")},
		{name: "traced1", asked: true, prepare: prepareTraced, command: commandTraced("0.01")},
		{name: "traced100", asked: true, prepare: prepareTraced, command: commandTraced("1")},
		{name: "down", asked: true, prepare: prepareDown, command: commandTraced("1")},
		{name: "slow", asked: true, prepare: prepareSlow, command: commandTraced("1")},
	}
}

func prepareFloor(ctx context.Context, dir string) error {
	return compile(ctx, dir, "floor")
}

func commandFloor(dir string, g *ground) ([]string, error) {
	return floor(filepath.Join(dir, "floor"), g), nil
}

func prepareTCPFloor(ctx context.Context, dir string) error {
	return compile(ctx, dir, "tcpfloor")
}

func commandTCPFloor(dir string, g *ground) ([]string, error) {
	return floor(filepath.Join(dir, "tcpfloor"), g), nil
}

// floor is the command line of both floors.
func floor(program string, g *ground) []string {
	argv := []string{program, insideIP, port(g.inside), outsideIP, port(g.outside), callerIP, calleeIP}
	for i := range g.callers {
		argv = append(argv, port(g.callers[i])+":"+port(g.callees[i]))
	}
	return argv
}

func prepareKamailio(context.Context, string) error {
	_, err := exec.LookPath("kamailio")
	return err
}

func commandKamailio(dir string, g *ground) ([]string, error) {
	path := filepath.Join(dir, "kamailio.cfg")
	return []string{
		"kamailio", "-f", path, "-DD", "-E", "-x", "fm", "-X", "fm", "-m", "64", "-M", "8",
		"-Y", dir, "-w", dir,
	}, fill("forwarders/kamailio.cfg", path, dir, g)
}

// commandKamailioTCP is Kamailio with that many processes that read connections; one more accepts them.
func commandKamailioTCP(workers int) func(string, *ground) ([]string, error) {
	return func(dir string, g *ground) ([]string, error) {
		argv, err := commandKamailio(dir, g)
		return append(argv, "-A", "TCP_WORKERS="+strconv.Itoa(workers)), err
	}
}

func prepareNetSIP(_ context.Context, dir string) error {
	if err := errors.Join(found("perl"), found(netsipScript+"*")); err != nil {
		return err
	}
	matches, _ := filepath.Glob(netsipScript + "*")
	in, err := os.Open(matches[0])
	if err != nil {
		return err
	}
	defer in.Close()
	var source io.Reader = in
	if strings.HasSuffix(matches[0], ".gz") {
		if source, err = gzip.NewReader(in); err != nil {
			return fmt.Errorf("%s: %w", matches[0], err)
		}
	}
	script, err := io.ReadAll(source)
	if err != nil {
		return fmt.Errorf("%s: %w", matches[0], err)
	}
	return os.WriteFile(filepath.Join(dir, "stateless_proxy.pl"), script, 0o600)
}

func commandNetSIP(dir string, g *ground) ([]string, error) {
	return []string{
		"perl", filepath.Join(dir, "stateless_proxy.pl"),
		"--leg", g.inside.String(), "--leg", g.outside.String(), "--domain", "*",
	}, nil
}

func prepareActorsip(ctx context.Context, dir string) error {
	return build(ctx, "go", "build", "-o", filepath.Join(dir, "actorsip"), "github.com/actorsip/actorsip/cmd/actorsip")
}

func commandActorsip(dir string, g *ground) ([]string, error) {
	return serve(dir, g, "")
}

func serve(dir string, g *ground, telemetry string) ([]string, error) {
	g.telemetry = telemetry
	path := filepath.Join(dir, "actorsip.yaml")
	return []string{filepath.Join(dir, "actorsip"), "serve", "--config", path}, fill("forwarders/actorsip.yaml", path, dir, g)
}

// commandTraced is actorsip that sends the spans of a part of all calls to a collector.
func commandTraced(sampling string) func(string, *ground) ([]string, error) {
	return func(dir string, g *ground) ([]string, error) {
		to, err := os.ReadFile(filepath.Join(dir, "collector"))
		if err != nil {
			return nil, err
		}
		return serve(dir, g, fmt.Sprintf("telemetry: {endpoint: %q, protocol: http/protobuf, sampling: %s, calls_per_second: off}", to, sampling))
	}
}

// prepareTraced also starts a collector that takes everything and keeps nothing.
func prepareTraced(ctx context.Context, dir string) error { return prepareCollector(ctx, dir, 0) }

// prepareSlow starts one that takes its time.
func prepareSlow(ctx context.Context, dir string) error {
	return prepareCollector(ctx, dir, 5*time.Second)
}

// prepareDown starts one that is gone.
func prepareDown(ctx context.Context, dir string) error {
	gone, cancel := context.WithCancel(ctx)
	defer cancel()
	return prepareCollector(gone, dir, 0)
}

func prepareCollector(ctx context.Context, dir string, takes time.Duration) error {
	if err := prepareActorsip(ctx, dir); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
		case <-time.After(takes):
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}), ReadHeaderTimeout: time.Second}
	loop.Start("collector", func(<-chan struct{}) { _ = server.Serve(l) }, nil)
	context.AfterFunc(ctx, func() { server.Close() })
	return os.WriteFile(filepath.Join(dir, "collector"), []byte("http://"+l.Addr().String()), 0o600)
}

// found reports a program of the search path, or a file by pattern, that is not there.
func found(what string) error {
	if !strings.Contains(what, "/") {
		_, err := exec.LookPath(what)
		return err
	}
	if matches, err := filepath.Glob(what); err != nil || len(matches) == 0 {
		return fmt.Errorf("there is no %s", strings.TrimSuffix(what, "*"))
	}
	return nil
}

// build runs a compiler; its error carries the first lines of what it said.
func build(ctx context.Context, argv ...string) error {
	said, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err == nil {
		return nil
	}
	text := strings.TrimSpace(string(said))
	if len(text) > 300 {
		text = text[:300] + " …"
	}
	return fmt.Errorf("%s: %w: %s", argv[0], err, strings.ReplaceAll(text, "\n", "; "))
}

// fill writes a configuration file with the ground's addresses, and with more: what stands in the file and what for it.
func fill(name, path, dir string, g *ground, more ...string) error {
	text, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	filled := strings.NewReplacer(append([]string{
		"{transport}", g.transport(), "{inside}", g.inside.String(), "{outside}", g.outside.String(), "{inside-ip}", insideIP,
		"{caller-ip}", callerIP, "{callee-ip}", calleeIP, "{dir}", dir, "{lanes}", strconv.Itoa(g.lanes), "{telemetry}", g.telemetry,
	}, more...)...).Replace(string(text))
	return os.WriteFile(path, []byte(filled), 0o600)
}
