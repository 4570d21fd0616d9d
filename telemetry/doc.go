// Package telemetry is what the proxy shows of itself: traces, metrics, logs.
//
// A call is one trace, without any state: the trace id is a keyed hash of the Call-ID, and so is the decision whether
// the call is sampled (Gate), on every node and for every packet of the call. What a response is the child of stands in
// our own Via (via.go). A packet that is not sampled costs a hash and a few stores, and no allocation; a span is made
// when the packet is done, from what its Trace has noted.
//
// Packets are counted by whoever handles them; this package reads those counts when somebody asks (Observe). The one
// thing that it counts by itself is how long packets take.
//
// With nothing configured, nothing is sent and nothing is tried; Prometheus can ask either way. A collector that is
// slow or gone delays nobody: what does not fit into a bounded queue is lost, and counted.
//
// All names are in names.go, and docs/telemetry.md is made from it.
package telemetry
