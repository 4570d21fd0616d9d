package torture

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/tests/ua"
)

// in is the bench in the service of a subtest.
func (b *bench) in(t *testing.T) *bench {
	same := *b
	same.callee = b.callee.In(t)
	return &same
}

// strictHop is where the Route of mpart01 leads. That port of this machine is somebody else's; the callee stands in.
const strictHop = "127.0.0.1:5080"

// judgeRequest sends a request from the caller and holds what becomes of it against the row.
func (b *bench) judgeRequest(t *testing.T, r row, raw []byte) {
	raw = bytes.ReplaceAll(raw, []byte(strictHop), []byte(b.callee.Addr().String()))
	r.want.start = strings.ReplaceAll(r.want.start, strictHop, b.callee.Addr().String())
	sent, err := ua.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	caller := newCaller(t, answerPort(sent))
	caller.Send(raw, b.inside)
	got := b.settle(caller)
	t.Logf("§%s: %s", r.section, r.why)
	switch forwarded, returned := len(got.forwarded), len(got.returned); {
	case forwarded+returned > 1:
		t.Fatalf("one message in, %d forwarded and %d answers out: %q", forwarded, returned, got)
	case forwarded == 1 && r.want.forward:
		checkRequest(t, r.want, sent, got.forwarded[0])
	case returned == 1 && slices.Contains(r.want.codes, got.returned[0].Status()):
		checkAnswer(t, r.want, sent, got.returned[0])
		if sent.Method() == "INVITE" {
			b.acknowledge(t, caller, sent, got.returned[0])
		}
	case forwarded == 1:
		t.Fatalf("forwarded, where only an answer with %v is right:\n%s", r.want.codes, got.forwarded[0])
	case returned == 1:
		t.Fatalf("answered with %q; right is: forward %v, answer with %v", got.returned[0].Start, r.want.forward, r.want.codes)
	default:
		t.Fatalf("dropped; right is: forward %v, answer with %v", r.want.forward, r.want.codes)
	}
}

// answerPort is where the answer to a request from the caller goes: the port of its top Via.
func answerPort(sent ua.Message) uint16 {
	sentProtocol, sentBy, _ := strings.Cut(strings.TrimSpace(strings.Split(sent.Vias()[0], ";")[0]), " ")
	if i := strings.LastIndex(sentBy, ":"); i > strings.LastIndex(sentBy, "]") {
		if port, err := strconv.ParseUint(sentBy[i+1:], 10, 16); err == nil {
			return uint16(port)
		}
	}
	if strings.HasSuffix(sentProtocol, "TLS") {
		return 5061
	}
	return 5060
}

// owned are the headers that a forwarding proxy may change (RFC 3261 §16.6). Contact is not among them: this proxy is
// told never to rewrite one.
var owned = []string{"Via", "Max-Forwards", "Route", "Record-Route", "Content-Length"}

// untouched are the bytes of every header that no proxy owns, in their order.
func untouched(m ua.Message) (lines []string) {
	for _, f := range m.Fields {
		if !slices.ContainsFunc(owned, func(name string) bool { return strings.EqualFold(name, ua.LongName(f.Name)) }) {
			lines = append(lines, f.Raw)
		}
	}
	return lines
}

// checkRequest holds a forwarded request against the one sent.
func checkRequest(t *testing.T, want demand, sent, got ua.Message) {
	t.Helper()
	start, routes := sent.Start, sent.Routes()
	if want.start != "" {
		start = want.start
	}
	if want.routes != nil {
		routes = want.routes
	}
	if got.Start != start {
		t.Errorf("the start line is %q, not %q", got.Start, start)
	}
	if !slices.Equal(got.Routes(), routes) {
		t.Errorf("the Route is %q, not %q", got.Routes(), routes)
	}
	checkUntouched(t, sent, got)
	if hops := nextHops(sent); got.First("Max-Forwards") != hops {
		t.Errorf("Max-Forwards is %q, not %s", got.First("Max-Forwards"), hops)
	}
	vias, older := got.Vias(), sent.Vias()
	if len(vias) != len(older)+1 || !strings.HasPrefix(ua.Param(vias[0], "branch"), "z9hG4bK") {
		t.Fatalf("one Via of the proxy's own goes on top of %d: %q", len(older), vias)
	}
	checkOlderVias(t, older, vias[1:])
}

