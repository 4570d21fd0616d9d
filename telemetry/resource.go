package telemetry

import (
	"context"
	"net"
	"net/netip"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
)

// resourceOf says who sends. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have the last word. What cannot be found out
// about the machine is left out.
func resourceOf(ctx context.Context, c Config) *resource.Resource {
	r, _ := resource.New(ctx,
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithHostID(),
		resource.WithAttributes(
			attribute.String("service.name", "actorsip"), attribute.String("service.version", c.Version),
			attribute.String("service.instance.id", c.Node), attribute.String(keyNode, c.Node),
			attribute.String("ip", ownAddr()), // two processes with one address have one clock: Jaeger asks no more than that
		),
		resource.WithFromEnv())
	return r
}

// ownAddr is an address of this machine, the same for all its processes.
func ownAddr() string {
	found, _ := net.InterfaceAddrs()
	for _, a := range found {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().IsGlobalUnicast() {
			return p.Addr().Unmap().String()
		}
	}
	return "127.0.0.1"
}
