// Package sipwire is a SIP message as bytes.
//
// A proxy must not touch what it does not own (RFC 3261 §16.6). So a message is indexed once, in place, and edited by
// splices on the received bytes: everything that no edit names leaves exactly as it came. Nothing here allocates for
// an ordinary message, and the work grows with the length of a message, never faster.
//
// message.go has the life of a message: index.go finds its parts, validate.go judges those that a proxy must read,
// splice.go keeps the edits and applies them, answer.go makes a response of our own. Every header has its own file;
// list.go, param.go, address.go, hostport.go and uri.go read what they are made of.
package sipwire
