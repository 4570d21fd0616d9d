package torture

import (
	"path/filepath"
	"testing"
)

// requests5118 are the 12 messages of RFC 5118, all of them requests.
var requests5118 = []row{
	{"ipv6-good", "4.1", forwarded(), "an IPv6 reference in the request-URI"},
	{"ipv6-bad", "4.2", answered(400), "an IPv6 address without brackets is no host"},
	{"port-ambiguous", "4.3", forwarded(), "what looks like a port is part of the address: well-formed"},
	{"port-unambiguous", "4.4", forwarded(), "the port follows the brackets"},
	{"via-received-param-with-delim", "4.5", forwarded(), "received in brackets must be accepted"},
	{"via-received-param-no-delim", "4.5", forwarded(), "received without brackets must be accepted"},
	{"ipv6-in-sdp", "4.6", forwarded(), "IPv6 in SDP has no brackets"},
	{"mult-ip-in-header", "4.7", forwarded(), "Vias of both families"},
	{"mult-ip-in-sdp", "4.8", forwarded(), "media of both families"},
	{"ipv4-mapped-ipv6", "4.9", forwarded(), "IPv4-mapped addresses in Via, Contact, SDP"},
	{"ipv6-bug-abnf-3-colons", "4.10", demand{forward: true}, "three colons are a fault of RFC 3261's grammar and must be tolerated"},
	{"ipv6-correct-abnf-2-colons", "4.10", forwarded(), "the corrected form of it"},
}

func TestRFC5118(t *testing.T) {
	dir := folder(t, "rfc5118")
	complete(t, requests5118, dir)
	b, judged := start(t), 0
	for _, r := range requests5118 {
		t.Run(r.file, func(t *testing.T) {
			judged++
			b.in(t).judgeRequest(t, r, trueLength(load(t, filepath.Join(dir, r.file))))
		})
	}
	if judged != 12 {
		t.Errorf("%d of 12 messages judged", judged)
	}
}
