package tests

import (
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/ua"
)

// The phones' media are at addresses of their own, so that it shows where one gets out.
const (
	aliceHost = "127.0.0.5"
	bobHost   = "127.0.0.6"
	ourHost   = "127.0.0.1"
)

// ends are two phones with several sockets each.
type ends struct {
	*house
	alice, bob     []*ua.Sound
	caller, callee *ua.Call
	toBob, toAlice ua.Message // what carried the last description to each side
}

func newEnds(t testing.TB, h *house, sockets int) *ends {
	needsHosts(t)
	e := &ends{house: h}
	for range sockets {
		e.alice, e.bob = append(e.alice, ua.Hear(t, aliceHost+":0")), append(e.bob, ua.Hear(t, bobHost+":0"))
	}
	return e
}

// fill writes ports into a description, for $0, $1 and so on, and CRLF for LF.
func fill(text string, at []*ua.Sound) string {
	for i, s := range at {
		text = strings.ReplaceAll(text, "$"+strconv.Itoa(i), strconv.Itoa(int(s.Addr().Port())))
	}
	return strings.ReplaceAll(text, "\n", "\r\n")
}

// head is what a description begins with.
const head = "v=0\no=alice 1 1 IN IP4 127.0.0.5\ns=-\nc=IN IP4 127.0.0.5\nt=0 0\n"

// bobs is the same of the other end.
func bobs(description string) string {
	return strings.NewReplacer("alice", "bob", aliceHost, bobHost).Replace(description)
}

// call sets up a call with these descriptions.
func (e *ends) call(t testing.TB, offer, answer string, more ...func(*ua.Options)) {
	t.Helper()
	o := ua.Options{Proxy: e.Addr("inside"), Body: offer}
	for _, m := range more {
		m(&o)
	}
	e.caller = e.house.caller.Invite("sip:bob@example.com", o)
	e.toBob = e.house.callee.Receive()
	e.callee = e.house.callee.Answer(e.toBob, 200, ua.Options{Body: answer})
	e.toAlice = e.caller.Response()
	e.caller.Ack(e.toAlice)
	if m := e.house.callee.Receive(); m.Method() != "ACK" {
		t.Fatalf("the callee expected the ACK, not\n%s", m.Raw)
	}
	e.aim()
}

// again is a re-INVITE of the caller.
func (e *ends) again(t testing.TB, offer, answer string) {
	t.Helper()
	e.caller.Request("INVITE", ua.Options{Body: offer})
	e.toBob = e.house.callee.Receive()
	e.house.callee.Answer(e.toBob, 200, ua.Options{Body: answer})
	e.toAlice = e.caller.Response()
	e.caller.Ack(e.toAlice)
	e.house.callee.Receive()
	e.aim()
}

// aim has each socket send where the m-line of its number is.
func (e *ends) aim() {
	for i, at := range e.toBob.MediaAt() {
		if i < len(e.bob) {
			e.bob[i].To(at)
		}
	}
	for i, at := range e.toAlice.MediaAt() {
		if i < len(e.alice) {
			e.alice[i].To(at)
		}
	}
}

// flows has the sockets of that number hear one another.
func (e *ends) flows(t testing.TB, i int) {
	t.Helper()
	word := fmt.Sprintf("stream %d ", i)
	e.alice[i].Say(word)
	e.bob[i].Hears(word)
	e.bob[i].Say(word)
	e.alice[i].Hears(word)
}

// left fails the test unless a description left as it came, but for our address and ports, which are given by m-line.
func left(t testing.TB, body []byte, was, host string, at []netip.AddrPort, ports ...string) {
	t.Helper()
	want := strings.ReplaceAll(was, host, ourHost)
	for i := range at {
		if i < len(ports) {
			want = strings.ReplaceAll(want, " "+ports[i]+" ", fmt.Sprintf(" %d ", at[i].Port()))
			want = strings.ReplaceAll(want, " "+ports[i]+"/", fmt.Sprintf(" %d/", at[i].Port()))
		}
	}
	if string(body) != want {
		t.Errorf("a description left as\n%s\nnot\n%s", body, want)
	}
}

func portsOf(all []*ua.Sound) (ports []string) {
	for _, s := range all {
		ports = append(ports, strconv.Itoa(int(s.Addr().Port())))
	}
	return ports
}

// hidden fails the test when a message shows where a phone's media is.
func hidden(t testing.TB, messages ...ua.Message) {
	t.Helper()
	for _, m := range messages {
		for _, host := range []string{aliceHost, bobHost} {
			if strings.Contains(string(m.Body), host) {
				t.Errorf("%s is shown in\n%s", host, m.Raw)
			}
		}
	}
}

