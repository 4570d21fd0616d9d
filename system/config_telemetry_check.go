package system

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// check reports what is wrong with t by itself.
func (t Telemetry) check(report func(path, text string)) {
	t.checkCollector(report)
	if fault := samplingFault(t.Sampling); fault != "" && t.Sampling != -1 {
		report("telemetry.sampling", fault)
	}
	if fault := callsFault(t.CallsPerSecond); fault != "" && t.CallsPerSecond != -1 {
		report("telemetry.calls_per_second", fault)
	}
	if fault := slowFault(t.Slow); fault != "" && t.Slow != -1 {
		report("telemetry.slow", fault)
	}
	if n := len(t.Users); n > usersMax {
		report("telemetry.users", fmt.Sprintf("%d users are too many; write at most %d, or raise telemetry.sampling", n, usersMax))
	}
	first := map[string]string{}
	for i, u := range t.Users {
		path := fmt.Sprintf("telemetry.users[%d]", i)
		if _, err := parseUser(u); err != nil {
			report(path, err.Error())
		} else if before, twice := first[u]; twice {
			report(path, fmt.Sprintf("%s is %s already", quoted(u), before))
		} else {
			first[u] = path
		}
	}
}

// checkCollector reports what is wrong with where telemetry goes.
func (t Telemetry) checkCollector(report func(path, text string)) {
	for _, name := range slices.Sorted(maps.Keys(t.Headers)) {
		err := checkHeaderName(name)
		if err == nil {
			_, err = parseHeader(t.Headers[name])
		}
		if err != nil {
			report(pathOf("telemetry.headers", name), err.Error())
		}
	}
	if _, err := parseProtocol(t.Protocol); t.Protocol != "" && err != nil {
		report("telemetry.protocol", err.Error())
	}
	if t.Endpoint == "" {
		const alone = "no collector is named that %s could be for; write endpoint: http://HOST:PORT too, or leave it to the environment: %s"
		switch {
		case t.Protocol != "":
			report("telemetry.endpoint", fmt.Sprintf(alone, "the protocol", "OTEL_EXPORTER_OTLP_PROTOCOL"))
		case len(t.Headers) > 0:
			report("telemetry.endpoint", fmt.Sprintf(alone, "the headers", "OTEL_EXPORTER_OTLP_HEADERS"))
		}
		return
	}
	u, err := readEndpoint(t.Endpoint)
	if err != nil {
		report("telemetry.endpoint", err.Error())
		return
	}
	grpc := t.Protocol == "grpc" || t.Protocol == "" && u.Port() == "4317"
	if grpc && strings.Trim(u.Path, "/") != "" {
		report("telemetry.endpoint", fmt.Sprintf("%s has a path, which gRPC has no use for; write %s://%s, or protocol: http/protobuf",
			quoted(t.Endpoint), u.Scheme, u.Host))
	}
}
