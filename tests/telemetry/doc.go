// Package telemetry lets tests see traces as people see them: in a real Jaeger, behind a real Collector that runs the
// project's own otel-collector.yaml.
//
// Both are one program, which scripts/jaeger builds once. Without it the tests that need it skip.
package telemetry