// Descriptions that leave as they came, but for address and ports, and whose streams flow.
func TestDescriptionsLeaveAsTheyCame(t *testing.T) {
	const crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:32\n" +
		"a=fingerprint:sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:2D:2E:F8:7D:33:14:0C:11:1A:5B:6C:7D\n" +
		"a=setup:actpass\n"
	for _, c := range []struct {
		name, offer string
		streams     int
		lf          bool
	}{
		{name: "audio", offer: head + "m=audio $0 RTP/AVP 0 8 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\na=ptime:20\n", streams: 1},
		{name: "video and audio", offer: head + "m=video $0 RTP/AVP 96\na=rtpmap:96 H264/90000\nm=audio $1 RTP/AVP 0\n", streams: 2},
		{
			name: "each with an address of its own", streams: 2,
			offer: "v=0\no=- 1 1 IN IP4 127.0.0.5\ns=-\nt=0 0\nm=audio $0 RTP/AVP 0\nc=IN IP4 127.0.0.5\nm=video $1 RTP/AVP 96\ni=a screen\nc=IN IP4 127.0.0.5\n",
		},
		{name: "lower-case proto", offer: head + "m=audio $0 rtp/avp 0\n", streams: 1},
		{name: "no t=, no s=", offer: "v=0\no=- 1 1 IN IP4 127.0.0.5\nc=IN IP4 127.0.0.5\nm=audio $0 RTP/AVP 0\n", streams: 1},
		{name: "line feeds only", offer: head + "m=audio $0 RTP/AVP 0\na=sendrecv\n", streams: 1, lf: true},
		{name: "no line end at the end", offer: head + "m=audio $0 RTP/AVP 0", streams: 1},
		{name: "keys and fingerprints", offer: head + "m=audio $0 RTP/SAVP 0\n" + crypto, streams: 1},
		{name: "DTLS-SRTP", offer: head + "m=audio $0 UDP/TLS/RTP/SAVPF 0\n" + crypto, streams: 1},
		{name: "what nobody knows", offer: head + "k=prompt\nz=0 0\na=x-strange: \t 1\nm=audio $0 RTP/AVP 0\na=\nb=AS:64\nx=y\nb=X-Y:1\n", streams: 1},
		{name: "several addresses", offer: head + "m=audio $0 RTP/AVP 0\nc=IN IP4 127.0.0.5\nc=IN IP4 127.0.0.5\n", streams: 1},
		{name: "no origin", offer: "v=0\ns=-\nc=IN IP4 127.0.0.5\nt=0 0\nm=audio $0 RTP/AVP 0\n", streams: 1},
		{name: "a refused stream", offer: head + "m=video 0 RTP/AVP 96\nm=audio $0 RTP/AVP 0\n", streams: 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEnds(t, build(t, v4, v4, relayed, nil), 2)
			offer, answer := fill(c.offer, e.alice), fill(bobs(c.offer), e.bob)
			if c.lf {
				offer, answer = strings.ReplaceAll(offer, "\r", ""), strings.ReplaceAll(answer, "\r", "")
			}
			e.call(t, offer, answer)
			a, b := portsOf(e.alice), portsOf(e.bob)
			if c.streams == 0 { // the first m-line has no port
				a, b = append([]string{"none"}, a...), append([]string{"none"}, b...)
				e.alice[0].To(e.toAlice.MediaAt()[1])
				e.bob[0].To(e.toBob.MediaAt()[1])
				e.flows(t, 0)
			}
			left(t, e.toBob.Body, offer, aliceHost, e.toBob.MediaAt(), a...)
			left(t, e.toAlice.Body, answer, bobHost, e.toAlice.MediaAt(), b...)
			for i := range c.streams {
				e.flows(t, i)
			}
		})
	}
}

// m=audio N/2 is two pairs of ports: N and N+2 (RFC 8866 §5.14).
func TestARangeOfPortsIsRelayed(t *testing.T) {
	needsHosts(t)
	h := build(t, v4, v4, relayed, nil)
	e := &ends{house: h}
	pairs := func(host string) []*ua.Sound { // the second pair stands above the first
		for range 100 {
			first, _ := ua.HearPair(t, host)
			if second, ok := ua.HearAt(t, netip.AddrPortFrom(first.Addr().Addr(), first.Addr().Port()+2)); ok {
				return []*ua.Sound{first, second}
			}
		}
		t.Fatal("no two pairs of ports are free")
		return nil
	}
	e.alice, e.bob = pairs(aliceHost), pairs(bobHost)
	const audio = head + "m=audio $0/2 RTP/AVP 0\n"
	offer, answer := fill(audio, e.alice), fill(bobs(audio), e.bob)
	e.call(t, offer, answer)
	left(t, e.toBob.Body, offer, aliceHost, e.toBob.MediaAt(), portsOf(e.alice)...)
	left(t, e.toAlice.Body, answer, bobHost, e.toAlice.MediaAt(), portsOf(e.bob)...)
	e.alice[1].To(above(above(e.toAlice.MediaAt()[0])))
	e.bob[1].To(above(above(e.toBob.MediaAt()[0])))
	e.flows(t, 0)
	e.flows(t, 1)
	if n := leased(h.System); n != 4 {
		t.Errorf("%d pairs of ports are leased, not two on either side", n)
	}
}

