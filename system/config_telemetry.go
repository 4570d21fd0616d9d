package system

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Telemetry is what is sent to a collector of OpenTelemetry: traces, metrics, logs. Metrics for Prometheus are on the
// admin port, whatever stands here.
type Telemetry struct {
	// Endpoint (telemetry.endpoint) is the URL of a collector, http://HOST:PORT or https://HOST:PORT; with http/protobuf a
	// path may follow. Default empty: as OTEL_EXPORTER_OTLP_ENDPOINT says, and nothing is sent when that is not set either.
	Endpoint string
	// Protocol (telemetry.protocol) is how Endpoint is spoken to: grpc or http/protobuf. Default empty: grpc to port 4317,
	// http/protobuf to any other.
	Protocol string
	// Headers (telemetry.headers) are sent along to Endpoint. Default nil: as OTEL_EXPORTER_OTLP_HEADERS says.
	Headers map[string]string
	// Sampling (telemetry.sampling) is the part of all calls whose packets have spans, 0 to 1. Default -1: as
	// OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG say, else 0.01.
	Sampling float64
	// CallsPerSecond (telemetry.calls_per_second) is how many of these may begin in a second, 1 to 100000; those beyond
	// have no spans. -1, written off, is no bound. Default 100.
	CallsPerSecond int
	// Slow (telemetry.slow) is how long a packet takes that has a span though its call has none, 100us to 1m. -1, written
	// off: none has. Default 100ms.
	Slow time.Duration
	// Rooms (telemetry.spans, packets or rooms) has each room that a packet visits make a span of its own, in place of an
	// event of the packet's. Default false, which is packets.
	Rooms bool
	// RequestURI (telemetry.request_uri) has spans show request-URIs and their users. Default false.
	RequestURI bool
	// LogMe (telemetry.logme) has requests sampled, and what belongs to them, that the caller has marked with the parameter
	// logme of Session-ID (RFC 8497). Default false.
	LogMe bool
	// Users (telemetry.users) are users of request-URIs and From headers, 1000 at most, whose calls are sampled. Default:
	// none.
	Users []string
}

// usersMax keeps Users what it is for: a few people who have complained.
const usersMax = 1000

// parseEndpoint reads the URL of a collector.
func parseEndpoint(s string) (string, error) {
	_, err := readEndpoint(s)
	return s, err
}

// readEndpoint says what is wrong with the URL of a collector. A password is not repeated.
func readEndpoint(s string) (*url.URL, error) {
	scheme, _, found := strings.Cut(s, "://")
	switch scheme = strings.ToLower(scheme); {
	case strings.Contains(s, "@"):
		return nil, errors.New("the URL has a user or a password; write it without, and a header, as headers: {Authorization: Basic …}")
	case !found:
		return nil, fmt.Errorf("%s has no scheme; write http://%s, or https", quoted(s), s)
	case scheme != "http" && scheme != "https":
		return nil, fmt.Errorf("%s is spoken by no collector; write http://HOST:PORT or https://HOST:PORT, and the protocol beside it", quoted(scheme))
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, fmt.Errorf("%s is no URL; write it as http://127.0.0.1:4317 or https://otel.example.com:4318", quoted(s))
	case strings.ContainsAny(s, "?#"):
		return nil, fmt.Errorf("%s has more than a path behind the host; write it without what begins with ? or #", quoted(s))
	}
	if _, port, err := splitHostPort(u.Host); err != nil {
		return nil, err
	} else if port == 0 {
		port := map[string]string{"http": "4318", "https": "443"}[scheme]
		u.Host = net.JoinHostPort(u.Hostname(), port)
		return nil, fmt.Errorf("%s names no port; write it, as %s", quoted(s), u)
	}
	for _, signal := range []string{"/v1/traces", "/v1/metrics", "/v1/logs"} {
		if before, ends := strings.CutSuffix(strings.TrimSuffix(s, "/"), signal); ends {
			return nil, fmt.Errorf("%s is for one signal; write %s, and /v1/traces and the rest are put behind it", quoted(s), before)
		}
	}
	return u, nil
}

