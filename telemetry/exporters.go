package telemetry

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutlog"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// A collector that was away is tried again after a second, then less often, and what waits for it is given up after a
// minute: by then the queue holds newer things.
const (
	firstRetry = time.Second
	lastRetry  = 10 * time.Second
	giveUp     = time.Minute
)

// Protocols of OTLP, as OTEL_EXPORTER_OTLP_PROTOCOL names them.
const (
	protocolGRPC = "grpc"
	protocolHTTP = "http/protobuf"
)

// way is where one signal goes.
type way struct {
	to       string // none, otlp or console
	protocol string
	endpoint string            // a URL; empty: the exporter reads the environment
	headers  map[string]string // nil: the exporter reads the environment
}

const (
	toNone    = "none"
	toOTLP    = "otlp"
	toConsole = "console"
)

// wayOf finds out where a signal goes: TRACES, METRICS or LOGS. The configuration comes first, the standard environment
// variables second. OpenTelemetry would send to localhost when nothing is set; a proxy that nobody has told to does not.
func wayOf(c Config, signal string) (w way, err error) {
	asked := os.Getenv("OTEL_" + signal + "_EXPORTER")
	switch {
	case strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true"), asked == toNone:
		return way{to: toNone}, nil
	case c.Endpoint != "":
		return fromConfig(c, signal)
	case asked == toConsole:
		return way{to: toConsole}, nil
	case asked == "prometheus" && signal == "METRICS":
		return way{to: toNone}, nil // the admin port has them
	case asked != "" && asked != toOTLP:
		return w, fmt.Errorf("OTEL_%s_EXPORTER is %q: there are otlp, console and none", signal, asked)
	}
	endpoint, name := env("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	if asked == "" && endpoint == "" {
		return way{to: toNone}, nil
	}
	if endpoint != "" {
		if _, err = readURL(endpoint); err != nil {
			return w, fmt.Errorf("%s: %w", name, err)
		}
	}
	w = way{to: toOTLP}
	w.protocol, name = env("OTEL_EXPORTER_OTLP_"+signal+"_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
	if w.protocol == "" {
		w.protocol = protocolHTTP
	}
	return w, checkProtocol(name, w.protocol)
}

func fromConfig(c Config, signal string) (w way, err error) {
	w = way{to: toOTLP, protocol: c.Protocol, headers: c.Headers}
	u, err := readURL(c.Endpoint)
	if err != nil {
		return w, fmt.Errorf("telemetry.endpoint: %w", err)
	}
	if w.protocol == "" {
		w.protocol = protocolHTTP
		if u.Port() == "4317" { // where everybody listens for gRPC
			w.protocol = protocolGRPC
		}
	}
	if w.protocol == protocolHTTP {
		u = u.JoinPath("v1", strings.ToLower(signal))
	}
	w.endpoint = u.String()
	return w, checkProtocol("telemetry.protocol", w.protocol)
}

// env is the first of two variables that is set, and its name.
func env(first, second string) (value, name string) {
	if v := os.Getenv(first); v != "" {
		return v, first
	}
	return os.Getenv(second), second
}

func readURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no address of a collector: write http://HOST:PORT or https://HOST:PORT", s)
	}
	return u, nil
}

func checkProtocol(name, protocol string) error {
	if protocol != protocolGRPC && protocol != protocolHTTP {
		return fmt.Errorf("%s is %q: there are %s and %s", name, protocol, protocolGRPC, protocolHTTP)
	}
	return nil
}

// spans is the exporter for spans; nil when they go nowhere. None of these connects before there is something to send.
func (w way) spans(ctx context.Context) (sdktrace.SpanExporter, error) {
	switch {
	case w.to == toNone:
		return nil, nil
	case w.to == toConsole:
		return stdouttrace.New(stdouttrace.WithPrettyPrint())
	case w.protocol == protocolGRPC:
		opts := []otlptracegrpc.Option{otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{
			Enabled: true, InitialInterval: firstRetry, MaxInterval: lastRetry, MaxElapsedTime: giveUp,
		})}
		if w.endpoint != "" {
			opts = append(opts, otlptracegrpc.WithEndpointURL(w.endpoint))
		}
		if w.headers != nil {
			opts = append(opts, otlptracegrpc.WithHeaders(w.headers))
		}
		return otlptracegrpc.New(ctx, opts...)
	}
	opts := []otlptracehttp.Option{otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
		Enabled: true, InitialInterval: firstRetry, MaxInterval: lastRetry, MaxElapsedTime: giveUp,
	})}
	if w.endpoint != "" {
		opts = append(opts, otlptracehttp.WithEndpointURL(w.endpoint))
	}
	if w.headers != nil {
		opts = append(opts, otlptracehttp.WithHeaders(w.headers))
	}
	return otlptracehttp.New(ctx, opts...)
}

// metrics is the exporter for metrics.
func (w way) metrics(ctx context.Context) (sdkmetric.Exporter, error) {
	switch {
	case w.to == toNone:
		return nil, nil
	case w.to == toConsole:
		return stdoutmetric.New(stdoutmetric.WithPrettyPrint())
	case w.protocol == protocolGRPC:
		opts := []otlpmetricgrpc.Option{otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{
			Enabled: true, InitialInterval: firstRetry, MaxInterval: lastRetry, MaxElapsedTime: giveUp,
		})}
		if w.endpoint != "" {
			opts = append(opts, otlpmetricgrpc.WithEndpointURL(w.endpoint))
		}
		if w.headers != nil {
			opts = append(opts, otlpmetricgrpc.WithHeaders(w.headers))
		}
		return otlpmetricgrpc.New(ctx, opts...)
	}
	opts := []otlpmetrichttp.Option{otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{
		Enabled: true, InitialInterval: firstRetry, MaxInterval: lastRetry, MaxElapsedTime: giveUp,
	})}
	if w.endpoint != "" {
		opts = append(opts, otlpmetrichttp.WithEndpointURL(w.endpoint))
	}
	if w.headers != nil {
		opts = append(opts, otlpmetrichttp.WithHeaders(w.headers))
	}
	return otlpmetrichttp.New(ctx, opts...)
}

// logs is the exporter for log records.
func (w way) logs(ctx context.Context) (sdklog.Exporter, error) {
	switch {
	case w.to == toNone:
		return nil, nil
	case w.to == toConsole:
		return stdoutlog.New(stdoutlog.WithPrettyPrint())
	case w.protocol == protocolGRPC:
		opts := []otlploggrpc.Option{otlploggrpc.WithRetry(otlploggrpc.RetryConfig{
			Enabled: true, InitialInterval: firstRetry, MaxInterval: lastRetry, MaxElapsedTime: giveUp,
		})}
		if w.endpoint != "" {
			opts = append(opts, otlploggrpc.WithEndpointURL(w.endpoint))
		}
		if w.headers != nil {
			opts = append(opts, otlploggrpc.WithHeaders(w.headers))
		}
		return otlploggrpc.New(ctx, opts...)
	}
	opts := []otlploghttp.Option{otlploghttp.WithRetry(otlploghttp.RetryConfig{
		Enabled: true, InitialInterval: firstRetry, MaxInterval: lastRetry, MaxElapsedTime: giveUp,
	})}
	if w.endpoint != "" {
		opts = append(opts, otlploghttp.WithEndpointURL(w.endpoint))
	}
	if w.headers != nil {
		opts = append(opts, otlploghttp.WithHeaders(w.headers))
	}
	return otlploghttp.New(ctx, opts...)
}