// A fax begins as a call, and goes on as T.38 (RFC 7345 shows the same without DTLS): what flows is no RTP.
func TestACallBecomesAFax(t *testing.T) {
	const (
		audio = head + "m=audio $0 RTP/AVP 0\n"
		image = head + "m=image $1 udptl t38\na=T38FaxVersion:0\na=T38FaxUdpEC:t38UDPRedundancy\n"
		both  = head + "m=audio 0 RTP/AVP 0\nm=image $1 udptl t38\n"
	)
	for name, fax := range map[string]string{"in the place of the audio": image, "beside it": both} {
		t.Run(name, func(t *testing.T) {
			e := newEnds(t, build(t, v4, v4, relayed, nil), 2)
			e.call(t, fill(audio, e.alice), fill(bobs(audio), e.bob))
			e.flows(t, 0)
			offer, answer := fill(fax, e.alice), fill(bobs(fax), e.bob)
			e.again(t, offer, answer)
			last := len(e.toBob.MediaAt()) - 1
			e.alice[1].To(e.toAlice.MediaAt()[last])
			e.bob[1].To(e.toBob.MediaAt()[last])
			for _, b := range [][]byte{{0, 1, 2, 6, 0, 0}, {0xff}, []byte("no RTP at all")} {
				e.alice[1].Send(b)
				e.bob[1].HearsBytes(b)
				e.bob[1].Send(b)
				e.alice[1].HearsBytes(b)
			}
			hidden(t, e.toBob, e.toAlice)
			e.again(t, fill(audio, e.alice), fill(bobs(audio), e.bob))
			e.flows(t, 0)
		})
	}
}

func TestADescriptionAmongOtherPartsIsRelayed(t *testing.T) {
	e := newEnds(t, build(t, v4, v4, relayed, nil), 1)
	const audio = head + "m=audio $0 RTP/AVP 0\n"
	before, behind := "preamble\r\n--odd b\r\nContent-Type: application/isup\r\n\r\n\x01\x00\xff 127.0.0.5\r\n--odd b\r\nContent-Type: application/sdp\r\n\r\n", "\r\n--odd b--\r\nepilogue"
	offer := fill(audio, e.alice)
	e.call(t, before+offer+behind, fill(bobs(audio), e.bob), func(o *ua.Options) { o.Type = `multipart/mixed;boundary="odd b"` })
	body := string(e.toBob.Body)
	inner, ok := strings.CutPrefix(body, before)
	inner, ok2 := strings.CutSuffix(inner, behind)
	if !ok || !ok2 {
		t.Fatalf("the other parts did not leave as they came:\n%s", body)
	}
	left(t, []byte(inner), offer, aliceHost, []netip.AddrPort{part1(t, inner)}, portsOf(e.alice)...)
	e.bob[0].To(part1(t, inner))
	e.flows(t, 0)
}

// part1 is where the stream of a description is.
func part1(t testing.TB, description string) netip.AddrPort {
	return only(t, ua.Message{Body: []byte(description)})
}

// What is no UDP is not for the relay, and keeps its address.
func TestAMessageSessionIsLeftAlone(t *testing.T) {
	e := newEnds(t, build(t, v4, v4, relayed, nil), 1)
	const chat = head + "m=audio $0 RTP/AVP 0\nm=message 2855 TCP/MSRP *\nc=IN IP4 127.0.0.9\na=path:msrp://127.0.0.9:2855/s;tcp\n"
	offer, answer := fill(chat, e.alice), fill(bobs(chat), e.bob)
	e.call(t, offer, answer)
	left(t, e.toBob.Body, offer, aliceHost, e.toBob.MediaAt(), portsOf(e.alice)...)
	left(t, e.toAlice.Body, answer, bobHost, e.toAlice.MediaAt(), portsOf(e.bob)...)
	e.flows(t, 0)
	if n := leased(e.System); n != 2 {
		t.Errorf("%d pairs of ports are leased for one stream", n)
	}
}

func TestRTCPGoesWhereItIsWanted(t *testing.T) {
	needsHosts(t)
	for _, c := range []struct {
		name       string
		line       string // in both descriptions; $1 is the port of RTCP
		says       string // what it becomes; $0 and $1 are our ports
		mux, apart bool
	}{
		{name: "on the port above"},
		{name: "where a=rtcp says", line: "a=rtcp:$1\n", says: "a=rtcp:$1\n", apart: true},
		{name: "where a=rtcp says with an address", line: "a=rtcp:$1 IN IP4 127.0.0.5\n", says: "a=rtcp:$1 IN IP4 127.0.0.1\n", apart: true},
		{name: "on the RTP port", line: "a=rtcp-mux\n", says: "a=rtcp-mux\n", mux: true},
		{name: "on the RTP port, as a=rtcp says too", line: "a=rtcp:$0\na=rtcp-mux\n", says: "a=rtcp:$0\na=rtcp-mux\n", mux: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &ends{house: build(t, v4, v4, relayed, nil)}
			sockets := func(host string) []*ua.Sound {
				rtp, rtcp := ua.HearPair(t, host)
				switch {
				case c.mux:
					rtcp = rtp
				case c.apart:
					rtcp = ua.Hear(t, host+":0")
				}
				return []*ua.Sound{rtp, rtcp}
			}
			e.alice, e.bob = sockets(aliceHost), sockets(bobHost)
			audio := head + "m=audio $0 RTP/AVP 0\n" + c.line
			e.call(t, fill(audio, e.alice), fill(bobs(audio), e.bob))
			hidden(t, e.toBob, e.toAlice)
			for _, m := range []ua.Message{e.toBob, e.toAlice} {
				at := only(t, m)
				want := strings.NewReplacer("\n", "\r\n", "$0", strconv.Itoa(int(at.Port())), "$1", strconv.Itoa(int(at.Port())+1)).Replace(c.says)
				if !strings.HasSuffix(string(m.Body), want) {
					t.Errorf("%q is not what this ends with:\n%s", want, m.Body)
				}
			}
			if !c.mux {
				e.alice[1].To(above(only(t, e.toAlice)))
				e.bob[1].To(above(only(t, e.toBob)))
			}
			fromAlice, fromBob := e.alice[0].Report("alice"), e.bob[0].Report("bob")
			e.alice[1].Send(fromAlice) // before any RTP
			e.bob[1].HearsBytes(fromAlice)
			e.bob[1].Send(fromBob)
			e.alice[1].HearsBytes(fromBob)
			e.flows(t, 0)
			e.bob[1].Send(fromBob)
			e.alice[1].HearsBytes(fromBob)
			e.alice[1].Send(fromAlice)
			from := e.bob[1].HearsBytes(fromAlice)
			if want := e.bob[1]; c.mux && from != only(t, e.toBob) || !c.mux && from != above(only(t, e.toBob)) {
				t.Errorf("RTCP came to %s from %s", want.Addr(), from)
			}
		})
	}
}