func parseProtocol(s string) (string, error) {
	return parseWord(s, "grpc or http/protobuf", map[string]string{"grpc": "grpc", "http/protobuf": "http/protobuf"})
}

// checkHeaderName refuses what is no field name of HTTP (RFC 9110 §5.1), or none that a collector is told by.
func checkHeaderName(s string) error {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return fmt.Errorf("%s is no name of a header; write letters, digits and dashes, as X-Api-Key", quoted(s))
		}
	}
	switch strings.ToLower(s) {
	case "":
		return errors.New("the header has no name; write one, as Authorization")
	case "host", "content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "te":
		return fmt.Errorf("%s belongs to the protocol itself; leave it out", quoted(s))
	}
	return nil
}

// parseHeader reads the value of a header. It may be a secret, so no error repeats it.
func parseHeader(s string) (string, error) {
	for _, c := range []byte(s) {
		if c < ' ' || c >= 0x7f {
			return "", errors.New("the value has a line break, or another character that a header cannot carry; write ASCII in one line")
		}
	}
	return s, nil
}

func parseSampling(s string) (float64, error) {
	if r, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64); err == nil && r >= 0 && r <= 100 && strings.HasSuffix(s, "%") {
		return 0, fmt.Errorf("%s is a percentage; write %v", quoted(s), r/100)
	}
	r, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is no number; write 0 to 1, as 0.01 for one call in a hundred", quoted(s))
	}
	if fault := samplingFault(r); fault != "" {
		return 0, errors.New(fault)
	}
	return r, nil
}

func samplingFault(r float64) string {
	if r >= 0 && r <= 1 {
		return ""
	}
	return fmt.Sprintf("%v is out of range; write 0 to 1, as 0.01 for one call in a hundred", r)
}

// parseCalls is -1 for off, and only then.
func parseCalls(s string) (int, error) {
	if s == "off" {
		return -1, nil
	}
	n, err := parseNumber(s)
	if err != nil {
		return 0, fmt.Errorf("%w; write 1 to 100000, or off", err)
	}
	if fault := callsFault(n); fault != "" {
		return 0, errors.New(fault)
	}
	return n, nil
}

func callsFault(n int) string {
	if n >= 1 && n <= 100000 {
		return ""
	}
	return fmt.Sprintf("%d is out of range; write 1 to 100000, or off", n)
}

// parseSlow is -1 for off, and only then.
func parseSlow(s string) (time.Duration, error) {
	if s == "off" {
		return -1, nil
	}
	d, err := parseDuration(s)
	if err != nil {
		return 0, err
	}
	if fault := slowFault(d); fault != "" {
		return 0, errors.New(fault)
	}
	return d, nil
}

func slowFault(d time.Duration) string {
	if d >= 100*time.Microsecond && d <= time.Minute {
		return ""
	}
	return fmt.Sprintf("%v is out of range; write 100us to 1m, or off", d)
}

func parseSpans(s string) (rooms bool, err error) {
	return parseWord(s, "packets or rooms", map[string]bool{"packets": false, "rooms": true})
}

// parseUser reads what stands before the @ of a SIP URI.
func parseUser(s string) (string, error) {
	user, _, _ := strings.Cut(s, "@")
	for _, scheme := range []string{"sip:", "sips:", "tel:"} {
		if len(user) > len(scheme) && strings.EqualFold(user[:len(scheme)], scheme) {
			user = user[len(scheme):]
		}
	}
	switch {
	case user == "" || strings.ContainsFunc(user, notOfUser):
		return "", fmt.Errorf("%s is no user; write what stands before the @ of a URI, as alice", quoted(s))
	case user != s:
		return "", fmt.Errorf("%s is more than a user; write %s, which is that user at any host", quoted(s), quoted(user))
	}
	return s, nil
}

// notOfUser tells what no user has (RFC 3261 §25.1: user). A # is not allowed there either, but is dialled every day.
func notOfUser(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`":<>@[\]^`+"`{|}", r)
}
