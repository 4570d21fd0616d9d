package torture

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/stage"
	"github.com/actorsip/actorsip/tests/ua"
)

// streams is a bench whose legs and phones are on TCP.
type streams struct {
	*bench
	caller *ua.Phone
}

// other is what a stream makes of a message that a datagram is no example for; all else has the same verdict.
type other struct {
	verdict []string
	ends    bool // the connection, after an answer
	waits   bool // nothing comes of it: what follows is taken for its body
	why     string
}

var others = map[string]other{
	"inv2543": {[]string{"400"}, true, false, "without Content-Length only a datagram ends (RFC 3261 §18.3, §20.14)"},
	"ncl":     {[]string{"400"}, true, false, "a negative Content-Length: where the next message begins, nobody knows"},
	"mcl01":   {[]string{"400"}, true, false, "two Content-Lengths that differ: the same"},
	"clerr":   {nil, false, true, "of its 9999 bytes the rest may still come; what is said behind it is taken for them"},
	"dblreq": {
		[]string{"REGISTER sip:example.com SIP/2.0", "INVITE sip:joe@example.com SIP/2.0"},
		true, false,
		"what is noise behind the body of a datagram is the next message of a stream, and behind that a body without a message",
	},
}

// startStreams is start over TCP, without datagrams.
func startStreams(t *testing.T) *streams {
	t.Helper()
	callee := ua.NewOver(t, "tcp", "127.0.0.1:0")
	b := &streams{&bench{callee: callee}, ua.NewOver(t, "tcp", callerHost()+":0")}
	names := stage.NameServer(t, fmt.Sprintf("*. 60 IN SRV 0 0 %d callee.test.", callee.Addr().Port()), "*. 60 IN A "+callee.Addr().Addr().String())
	cfg, err := system.Parse("torture.yaml", fmt.Appendf(nil, `
lanes: 1
legs:
  - {name: inside, listen: "tcp:127.0.0.1:0", reach: ["%s"]}
  - {name: outside, listen: "tcp:127.0.0.1:0", reach: ["%s"]}
next_hops: {"*": "sip:%s;transport=tcp"}
contact: {rewrite: never}
dns: {servers: ["%s"]}
admin: {listen: off}
keys: {file: %s}
`, callerHost(), callee.Addr(), callee.Addr(), names.Addr, strconv.Quote(filepath.Join(t.TempDir(), "keys.yaml"))))
	if err != nil {
		t.Fatal(err)
	}
	sys, err := system.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sys.Stop)
	b.inside, b.outside = sys.Addr("inside"), sys.Addr("outside")
	b.caller.Request("OPTIONS", "sip:name@example.com", // what waits for a name would come behind what is sent after it
		ua.Options{Proxy: b.inside, Headers: []string{"Route: <sip:services.example.com;lr>"}})
	b.callee.Receive()
	return b
}

// in is the bench in the service of a subtest.
func (b *streams) in(t *testing.T) *streams {
	return &streams{b.bench.in(t), b.caller.In(t)}
}

// verdicts are what came of requests, in a form that does not tell how they came: the start lines of what was forwarded, and the status of
// what was answered.
func verdicts(s settled) (all []string) {
	for _, m := range s.forwarded {
		all = append(all, m.Start)
	}
	for _, m := range s.returned {
		all = append(all, strconv.Itoa(m.Status()))
	}
	slices.Sort(all)
	return all
}

// hear sends an OPTIONS over each connection and brings its 200 back, and says what came before. Over a connection that ends by itself its
// end is waited for.
func (b *streams) hear(t *testing.T, ends bool, over ...*ua.Connection) (s settled) {
	t.Helper()
	open := map[string]bool{}
	for _, c := range over {
		if ends {
			<-c.Over()
			if c.Why() != io.EOF {
				t.Fatalf("the connection did not end in order: %v", c.Why())
			}
			continue
		}
		barrier := b.caller.Compose("OPTIONS", "sip:barrier@example.com", ua.Options{})
		open[barrier.First("Call-ID")] = true
		if err := c.Send(barrier.Raw); err != nil {
			t.Fatal(err)
		}
	}
	if ends { // what was forwarded is on its way: behind it goes one more
		c := b.caller.Dial(b.inside)
		defer c.Close()
		s = b.hear(t, false, c)
		return s
	}
	for range over {
		options, before := b.callee.Until(func(m ua.Message) bool { return open[m.First("Call-ID")] })
		s.forwarded = append(s.forwarded, before...)
		b.callee.Answer(options, 200, ua.Options{})
	}
	for range over {
		_, before := b.caller.Until(func(m ua.Message) bool { return open[m.First("Call-ID")] })
		s.returned = append(s.returned, before...)
	}
	return s
}

