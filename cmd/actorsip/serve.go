package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/actorsip/actorsip/system"
)

// serve runs the proxy until SIGTERM or SIGINT, or until its calls are over after that. It prints one line when it is ready.
func serve(args []string, stdout, stderr io.Writer) error {
	var path, chaos string
	if _, err := flags("serve", "", 0, stderr, func(f *flag.FlagSet) {
		configFlag(f, &path)
		f.StringVar(&chaos, "chaos", "", hidden)
	})(args); err != nil {
		return err
	}
	cfg, err := system.Load(path)
	if err != nil {
		return err
	}
	if err := cfg.CheckCluster(); err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	// A busy lane waits in the kernel with its processor in hand; what is not a lane needs processors beside.
	processors := runtime.GOMAXPROCS(0) // what the machine, or the container, has
	if cfg.Lanes == 0 {
		cfg.Lanes = processors
	}
	runtime.GOMAXPROCS(processors + cfg.Lanes)
	collect(cfg)
	s, err := start(cfg, chaos)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, readyLine(cfg, s))
	wait(s, cfg.DrainTimeout, signals)
	s.Stop()
	return nil
}

// How the end of the last call is waited for.
const (
	look    = 200 * time.Millisecond
	settled = 2 * time.Second // without a call: whoever spreads calls has noticed, and what was on its way is there
)

// wait returns when it is time to leave: at SIGINT, or when no call has had media here for a while after SIGTERM, or time is over, or the
// second one comes.
func wait(s *system.System, timeout time.Duration, signals <-chan os.Signal) {
	var ticks <-chan time.Time
	var over, busy time.Time // zero: nobody has said that it is to leave
	for {
		select {
		case sig := <-signals:
			switch {
			case sig == syscall.SIGHUP:
				s.Reload()
			case sig == syscall.SIGINT || timeout == 0 || !over.IsZero():
				return
			default:
				s.Drain(true)
				busy = time.Now()
				over, ticks = busy.Add(timeout), time.Tick(look)
			}
		case now := <-ticks:
			if s.Sessions() > 0 {
				busy = now
			}
			if now.After(over) || now.Sub(busy) > settled {
				return
			}
		}
	}
}

// garbage is how much garbage may lie about before it is collected, bytes.
const garbage = 16 << 20

// collect has the garbage collector look at what changes. The lanes' packet buffers are one large piece that never becomes
// garbage; in proportion to it, as is usual, as much garbage as that would pile up first. Who has set GOGC knows better.
func collect(cfg system.Config) {
	if os.Getenv("GOGC") != "" {
		return
	}
	buffers := cfg.Lanes * cfg.Limits.Packets * cfg.Limits.MaxMessage
	debug.SetGCPercent(min(max(10, 100*garbage/max(buffers, 1)), 100))
}

func start(cfg system.Config, chaos string) (*system.System, error) {
	if chaos != "" {
		return system.StartDrill(cfg, chaos)
	}
	return system.Start(cfg)
}

func readyLine(cfg system.Config, s *system.System) string {
	var legs []string
	for _, l := range cfg.Legs {
		legs = append(legs, fmt.Sprintf("%s %s:%s", l.Name, l.Transport.Param(), s.Addr(l.Name)))
	}
	line := fmt.Sprintf("actorsip %s ready: %s", system.Version(), strings.Join(legs, ", "))
	if a := s.AdminAddr(); a.IsValid() {
		line += fmt.Sprintf("; admin http://%s", a)
	}
	return line
}

// check says what is wrong with a configuration file, or that nothing is.
func check(args []string, stdout, stderr io.Writer) error {
	var path string
	if _, err := flags("check", "", 0, stderr, func(f *flag.FlagSet) { configFlag(f, &path) })(args); err != nil {
		return err
	}
	cfg, err := system.Load(path)
	if err != nil {
		return err
	}
	if err := cfg.CheckCluster(); err != nil {
		return err
	}
	certificates, err := cfg.LoadTLS()
	if err != nil {
		return err
	}
	for i, t := range certificates {
		if t == nil {
			continue
		}
		for _, w := range t.Warnings() {
			fmt.Fprintf(stderr, "leg %s: %s\n", cfg.Legs[i].Name, w)
		}
	}
	warnings, err := cfg.CheckUsers()
	if err != nil {
		return err
	}
	for _, w := range warnings {
		fmt.Fprintln(stderr, w)
	}
	fmt.Fprintf(stdout, "%s is good: %d legs\n", path, len(cfg.Legs))
	return nil
}

// version prints the version.
func version(_ []string, stdout, _ io.Writer) error {
	fmt.Fprintln(stdout, "actorsip", system.Version(), runtime.Version())
	return nil
}
