package sipwire

import (
	"strconv"
	"strings"
)

// lines makes a message of a text whose lines end in LF; {length} becomes the length of its body.
func lines(s string) []byte {
	s = strings.ReplaceAll(s, "\n", "\r\n")
	_, body, _ := strings.Cut(s, "\r\n\r\n")
	return []byte(strings.Replace(s, "{length}", strconv.Itoa(len(body)), 1))
}

// The messages of an ordinary call, as they meet a proxy.
var (
	rawInvite = lines(`INVITE sip:1001@198.51.100.7:5066;transport=udp SIP/2.0
Via: SIP/2.0/UDP 192.0.2.33:5062;branch=z9hG4bK-524287-1---7a1f6e0c3b9d4852;rport
Max-Forwards: 70
Route: <sip:192.0.2.1:5060;lr>
Contact: <sip:2002@192.0.2.33:5062>
To: <sip:1001@example.com>
From: "Alice Example" <sip:2002@example.com>;tag=5f1d2c3b
Call-ID: 84951NjQ0ODY4YzE2ZmI0ZjQ1Mjc3NjQzMmY1
CSeq: 1 INVITE
Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE
Content-Type: application/sdp
Supported: replaces, norefersub, extended-refer, timer, outbound, path
User-Agent: Bench Phone 5.6.1
Allow-Events: presence, kpml, talk
Content-Length: {length}

v=0
o=- 3892763518 1 IN IP4 192.0.2.33
s=call
c=IN IP4 192.0.2.33
t=0 0
m=audio 40000 RTP/AVP 9 8 0 18 101
a=rtpmap:9 G722/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:18 G729/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=rtcp:40001 IN IP4 192.0.2.33
a=ptime:20
a=sendrecv
a=label:voice
`)
	rawOK = lines(`SIP/2.0 200 OK
Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKaeqbci4dk6gqk3t5k3n6mw2x5m;received=198.51.100.1;rport=5060
Via: SIP/2.0/UDP 192.0.2.33:5062;branch=z9hG4bK-524287-1---7a1f6e0c3b9d4852;rport=5062;received=192.0.2.33
Record-Route: <sip:198.51.100.1:5060;lr>
Record-Route: <sip:192.0.2.1:5060;lr>
Contact: <sip:1001@198.51.100.7:5066>
To: <sip:1001@example.com>;tag=as6e2f9b10
From: "Alice Example" <sip:2002@example.com>;tag=5f1d2c3b
Call-ID: 84951NjQ0ODY4YzE2ZmI0ZjQ1Mjc3NjQzMmY1
CSeq: 1 INVITE
Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE
Content-Type: application/sdp
Supported: replaces, timer, path
User-Agent: Bench Gateway 18.2.0
Session-Expires: 1800;refresher=uac
Require: timer
Content-Length: {length}

v=0
o=- 1203 1203 IN IP4 198.51.100.7
s=session
c=IN IP4 198.51.100.7
t=0 0
m=audio 31000 RTP/AVP 9 8 0 101
a=rtpmap:9 G722/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv
a=label:voice
a=maxptime:140
`)
	rawACK = lines(`ACK sip:1001@198.51.100.7:5066 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.33:5062;branch=z9hG4bK-524287-1---ab3e7d1f60c25894;rport
Max-Forwards: 70
Route: <sip:192.0.2.1:5060;lr>
Route: <sip:198.51.100.1:5060;lr>
Contact: <sip:2002@192.0.2.33:5062>
To: <sip:1001@example.com>;tag=as6e2f9b10
From: "Alice Example" <sip:2002@example.com>;tag=5f1d2c3b
Call-ID: 84951NjQ0ODY4YzE2ZmI0ZjQ1Mjc3NjQzMmY1
CSeq: 1 ACK
User-Agent: Bench Phone 5.6.1
Content-Length: 0

`)
	rawBye = lines(`BYE sip:1001@198.51.100.7:5066 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.33:5062;branch=z9hG4bK-524287-1---c05e8a1d72f3b964;rport
Max-Forwards: 70
Route: <sip:192.0.2.1:5060;lr>
Route: <sip:198.51.100.1:5060;lr>
To: <sip:1001@example.com>;tag=as6e2f9b10
From: "Alice Example" <sip:2002@example.com>;tag=5f1d2c3b
Call-ID: 84951NjQ0ODY4YzE2ZmI0ZjQ1Mjc3NjQzMmY1
CSeq: 2 BYE
User-Agent: Bench Phone 5.6.1
Reason: Q.850;cause=16;text="Normal call clearing"
Content-Length: 0

`)
)

// ordinary is what a proxy does with each of them.
var ordinary = []struct {
	name  string
	raw   []byte
	steps []step
}{
	{"INVITE", rawInvite, []step{stampVia(caller), lookForLoop, takeOwn, decrement, sealContacts, pushVia, recordRoute}},
	{"200", rawOK, []step{wayBack, popVia, sealContacts}},
	{"ACK", rawACK, []step{stampVia(caller), lookForLoop, takeOwn, decrement, sealContacts, pushVia}},
	{"BYE", rawBye, []step{stampVia(caller), lookForLoop, takeOwn, decrement, sealContacts, pushVia}},
}