// ways are how a message may come over a stream.
var ways = []struct {
	name string
	send func(c *ua.Connection, raw []byte) error
}{
	{"whole", (*ua.Connection).Send},
	{"byte by byte", func(c *ua.Connection, raw []byte) error {
		for i := range raw {
			if err := c.Send(raw[i : i+1]); err != nil {
				return err
			}
		}
		return nil
	}},
	{"behind empty lines", func(c *ua.Connection, raw []byte) error { return c.Send(append([]byte("\r\n\r\n\r\n"), raw...)) }},
}

// abreast is how many connections have a message in two parts at the same time: when the second parts are sent, the first ones have been
// read.
const abreast = 16

// cuts are the places where a message of n bytes is cut: all of them, or enough for the race detector.
func cuts(n int) (at []int) {
	step := 1
	if raced || testing.Short() {
		step = 1 + n/100
	}
	for i := 1; i < n; i += step {
		at = append(at, i)
	}
	return at
}

// judgeStream holds what becomes of a message over TCP, however it is cut, against what becomes of it as a datagram.
func (b *streams) judgeStream(t *testing.T, name string, raw []byte, datagram []string) {
	want, odd := others[name]
	if !odd {
		want.verdict = datagram
	} else {
		t.Log(want.why)
	}
	for _, w := range ways {
		c := b.caller.Dial(b.inside)
		if err := w.send(c, raw); err != nil {
			t.Fatalf("%s: %v", w.name, err)
		}
		b.judge(t, w.name, want, 1, c)
		c.Close()
	}
	good := b.caller.Compose("MESSAGE", "sip:good@example.com", ua.Options{})
	if c := b.caller.Dial(b.inside); !odd {
		if err := c.Send(slices.Concat(good.Raw, raw, good.Raw)); err != nil {
			t.Fatal(err)
		}
		between := want
		between.verdict = slices.Sorted(slices.Values(append([]string{good.Start, good.Start}, want.verdict...)))
		b.judge(t, "between good ones", between, 1, c)
		c.Close()
	}
	b.judgeCuts(t, want, raw)
	b.call(t)
}

// judge holds what becomes of a message that was sent n times against what is right.
func (b *streams) judge(t *testing.T, how string, want other, n int, over ...*ua.Connection) {
	t.Helper()
	if want.waits {
		for _, c := range over { // it would eat the OPTIONS
			c.Close()
		}
		over = []*ua.Connection{b.caller.Dial(b.inside)}
		defer over[0].Close()
	}
	got := b.hear(t, want.ends, over...)
	var all []string
	for range n {
		all = append(all, want.verdict...)
	}
	slices.Sort(all)
	if v := verdicts(got); !slices.Equal(v, all) {
		t.Fatalf("%s, sent %d times: it became %q, and should be %q", how, n, slices.Compact(v), slices.Compact(all))
	}
}

// judgeCuts sends a message once for each place where it can be cut.
func (b *streams) judgeCuts(t *testing.T, want other, raw []byte) {
	t.Helper()
	var over []*ua.Connection
	for round := range slices.Chunk(cuts(len(raw)), abreast) {
		for len(over) < len(round) {
			over = append(over, b.caller.Dial(b.inside))
		}
		for half := range 2 {
			for i, at := range round {
				part := [][]byte{raw[:at], raw[at:]}[half]
				if err := over[i].Send(part); err != nil && !want.ends {
					t.Fatal(err)
				}
			}
		}
		b.judge(t, fmt.Sprintf("cut at %d to %d", round[0], round[len(round)-1]), want, len(round), over[:len(round)]...)
		if want.ends || want.waits {
			over = nil
		}
	}
	for _, c := range over {
		c.Close()
	}
}