// Candidates are ways around the relay.
func TestCandidatesDoNotPass(t *testing.T) {
	e := newEnds(t, build(t, v4, v4, relayed, nil), 1)
	const audio = head + "a=ice-ufrag:abcd\na=ice-pwd:abcdefghijklmnopqrstuv\na=ice-options:trickle\nm=audio $0 RTP/AVP 0\n" +
		"a=candidate:1 1 UDP 2130706431 127.0.0.5 $0 typ host\na=candidate:2 1 UDP 1694498815 198.51.100.7 40000 typ srflx raddr 127.0.0.5 rport $0\n" +
		"a=end-of-candidates\na=remote-candidates:1 127.0.0.6 4000\na=sendrecv\n"
	e.call(t, fill(audio, e.alice), fill(bobs(audio), e.bob))
	for _, m := range []ua.Message{e.toBob, e.toAlice} {
		if strings.Contains(string(m.Body), "candidate") || strings.Contains(string(m.Body), "a=ice-") || !strings.Contains(string(m.Body), "a=sendrecv") {
			t.Errorf("this left:\n%s", m.Body)
		}
	}
	hidden(t, e.toBob, e.toAlice)
	e.flows(t, 0)
}

// A DTLS handshake goes the way of its media, before any of it; but not a stranger's.
func TestADTLSHandshakePasses(t *testing.T) {
	e := newEnds(t, build(t, v4, v4, relayed, nil), 1)
	const audio = head + "m=audio $0 UDP/TLS/RTP/SAVP 0\na=setup:actpass\n"
	e.call(t, fill(audio, e.alice), fill(bobs(audio), e.bob))
	stranger := ua.Hear(t, "127.0.0.77:0").To(only(t, e.toAlice))
	for range 10 {
		stranger.Send(clientHello)
	}
	hello := append(clientHello[:len(clientHello):len(clientHello)], "from the right one"...)
	hello[12] += byte(len(hello) - len(clientHello))
	e.alice[0].Send(hello)
	e.bob[0].HearsBytes(hello)
	e.bob[0].Send(hello)
	e.alice[0].HearsBytes(hello)
	e.flows(t, 0)
	if n := stranger.Pending(); n > 0 {
		t.Errorf("a stranger got %d packets", n)
	}
}

func TestHoldAndResume(t *testing.T) {
	const audio = head + "m=audio $0 RTP/AVP 0\n"
	for name, hold := range map[string]string{
		"by the address":            strings.Replace(audio, "c=IN IP4 127.0.0.5", "c=IN IP4 0.0.0.0", 1),
		"by the address of an m=":   audio + "c=IN IP4 0.0.0.0\n",
		"by a=inactive":             audio + "a=inactive\n",
		"by a=sendonly":             audio + "a=sendonly\n",
		"by port 0":                 strings.Replace(audio, "$0", "0", 1),
		"by a=inactive for session": strings.Replace(audio, "t=0 0\n", "t=0 0\na=inactive\n", 1),
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnds(t, build(t, v4, v4, relayed, nil), 1)
			e.call(t, fill(audio, e.alice), fill(bobs(audio), e.bob))
			e.flows(t, 0)
			first := only(t, e.toBob)
			answer := audio
			if strings.Contains(name, "port 0") {
				answer = hold
			}
			for range 2 { // and once more
				offer := fill(hold, e.alice)
				e.again(t, offer, fill(bobs(answer), e.bob))
				left(t, e.toBob.Body, offer, aliceHost, e.toBob.MediaAt(), portsOf(e.alice)...)
				hidden(t, e.toBob, e.toAlice)
				switch at := only(t, e.toBob); {
				case strings.Contains(name, "port 0"):
					if at.Port() != 0 {
						t.Errorf("port 0 has become %d", at.Port())
					}
				case strings.Contains(name, "address"):
					if !at.Addr().IsUnspecified() || at.Port() != first.Port() {
						t.Errorf("0.0.0.0 has become %s", at)
					}
					e.bob[0].To(first).Say("to one who holds")
					e.alice[0].Say("music")
					e.bob[0].Hears("music")
					if n := e.alice[0].Pending(); n > 0 {
						t.Errorf("%d packets went to who wanted none", n)
					}
				}
				e.again(t, fill(audio, e.alice), fill(bobs(audio), e.bob))
				if at := only(t, e.toBob); at != first {
					t.Errorf("the stream was at %s and is resumed at %s", first, at)
				}
				e.flows(t, 0)
			}
		})
	}
}

