// Package sdpwire is a session description (SDP, RFC 8866) as bytes.
//
// A relay owns the few places of a description that say where media goes; all others belong to the endpoints. So a
// description is indexed once, in place, and leaves with those places spliced: everything else byte for byte. The scanner
// takes lines in any order, with any line end, of any attribute, and refuses only what cannot be relayed safely.
//
// description.go walks the lines and append.go splices; what is found in a line stands in the file of that line: origin.go
// (o=), connection.go (c=), media.go (m=), attribute.go (a=) with rtcp.go, rate.go and bundle.go.
package sdpwire
