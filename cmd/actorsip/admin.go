package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/actorsip/actorsip/system"
)

// proxy is the admin port of a proxy that runs.
type proxy struct {
	base   string // http://HOST:PORT
	client *http.Client
}

var (
	errNoAdmin = errors.New("the configuration has no admin port (admin.listen: off): nobody can ask the proxy")
	errAnyPort = errors.New("the configuration leaves the admin port open (port 0); name it by --admin http://HOST:PORT, as the ready line does")
)

// adminFlags parses the flags of a command that asks a proxy, wherever they stand among its arguments, of which there are
// from least to most.
func adminFlags(name, arguments string, least, most int, args []string, stderr io.Writer, define func(*flag.FlagSet)) (p proxy, rest []string, err error) {
	var path, admin string
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprintf(stderr, "usage: actorsip %s %s [flags]\n", name, arguments)
		f.PrintDefaults()
	}
	configFlag(f, &path)
	f.StringVar(&admin, "admin", "", "`URL` of the admin port, as http://127.0.0.1:8060; default: what the configuration says")
	define(f)
	for {
		if err := f.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return p, nil, err
			}
			return p, nil, errUsage
		}
		if f.NArg() == 0 {
			break
		}
		rest, args = append(rest, f.Arg(0)), f.Args()[1:]
	}
	if len(rest) < least || len(rest) > most {
		f.Usage()
		return p, nil, errUsage
	}
	if admin == "" {
		cfg, err := system.Load(path)
		if err != nil {
			return p, nil, err
		}
		if admin, err = adminURL(cfg.AdminListen); err != nil {
			return p, nil, err
		}
	}
	if u, err := url.Parse(admin); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return p, nil, fmt.Errorf("%q is no URL of an admin port; write it as http://127.0.0.1:8060", admin)
	}
	return proxy{strings.TrimSuffix(admin, "/"), &http.Client{Timeout: 30 * time.Second}}, rest, nil
}

// adminURL is where the admin port answers that listens there.
func adminURL(listen string) (string, error) {
	if listen == "" {
		return "", errNoAdmin
	}
	host, port, err := net.SplitHostPort(listen)
	switch n, errPort := strconv.Atoi(port); {
	case err != nil:
		return "", err
	case errPort == nil && n == 0:
		return "", errAnyPort
	}
	if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() { // every address: this machine's own is one of them
		if host = "127.0.0.1"; a.Is6() {
			host = "::1"
		}
	}
	return "http://" + net.JoinHostPort(host, port), nil
}

// ask asks the proxy; what it answers goes to answer, which may be nil. The error is the proxy's sentence when it refuses.
func (p proxy) ask(method, path string, query url.Values, body, answer any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	target := p.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	r, err := http.NewRequest(method, target, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json") // no web page can say so unasked
	got, err := p.client.Do(r)
	if err != nil {
		return fmt.Errorf("the proxy does not answer; does it run? %w", err)
	}
	defer got.Body.Close()
	if got.StatusCode >= 300 {
		said, _ := io.ReadAll(io.LimitReader(got.Body, 1000))
		if line := strings.TrimSpace(string(said)); line != "" && !strings.Contains(line, "\n") {
			return errors.New(visible(line))
		}
		return fmt.Errorf("%s answers %s", target, got.Status)
	}
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(got.Body).Decode(answer); err != nil {
		return fmt.Errorf("%s is answered by something else than a proxy of this version: %w", target, err)
	}
	return nil
}

// visible is a text of a stranger's as a terminal may show it.
func visible(s string) string {
	q := strconv.QuoteToGraphic(s)
	if q = q[1 : len(q)-1]; strings.ReplaceAll(q, `\"`, `"`) == s {
		return s
	}
	return q
}

// lasting is a time that is left, as people read it.
func lasting(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= 10*time.Minute:
		d = d.Round(time.Minute)
	}
	text := d.Round(time.Second).String()
	for _, none := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, none) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// jsonLine prints one object a line.
func jsonLine(w io.Writer, what any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(what)
}

// word takes the first argument off, when it is one of words; else it is none.
func word(args []string, words ...string) (first string, rest []string) {
	if len(args) > 0 {
		for _, w := range words {
			if args[0] == w {
				return w, args[1:]
			}
		}
	}
	return "", args
}
