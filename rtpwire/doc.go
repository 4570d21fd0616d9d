// Package rtpwire is RTP and RTCP as bytes, and what can be said of a stream from its headers.
//
// A relay does not decode media. It must know whether a datagram is RTP or RTCP at all (classify.go), who sent it
// (header.go, rtcp.go), how many packets never came (stream.go), how unevenly the others did (jitter.go), how long the
// way to an endpoint is (report.go, roundtrip.go), and what a listener makes of all that (quality.go, codec.go).
// All of this works on SRTP and SRTCP too, as far as those leave things in the clear.
//
// Nothing here allocates, and whatever is done once per packet takes a few nanoseconds. No value here may be used by
// several goroutines at a time.
package rtpwire
