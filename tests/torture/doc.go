// Package torture shows the proxy messages that are meant to break it: those of RFC 4475 and RFC 5118, a storm of
// mutated ones, and forged responses.
//
// The messages of the two RFCs are read from the folder that the environment variable TORTURE_DIR names
// (rfc4475/*.dat, rfc5118/*, as archived with those RFCs).
//
//	caller                 proxy                    callee
//	(any port) ──▶ inside ┌─────┐ outside ──▶ (where every next hop leads)
//
// After each message an OPTIONS takes the same way and its 200 comes back. What has not arrived by then does not
// arrive: so silence is seen without waiting for it.
package torture