// call has a good call go through, over a connection of its own.
func (b *streams) call(t *testing.T) {
	t.Helper()
	c := b.caller.Dial(b.inside)
	defer c.Close()
	call := b.caller.Invite("sip:bob@example.com", ua.Options{Proxy: b.inside})
	m := b.callee.Receive()
	if m.First("Call-ID") != call.Invite.First("Call-ID") {
		t.Fatalf("the callee got\n%s", m.Raw)
	}
	b.callee.Answer(m, 200, ua.Options{})
	call.Ack(call.Response())
	if m := b.callee.Receive(); m.Method() != "ACK" {
		t.Fatalf("the callee got\n%s", m.Raw)
	}
	call.Bye()
	b.callee.Answer(b.callee.Receive(), 200, ua.Options{})
	if r := call.Response(); r.Status() != 200 {
		t.Fatalf("the BYE was answered\n%s", r.Raw)
	}
}

// The messages of both RFCs over TCP: whole, byte by byte, between others, and cut at every byte, with the verdict that they have as
// datagrams; and a good call goes through behind each of them.
func TestTortureOverStreams(t *testing.T) {
	b, s := start(t), startStreams(t)
	dir4475, dir5118 := folder(t, "rfc4475"), folder(t, "rfc5118")
	judge := func(r row, raw []byte) {
		t.Run(r.file, func(t *testing.T) {
			raw := bytes.ReplaceAll(raw, []byte(strictHop), []byte("services.example.com"))
			sent, err := ua.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			b := b.in(t)
			caller := newCaller(t, answerPort(sent))
			caller.Send(raw, b.inside)
			s.in(t).judgeStream(t, r.file, raw, verdicts(b.settle(caller)))
		})
	}
	for _, r := range requests4475 {
		judge(r, load(t, filepath.Join(dir4475, r.file+".dat")))
	}
	for _, r := range requests5118 {
		judge(r, trueLength(load(t, filepath.Join(dir5118, r.file))))
	}
	for _, r := range responses4475 {
		t.Run(r.file, func(t *testing.T) { s.in(t).judgeResponse(t, r, load(t, filepath.Join(dir4475, r.file+".dat"))) })
	}
}

// judgeResponse sends a response from the callee in place of the real one, cut at every byte.
func (b *streams) judgeResponse(t *testing.T, r row, raw []byte) {
	file, err := ua.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	c := b.caller.Dial(b.inside)
	defer c.Close()
	sent := b.caller.Request(file.Method(), "sip:user@example.com", ua.Options{Proxy: b.inside, CallID: file.First("Call-ID"), CSeq: file.CSeq()})
	request, _ := b.callee.Until(func(m ua.Message) bool { return m.First("Call-ID") == sent.First("Call-ID") })
	vias := request.Vias()
	if older := file.Vias()[1:]; len(older) > 0 {
		vias = append(vias[:1:1], older...)
	}
	raw = underVias(file, vias)
	var over []*ua.Connection
	for range abreast {
		over = append(over, b.callee.Dial(b.outside))
	}
	for round := range slices.Chunk(cuts(len(raw)), abreast) {
		for half := range 2 {
			for i, at := range round {
				if err := over[i].Send([][]byte{raw[:at], raw[at:]}[half]); err != nil {
					t.Fatal(err)
				}
			}
		}
		want := 0
		if r.want.forward {
			want = len(round)
		}
		if got := b.brought(t, request, over[:len(round)]); len(got) != want {
			t.Fatalf("cut at %d to %d, %d of %d were brought back", round[0], round[len(round)-1], len(got), want)
		} else if want > 0 && (got[0].Start != file.Start || !slices.Equal(untouched(got[0]), untouched(file))) {
			t.Fatalf("it came as\n%s", got[0].Raw)
		}
	}
	for _, c := range over {
		c.Close()
	}
	b.call(t)
}

// brought sends one more response over each connection, and gives what the caller got before.
func (b *streams) brought(t *testing.T, request ua.Message, over []*ua.Connection) (all []ua.Message) {
	t.Helper()
	for _, c := range over {
		if err := c.Send(b.callee.Response(request, 200, ua.Options{Headers: []string{"Subject: barrier"}}).Raw); err != nil {
			t.Fatal(err)
		}
	}
	for range over {
		_, before := b.caller.Until(func(m ua.Message) bool { return strings.Contains(m.First("Subject"), "barrier") })
		all = append(all, before...)
	}
	return all
}
