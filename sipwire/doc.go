// Package sipwire is a SIP message as bytes.
//
// A proxy must not touch what it does not own (RFC 3261 §16.6). So a message is indexed once, in place, and edited by
// splices on the received bytes: everything that no edit names leaves exactly as it came. Nothing here allocates for
// an ordinary message.
package sipwire