// checkUntouched holds what no proxy owns against what was sent: each byte of it.
func checkUntouched(t *testing.T, sent, got ua.Message) {
	t.Helper()
	if before, after := untouched(sent), untouched(got); !slices.Equal(before, after) {
		t.Errorf("headers that a proxy does not own have changed:\n%q\n%q", before, after)
	}
	body := sent.Body
	if n, err := strconv.Atoi(sent.First("Content-Length")); err == nil && n < len(body) {
		body = body[:n]
	}
	if !bytes.Equal(got.Body, body) {
		t.Errorf("the body has changed:\n%q\n%q", body, got.Body)
	}
}

// nextHops is the Max-Forwards with which a request is forwarded (RFC 3261 §16.6 step 3).
func nextHops(sent ua.Message) string {
	if n, err := strconv.Atoi(sent.First("Max-Forwards")); err == nil {
		return strconv.Itoa(n - 1)
	}
	return "70"
}

// checkOlderVias holds the Vias below the proxy's own against the ones sent: only the first may have got received and
// rport (RFC 3261 §18.2.1, RFC 3581 §4).
func checkOlderVias(t *testing.T, sent, got []string) {
	t.Helper()
	if len(sent) != len(got) {
		t.Errorf("%d Vias were sent and %d came back: %q", len(sent), len(got), got)
		return
	}
	for i := range sent {
		switch {
		case sent[i] == got[i]:
		case i > 0:
			t.Errorf("Via %d is %q, not %q", i, got[i], sent[i])
		case ua.Param(got[i], "received") != callerHost():
			t.Errorf("the sender's Via has received=%q, not %s: %q", ua.Param(got[i], "received"), callerHost(), got[i])
		case without(got[i]) != without(sent[i]):
			t.Errorf("more than received and rport was changed in %q: %q", sent[i], got[i])
		}
	}
}

// without is a Via without the two parameters that its receiver fills in.
func without(via string) string {
	var kept []string
	for p := range strings.SplitSeq(via, ";") {
		if name, _, _ := strings.Cut(strings.TrimSpace(p), "="); name != "received" && name != "rport" {
			kept = append(kept, p)
		}
	}
	return strings.TrimSpace(strings.Join(kept, ";"))
}

// checkAnswer holds the proxy's answer against the request: RFC 3261 §8.2.6 and §8.2.7 ask for the same Via, From,
// Call-ID, CSeq, and a tag in To. What the request has not, or has twice, cannot be asked for.
func checkAnswer(t *testing.T, want demand, sent, got ua.Message) {
	t.Helper()
	if slices.Contains(sent.Vias(), "") { // what is no Via can only be echoed as far as it is one
		sentBy, _, _ := strings.Cut(sent.Vias()[0], ";")
		if !strings.HasPrefix(got.First("Via"), sentBy) {
			t.Errorf("the answer's Via is %q, not %q", got.First("Via"), sentBy)
		}
	} else {
		checkOlderVias(t, sent.Vias(), got.Vias())
	}
	for _, name := range []string{"From", "Call-ID", "CSeq"} {
		if values := sent.Header(name); len(values) == 1 && !slices.Equal(got.Header(name), values) {
			t.Errorf("the answer's %s is %q, not %q", name, got.Header(name), values)
		}
	}
	if to := sent.Header("To"); len(to) == 1 {
		answer := got.First("To")
		if !strings.HasPrefix(answer, to[0]) || !strings.Contains(answer, ";tag=") {
			t.Errorf("the answer's To is %q: it is %q with a tag", answer, to[0])
		}
	}
	unsupported := got.List("Unsupported")
	if slices.Sort(unsupported); !slices.Equal(unsupported, slices.Sorted(slices.Values(want.absent))) {
		t.Errorf("Unsupported is %q, not %q", unsupported, want.absent)
	}
	if len(got.Body) > 0 {
		t.Errorf("an answer of the proxy needs no body: %q", got.Body)
	}
}