// Each side is told an address that it can reach.
func TestIPv4MeetsIPv6(t *testing.T) {
	h := build(t, v4, v6, relayed, nil)
	e := &ends{house: h, alice: []*ua.Sound{ua.Hear(t, "127.0.0.1:0")}, bob: []*ua.Sound{ua.Hear(t, "[::1]:0")}}
	four := "v=0\no=- 7 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio $0 RTP/AVP 0\na=rtcp:$0 IN IP4 127.0.0.1\n"
	six := strings.NewReplacer("IP4", "IP6", "127.0.0.1", "::1").Replace(four)
	e.call(t, fill(four, e.alice), fill(six, e.bob))
	for _, c := range []struct {
		m    ua.Message
		want string
	}{{e.toBob, six}, {e.toAlice, four}} {
		at := only(t, c.m)
		want := strings.NewReplacer("\n", "\r\n", "$0", strconv.Itoa(int(at.Port()))).Replace(c.want)
		if string(c.m.Body) != want {
			t.Errorf("%s\nis not\n%s", c.m.Body, want)
		}
	}
	e.flows(t, 0)
	hold := strings.Replace(four, "c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0", 1)
	e.again(t, fill(hold, e.alice), fill(six, e.bob))
	if !strings.Contains(string(e.toBob.Body), "c=IN IP6 ::\r\n") {
		t.Errorf("a hold of IPv4 has become\n%s", e.toBob.Body)
	}
}

// The origin names the session (RFC 8866 §5.2): it may not change on the way.
func TestTheOriginIsTheSameInAllDescriptions(t *testing.T) {
	e := newEnds(t, build(t, v4, v4, relayed, nil), 2)
	const audio = head + "m=audio $0 RTP/AVP 0\n"
	version := func(text string, n int) string {
		return strings.Replace(text, " 1 1 IN", fmt.Sprintf(" 1 %d IN", n), 1)
	}
	origin := func(m ua.Message, want string) {
		t.Helper()
		if !strings.Contains(string(m.Body), want) {
			t.Errorf("the origin is not %q in\n%s", want, m.Body)
		}
		hidden(t, m)
	}
	e.call(t, fill(audio, e.alice), fill(bobs(audio), e.bob))
	origin(e.toBob, "o=alice 1 1 IN IP4 127.0.0.1\r\n")
	origin(e.toAlice, "o=bob 1 1 IN IP4 127.0.0.1\r\n")
	e.again(t, version(fill(audio, e.alice), 2), version(fill(bobs(audio), e.bob), 2))
	origin(e.toBob, "o=alice 1 2 IN IP4 127.0.0.1\r\n")
	origin(e.toAlice, "o=bob 1 2 IN IP4 127.0.0.1\r\n")
	// Held, with all streams switched off, the address is the same still.
	off := version(strings.Replace(audio, "$0", "0", 1), 3)
	e.again(t, fill(off, e.alice), fill(bobs(off), e.bob))
	origin(e.toBob, "o=alice 1 3 IN IP4 127.0.0.1\r\n")
	origin(e.toAlice, "o=bob 1 3 IN IP4 127.0.0.1\r\n")
	// The callee offers.
	e.callee.Request("INVITE", ua.Options{Body: version(fill(bobs(audio), e.bob), 4)})
	m := e.house.caller.Receive()
	origin(m, "o=bob 1 4 IN IP4 127.0.0.1\r\n")
	e.house.caller.Answer(m, 200, ua.Options{Body: version(fill(audio, e.alice), 4)})
	r := e.callee.Response()
	origin(r, "o=alice 1 4 IN IP4 127.0.0.1\r\n")
	e.callee.Ack(r)
	e.house.caller.Receive()
	e.toAlice, e.toBob = m, r
	e.aim()
	e.flows(t, 0)
}

