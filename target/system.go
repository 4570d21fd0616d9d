package target

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Defaults of Config.
const (
	defaultTimeout    = 2 * time.Second
	defaultAttempts   = 2
	defaultMaxWaiting = 1024
	defaultCacheSize  = 10000
)

// system is where the machine keeps its own resolver's configuration.
type system struct{ resolvConf, hosts string }

// serversFrom are the configured name servers, else those of the system with its timeout and attempts.
func serversFrom(cfg Config, sys system) (*servers, error) {
	s := &servers{timeout: cfg.Timeout, attempts: cfg.Attempts}
	for _, text := range cfg.Servers {
		addr, err := serverAddr(text)
		if err != nil {
			return nil, err
		}
		s.addrs = append(s.addrs, addr)
	}
	if len(s.addrs) == 0 {
		if err := s.readResolvConf(sys.resolvConf); err != nil {
			return nil, err
		}
	}
	if s.timeout == 0 {
		s.timeout = defaultTimeout
	}
	if s.attempts == 0 {
		s.attempts = defaultAttempts
	}
	return s, nil
}

// serverAddr reads "ip" or "ip:port".
func serverAddr(text string) (string, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return net.JoinHostPort(a.String(), "53"), nil
	}
	if ap, err := netip.ParseAddrPort(text); err == nil && ap.Port() != 0 {
		return ap.String(), nil
	}
	return "", fmt.Errorf("name server %q is neither an address nor address:port", text)
}

// readResolvConf reads resolv.conf(5). Its search list is for people who type names, not for SIP URIs. A system
// without the file has its name server at home, as resolv.conf(5) says.
func (s *servers) readResolvConf(path string) error {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the system's name servers: %w", err)
	}
	conf, err := dns.ClientConfigFromReader(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("the system's name servers in %s: %w", path, err)
	}
	for _, text := range conf.Servers {
		addr, err := serverAddr(text)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		s.addrs = append(s.addrs, addr)
	}
	if len(s.addrs) == 0 {
		s.addrs = []string{"127.0.0.1:53"}
	}
	if s.timeout == 0 && strings.Contains(string(text), "timeout:") {
		s.timeout = time.Duration(conf.Timeout) * time.Second
	}
	if s.attempts == 0 {
		s.attempts = conf.Attempts
	}
	return nil
}