// acknowledge sends the ACK that a client sends for a refused INVITE (RFC 3261 §17.1.1.3). The proxy has refused, so the
// ACK ends there: nothing comes of it, even where it repeats what was wrong with the INVITE.
func (b *bench) acknowledge(t *testing.T, caller *ua.Phone, sent, refusal ua.Message) {
	t.Helper()
	number, _, _ := strings.Cut(sent.First("CSeq"), " ")
	lines := []string{
		strings.Replace(sent.Start, "INVITE", "ACK", 1),
		"Via: " + sent.Vias()[0],
		"Max-Forwards: 70",
		"From: " + sent.First("From"),
		"To: " + refusal.First("To"),
		"Call-ID: " + sent.First("Call-ID"),
		"CSeq: " + number + " ACK",
		"Content-Length: 0", "", "",
	}
	caller.Send([]byte(strings.Join(lines, "\r\n")), b.inside)
	if got := b.settle(caller); len(got.forwarded)+len(got.returned) > 0 {
		t.Errorf("the ACK of the proxy's own refusal was not absorbed: %q", got)
	}
}

// judgeResponse sends a response from the callee: as it is, which must be dropped, and then in place of the real
// response to a request that the proxy has forwarded.
func (b *bench) judgeResponse(t *testing.T, r row, raw []byte) {
	file, err := ua.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	caller := newCaller(t, 0)
	t.Logf("§%s: %s", r.section, r.why)

	b.callee.Send(raw, b.outside)
	if got := b.settle(caller); len(got.returned)+len(got.forwarded) > 0 {
		t.Fatalf("its Via is none of the proxy's, yet it was let through: %q", got)
	}

	sent := caller.Request(file.Method(), "sip:user@example.com",
		ua.Options{Proxy: b.inside, CallID: file.First("Call-ID"), CSeq: file.CSeq()})
	request, _ := b.callee.Until(func(m ua.Message) bool { return m.First("Call-ID") == sent.First("Call-ID") })
	vias := request.Vias()
	if older := file.Vias()[1:]; len(older) > 0 {
		vias = append(vias[:1:1], older...)
	}
	b.callee.Send(underVias(file, vias), b.outside)
	got := b.settle(caller)
	if !r.want.forward {
		if len(got.returned)+len(got.forwarded) > 0 {
			t.Fatalf("let through, where it is to be dropped: %q", got)
		}
		return
	}
	if len(got.returned) != 1 || len(got.forwarded) != 0 {
		t.Fatalf("the response to the proxy's own request was not brought back: %q", got)
	}
	back := got.returned[0]
	if back.Start != file.Start {
		t.Errorf("the start line is %q, not %q", back.Start, file.Start)
	}
	if !slices.Equal(back.Vias(), vias[1:]) {
		t.Errorf("the Vias are %q, not %q", back.Vias(), vias[1:])
	}
	checkUntouched(t, file, back)
}

// underVias is a response with those Vias in place of its own.
func underVias(m ua.Message, vias []string) []byte {
	var b bytes.Buffer
	b.WriteString(m.Start + "\r\n")
	for _, via := range vias {
		b.WriteString("Via: " + via + "\r\n")
	}
	for _, f := range m.Fields {
		if ua.LongName(f.Name) != "Via" {
			b.WriteString(f.Raw + "\r\n")
		}
	}
	b.WriteString("\r\n")
	b.Write(m.Body)
	return b.Bytes()
}