// A refusal may say what would have been accepted (RFC 3261 §21.4.26), and a 2xx to OPTIONS what could be (§11.2).
func TestARefusalDoesNotShowAnAddress(t *testing.T) {
	e := newEnds(t, build(t, v4, v4, relayed, nil), 1)
	const audio = head + "m=audio $0 RTP/AVP 0\n"
	caller := e.house.caller.Invite("sip:bob@example.com", ua.Options{Proxy: e.Addr("inside"), Body: fill(audio, e.alice)})
	invite := e.house.callee.Receive()
	e.house.callee.Answer(invite, 488, ua.Options{Body: fill(bobs(audio), e.bob)})
	refused := caller.Response()
	if refused.Status() != 488 || !strings.Contains(string(refused.Body), "RTP/AVP 0") {
		t.Errorf("the refusal was\n%s", refused.Raw)
	}
	hidden(t, refused)
	caller.Ack(refused)
	e.house.callee.Receive()

	caller = e.house.caller.Invite("sip:bob@example.com", ua.Options{Proxy: e.Addr("inside")}) // nothing is offered
	e.house.callee.Answer(e.house.callee.Receive(), 488, ua.Options{Body: fill(bobs(audio), e.bob)})
	refused = caller.Response()
	hidden(t, refused)
	caller.Ack(refused)
	e.house.callee.Receive()

	able := func(ask func()) {
		t.Helper()
		ask()
		m := e.house.callee.Receive()
		e.house.callee.Answer(m, 200, ua.Options{Body: fill(bobs(audio), e.bob)})
		r := e.house.caller.Receive()
		if r.Method() != "OPTIONS" || r.Status() != 200 || !strings.Contains(string(r.Body), "RTP/AVP 0") {
			t.Errorf("OPTIONS was answered\n%s", r.Raw)
		}
		hidden(t, m, r)
	}
	able(func() {
		e.house.caller.Request("OPTIONS", "sip:bob@example.com", ua.Options{Proxy: e.Addr("inside"), Body: fill(audio, e.alice)})
	})
	eventually(t, 5*time.Second, "all ports came back", func() bool { return leased(e.System) == 0 })
	e.call(t, fill(audio, e.alice), fill(bobs(audio), e.bob))
	able(func() { e.caller.Request("OPTIONS", ua.Options{Body: fill(audio, newEnds(t, e.house, 1).alice)}) })
	e.flows(t, 0)
	bye(t, e.caller, e.house.callee)
	eventually(t, 5*time.Second, "all ports came back", func() bool { return leased(e.System) == 0 })
}

func TestADescriptionThatCannotBeRelayedIsRefused(t *testing.T) {
	h := build(t, v4, v4, relayed, nil)
	for name, body := range map[string]string{
		"no description":       "hello, world\n",
		"media without port":   head + "m=audio\n",
		"a port in words":      head + "m=audio many RTP/AVP 0\n",
		"a port too high":      head + "m=audio 65536 RTP/AVP 0\n",
		"a range too long":     head + "m=audio 65534/2 RTP/AVP 0\n",
		"no address":           "v=0\no=- 1 1 IN IP4 127.0.0.5\ns=-\nt=0 0\nm=audio 4000 RTP/AVP 0\n",
		"half an address":      "v=0\ns=-\nc=IN IP4 127.0.0\nm=audio 4000 RTP/AVP 0\n",
		"another network":      "v=0\ns=-\nc=ATM NSAP 47\nm=audio 4000 RTP/AVP 0\n",
		"too many media lines": head + strings.Repeat("m=audio 4000 RTP/AVP 0\n", 65),
	} {
		call := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Body: strings.ReplaceAll(body, "\n", "\r\n")})
		r := call.Response()
		if r.Status() != 488 {
			t.Errorf("%s: it is answered\n%s", name, r.Raw)
		}
		call.Ack(r)
	}
	h.callee.Quiet(50 * time.Millisecond)
	eventually(t, 5*time.Second, "nothing is left of them", func() bool { return leased(h.System) == 0 && h.Media().Sessions == 0 })
}

