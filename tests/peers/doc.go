// Package peers runs the proxy between programs that others wrote: sipp, Net::SIP, Kamailio, baresip, linphonec, SIP.js.
//
// A test whose program is not installed is skipped and says so. Every program is a child of the test, on loopback, on
// ports that were free, and is ended with the test.
package peers