// beginMedia starts a proxy whose legs and further keys are written out, for these phones.
func beginMedia(t testing.TB, text string) *system.System {
	t.Helper()
	cfg, err := system.Parse("media.yaml", []byte("lanes: 1\nadmin: {listen: \"off\"}\n"+
		"keys: {file: "+strconv.Quote(filepath.Join(t.TempDir(), "keys.yaml"))+"}\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := system.StartWith(cfg, system.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Two phones behind one leg reach one another without us, unless the leg says otherwise.
func TestACallWithinALeg(t *testing.T) {
	const audio = head + "m=audio $0 RTP/AVP 0\n"
	for _, hairpin := range []bool{false, true} {
		t.Run(fmt.Sprintf("hairpin %v", hairpin), func(t *testing.T) {
			leavesNothing(t)
			h := &house{caller: ua.New(t, "127.0.0.1:0"), callee: ua.New(t, "127.0.0.1:0")}
			h.System = beginMedia(t, fmt.Sprintf("legs:\n  - {name: inside, listen: \"udp:127.0.0.1:0\", media: {hairpin: %v}}\n"+
				"next_hops: {\"*\": \"sip:%s\"}\n%s", hairpin, h.callee.Addr(), relayed))
			e := newEnds(t, h, 1)
			offer, answer := fill(audio, e.alice), fill(bobs(audio), e.bob)
			e.call(t, offer, answer)
			if !hairpin {
				if string(e.toBob.Body) != offer || string(e.toAlice.Body) != answer || leased(h.System) != 0 {
					t.Errorf("%d pairs of ports are leased, and this left:\n%s\n%s", leased(h.System), e.toBob.Body, e.toAlice.Body)
				}
				return
			}
			left(t, e.toBob.Body, offer, aliceHost, e.toBob.MediaAt(), portsOf(e.alice)...)
			left(t, e.toAlice.Body, answer, bobHost, e.toAlice.MediaAt(), portsOf(e.bob)...)
			e.flows(t, 0)
			e.again(t, offer, answer)
			e.flows(t, 0)
			// The callee asks as well.
			e.callee.Request("INVITE", ua.Options{Body: answer})
			m := h.caller.Receive()
			left(t, m.Body, answer, bobHost, m.MediaAt(), portsOf(e.bob)...)
			h.caller.Answer(m, 200, ua.Options{Body: offer})
			r := e.callee.Response()
			left(t, r.Body, offer, aliceHost, r.MediaAt(), portsOf(e.alice)...)
			e.callee.Ack(r)
			h.caller.Receive()
			e.flows(t, 0)
			bye(t, e.callee, h.caller)
			eventually(t, 5*time.Second, "all ports came back", func() bool { return leased(h.System) == 0 })
		})
	}
}

// A call that comes by twice, as through a registrar on the other side, is relayed twice; once, when all of it is on one side.
func TestACallThatSpiralsIsHeard(t *testing.T) {
	for _, c := range []struct {
		name, out, in string // the legs of the proxy in between, and of the callee
		passes        int
	}{
		{"out and in again", "outside", "inside", 2},
		{"out, and from there to a third leg", "outside", "third", 2},
		{"all on one leg", "inside", "inside", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			leavesNothing(t)
			h := &house{caller: ua.New(t, "127.0.0.1:0"), callee: ua.New(t, "127.0.0.1:0")}
			between := ua.New(t, "127.0.0.1:0") // a proxy, that a test plays
			reach := map[string][]string{"inside": {h.caller.Addr().String()}}
			reach[c.out] = append(reach[c.out], between.Addr().String())
			reach[c.in] = append(reach[c.in], h.callee.Addr().String())
			text := "legs:\n"
			for name, to := range reach {
				text += fmt.Sprintf("  - {name: %s, listen: \"udp:127.0.0.1:0\", reach: [\"%s\"], media: {hairpin: true}}\n",
					name, strings.Join(to, "\", \""))
			}
			h.System = beginMedia(t, text+relayed+
				"next_hops: {example.com: \"sip:"+between.Addr().String()+"\", bob.example.com: \"sip:"+h.callee.Addr().String()+"\"}\n")
			e := newEnds(t, h, 1)
			// relay has the proxy in between pass a request on to a leg of ours, or a response to the other.
			relay := func(uri string, to netip.AddrPort) ua.Message {
				t.Helper()
				m := between.Receive()
				raw := string(m.Raw)
				if m.Status() == 0 {
					start, rest, _ := strings.Cut(raw, "\r\n")
					if uri != "" {
						start = m.Method() + " " + uri + " SIP/2.0"
					}
					if route := "Route: <sip:" + between.Addr().String() + ";lr>"; strings.Contains(rest, route) {
						rest = strings.Replace(rest, route+",", "Route: ", 1)
						rest = strings.Replace(rest, route+"\r\n", "", 1)
					}
					branch := m.Branch()
					raw = start + "\r\nVia: SIP/2.0/UDP " + between.Addr().String() + ";branch=z9hG4bKb" + branch[len(branch)-8:] + m.Method() + "\r\n" +
						"Record-Route: <sip:" + between.Addr().String() + ";lr>\r\n" + rest
				} else {
					start, rest, _ := strings.Cut(raw, "\r\n")
					_, rest, _ = strings.Cut(rest, "\r\n") // its own Via is the first header
					raw = start + "\r\n" + rest
				}
				between.Send([]byte(raw), to)
				return m
			}
			const audio = head + "m=audio $0 RTP/AVP 0\n"
			e.caller = h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Body: fill(audio, e.alice)})
			first := relay("sip:bob@bob.example.com", h.Addr(c.out))
			e.toBob = h.callee.Receive()
			e.callee = h.callee.Answer(e.toBob, 200, ua.Options{Body: fill(bobs(audio), e.bob)})
			second := relay("", h.Addr(c.out))
			e.toAlice = e.caller.Response()
			places := map[netip.AddrPort]bool{only(t, first): true, only(t, e.toBob): true, only(t, second): true, only(t, e.toAlice): true}
			if len(places) != 2*c.passes || leased(h.System) != 2*c.passes {
				t.Errorf("the stream is at %v, with %d pairs of ports", places, leased(h.System))
			}
			hidden(t, first, second, e.toBob, e.toAlice)
			e.aim()
			e.flows(t, 0)
			e.flows(t, 0)
			if n := h.Media().Sessions; n != 1 {
				t.Errorf("one call is %d sessions", n)
			}
		})
	}
}

// A challenge is the end of a transaction, not of the call (RFC 3261 §22.2).
func TestAChallengedInviteIsTriedAgain(t *testing.T) {
	const audio = head + "m=audio $0 RTP/AVP 0\n"
	for _, provisional := range []int{0, 183} {
		t.Run(fmt.Sprintf("after %d", provisional), func(t *testing.T) {
			e := newEnds(t, build(t, v4, v4, "media: {relay: true, journal: \"off\", closed: 100ms}\n", nil), 1)
			e.caller = e.house.caller.Invite("sip:bob@example.com", ua.Options{Proxy: e.Addr("inside"), Body: fill(audio, e.alice)})
			invite := e.house.callee.Receive()
			if provisional > 0 {
				e.house.callee.Answer(invite, provisional, ua.Options{Body: fill(bobs(audio), e.bob)})
				e.house.caller.Receive() // it teaches the caller nothing: the 401 ends that
			}
			e.house.callee.Answer(invite, 401, ua.Options{Headers: []string{`WWW-Authenticate: Digest realm="r", nonce="n"`}})
			refused := e.house.caller.Receive()
			if refused.Status() != 401 {
				t.Fatalf("the INVITE was answered\n%s", refused.Raw)
			}
			e.caller.Ack(refused)
			e.house.callee.Receive()
			e.caller.Request("INVITE", ua.Options{Proxy: e.Addr("inside"), Body: fill(audio, e.alice), Headers: []string{`Authorization: Digest realm="r"`}})
			e.toBob = e.house.callee.Receive()
			other := ua.New(t, "127.0.0.1:0") // it answers with another tag
			e.callee = other.Answer(e.toBob, 200, ua.Options{Body: fill(bobs(audio), e.bob)})
			e.toAlice = e.caller.Response()
			e.caller.Ack(e.toAlice)
			e.aim()
			e.flows(t, 0)
			over := time.NewTimer(2500 * time.Millisecond) // by then the first attempt has been cleared away
			defer over.Stop()
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for waiting := true; waiting; {
				select {
				case <-over.C:
					waiting = false
				case <-tick.C:
					e.flows(t, 0)
				}
			}
			if n := leased(e.System); n != 2 {
				t.Errorf("%d pairs of ports are leased for one stream", n)
			}
		})
	}
}

func TestWithoutARelayDescriptionsAreNotTouched(t *testing.T) {
	e := newEnds(t, build(t, v4, v4, "media: {relay: false}\n", nil), 1)
	const audio = head + "m=audio $0 RTP/AVP 0\na=candidate:1 1 UDP 1 127.0.0.5 $0 typ host\n"
	offer, answer := fill(audio, e.alice), fill(bobs(audio), e.bob)
	e.call(t, offer, answer)
	if string(e.toBob.Body) != offer || string(e.toAlice.Body) != answer {
		t.Errorf("this left:\n%s\n%s", e.toBob.Body, e.toAlice.Body)
	}
	if e.Media() != nil {
		t.Errorf("without a relay there are media: %+v", e.Media())
	}
	e.call(t, "no description at all", answer)
}

// Both ends offer at the same time, and both are refused (RFC 3261 §14.1): all is as it was. A refusal has no description.
func TestOffersThatCrossChangeNothing(t *testing.T) {
	const audio = head + "m=audio $0 RTP/AVP 0\n"
	e := newEnds(t, build(t, v4, v4, relayed, nil), 1)
	e.call(t, fill(audio, e.alice), fill(bobs(audio), e.bob))
	e.flows(t, 0)
	other := newEnds(t, e.house, 1) // where the streams would have moved
	e.caller.Request("INVITE", ua.Options{Body: fill(audio, other.alice)})
	toBob := e.house.callee.Receive()
	e.callee.Request("INVITE", ua.Options{Body: fill(bobs(audio), other.bob)})
	toAlice := e.house.caller.Receive()
	e.house.callee.Answer(toBob, 491, ua.Options{})
	e.caller.Ack(e.caller.Response())
	e.house.callee.Receive()
	e.flows(t, 0)
	e.house.caller.Answer(toAlice, 491, ua.Options{})
	e.callee.Ack(e.callee.Response())
	e.house.caller.Receive()
	e.flows(t, 0)
	// The next one of either counts.
	e.again(t, fill(audio, other.alice), fill(bobs(audio), e.bob))
	e.alice[0] = other.alice[0].To(only(t, e.toAlice))
	e.flows(t, 0)
}

// An UPDATE that is refused is void, too (RFC 3311 §5.2); what the other end offers next is no answer to it.
func TestARefusedUpdateChangesNothing(t *testing.T) {
	const audio = head + "m=audio $0 RTP/AVP 0\n"
	e := newEnds(t, build(t, v4, v4, relayed, nil), 1)
	e.call(t, fill(audio, e.alice), fill(bobs(audio), e.bob))
	e.flows(t, 0)
	other := newEnds(t, e.house, 1)
	e.caller.Request("UPDATE", ua.Options{Body: fill(audio, other.alice)})
	e.house.callee.Answer(e.house.callee.Receive(), 491, ua.Options{})
	e.caller.Response()
	e.flows(t, 0)
	e.callee.Request("UPDATE", ua.Options{Body: fill(bobs(audio), other.bob)})
	m := e.house.caller.Receive()
	e.flows(t, 0)
	e.house.caller.Answer(m, 200, ua.Options{Body: fill(audio, e.alice)})
	e.callee.Response()
	e.bob[0] = other.bob[0].To(only(t, e.toBob))
	e.flows(t, 0)
}
