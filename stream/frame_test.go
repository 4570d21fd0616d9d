package stream

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/actorsip/actorsip/sipwire"
)

const testMax = 4096

func openFramer() decoder { return newFramer(testMax) }

const start = "OPTIONS sip:b@example.com SIP/2.0\n"

var good = crlf(start + "Via: SIP/2.0/TCP 192.0.2.33;branch=z9hG4bK1\nContent-Length: 4\n\nbody")

func TestWhereMessagesEnd(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []string
		begun    bool
	}{
		{"one message", good, []string{good}, false},
		{"two, one behind the other", good + good, []string{good, good}, false},
		{"empty lines between them", "\r\n" + good + "\r\n" + good + "\r\n", []string{good, good}, false},
		{"blank lines of all kinds between them", "\n\r\r\n" + good + "\n\n\r\n\r" + good, []string{good, good}, false},
		{"a body that looks like a message", crlf(start+"l: 37\n\n"+start+"\n") + good, []string{crlf(start + "l: 37\n\n" + start + "\n"), good}, false},
		{"no body", crlf(start + "l: 0\n\n"), []string{crlf(start + "l: 0\n\n")}, false},
		{"a status line", crlf("SIP/2.0 200 OK\nl: 1\n\nx") + good, []string{crlf("SIP/2.0 200 OK\nl: 1\n\nx"), good}, false},
		{"a status that nobody can use", crlf("SIP/2.0 9999 OK\nl: 0\n\n") + good, []string{crlf("SIP/2.0 9999 OK\nl: 0\n\n"), good}, false},
		{"another version", crlf("OPTIONS sip:b SIP/7.0\nl: 0\n\n") + good, []string{crlf("OPTIONS sip:b SIP/7.0\nl: 0\n\n"), good}, false},
		{"blanks behind the version", crlf("OPTIONS sip:b SIP/2.0 \t\nl: 0\n\n") + good, []string{crlf("OPTIONS sip:b SIP/2.0 \t\nl: 0\n\n"), good}, false},
		{"any case", crlf(start + "cOnTeNt-LENGTH:2\n\nab"), []string{crlf(start + "cOnTeNt-LENGTH:2\n\nab")}, false},
		{"the compact form in capitals", crlf(start + "L:2\n\nab"), []string{crlf(start + "L:2\n\nab")}, false},
		{"blanks before the colon", crlf(start + "Content-Length \t :2\n\nab"), []string{crlf(start + "Content-Length \t :2\n\nab")}, false},
		{"folded", crlf(start + "Content-Length:\n \n\t 2\n \n\nab"), []string{crlf(start + "Content-Length:\n \n\t 2\n \n\nab")}, false},
		{"zeros in front", crlf(start + "Content-Length: 0002\n\nab"), []string{crlf(start + "Content-Length: 0002\n\nab")}, false},
		{"last of all headers", crlf(start + "A: b\nC: d\nl: 2\n\nab"), []string{crlf(start + "A: b\nC: d\nl: 2\n\nab")}, false},
		{"in another header's value", crlf(start + "Subject: x\n Content-Length: 9\nl: 2\n\nab"), []string{crlf(start + "Subject: x\n Content-Length: 9\nl: 2\n\nab")}, false},
		{"folded under the start line", crlf(start + " Content-Length: 9\nl: 2\n\nab"), []string{crlf(start + " Content-Length: 9\nl: 2\n\nab")}, false},
		{
			"headers with names like it", crlf(start + "Content-Lengths: 8\nContent-Length-X: 9\nlx: 7\nc: a\nl: 2\n\nab"),
			[]string{crlf(start + "Content-Lengths: 8\nContent-Length-X: 9\nlx: 7\nc: a\nl: 2\n\nab")},
			false,
		},
		{"twice the same", crlf(start + "l: 2\nContent-Length: 02\n\nab"), []string{crlf(start + "l: 2\nContent-Length: 02\n\nab")}, false},
		{"line feeds alone", start + "l: 2\n\nab" + good, []string{start + "l: 2\n\nab", good}, false},
		{"a line feed alone as the empty line", crlf(start+"l: 2\n") + "\nab" + good, []string{crlf(start+"l: 2\n") + "\nab", good}, false},
		{"a blank line that is a fold", crlf(start + "l: 2\n \n\nab"), []string{crlf(start + "l: 2\n \n\nab")}, false},
		{"a carriage return alone ends no line", crlf(start) + "A: b\rl: 9\r\nl: 2\r\n\r\nab", []string{crlf(start) + "A: b\rl: 9\r\nl: 2\r\n\r\nab"}, false},
		{"any bytes in the body", crlf(start+"l: 6\n\n") + "\x00\xff\r\n\r\n" + good, []string{crlf(start+"l: 6\n\n") + "\x00\xff\r\n\r\n", good}, false},
		{"as long as may be", full(testMax), []string{full(testMax)}, false},
		{"a start line that goes on", "OPTIONS sip:b", nil, true},
		{"headers that go on", crlf(start + "l: 2\n"), nil, true},
		{"a body that goes on", good[:len(good)-1], nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := heard{messages: c.want, ok: true, begun: c.begun}
			if got := hearAllCuts(t, openFramer, []byte(c.in)); !got.equal(want) {
				t.Errorf("%v\nwant\n%v", got, want)
			}
		})
	}
}

// full is a message of n bytes.
func full(n int) string {
	head := crlf(start + "Content-Length: 0000\n\n")
	length := n - len(head)
	return strings.Replace(head, "0000", string([]byte{byte('0' + length/1000), byte('0' + length/100%10), byte('0' + length/10%10), byte('0' + length%10)}), 1) +
		strings.Repeat("x", length)
}

func TestWhatHasNoEndEndsTheConnection(t *testing.T) {
	long := crlf(start + "l: 0\n" + strings.Repeat("Subject: 0123456789\n", testMax/20))
	for _, c := range []struct {
		name, in string
		fault    sipwire.Fault
		bytes    string // of the message that is handed over
	}{
		{"no length", crlf(start + "A: b\n\nbody"), sipwire.BadLength, crlf(start + "A: b\n\n")},
		{"no header", crlf(start + "\nbody"), sipwire.BadLength, crlf(start + "\n")},
		{"two lengths", crlf(start + "l: 4\nContent-Length: 5\n\nbody"), sipwire.BadLength, crlf(start + "l: 4\nContent-Length: 5\n\n")},
		{"two lengths, one no number", crlf(start + "l: 4\nContent-Length: 4x\n\nbody"), sipwire.BadLength, crlf(start + "l: 4\nContent-Length: 4x\n\n")},
		{"negative", crlf(start + "l: -1\n\nbody"), sipwire.BadLength, crlf(start + "l: -1\n\n")},
		{"a sign", crlf(start + "l: +4\n\nbody"), sipwire.BadLength, crlf(start + "l: +4\n\n")},
		{"underscores", crlf(start + "l: 1_0\n\nbody"), sipwire.BadLength, crlf(start + "l: 1_0\n\n")},
		{"hexadecimal", crlf(start + "l: 0x4\n\nbody"), sipwire.BadLength, crlf(start + "l: 0x4\n\n")},
		{"empty", crlf(start + "l:\n\nbody"), sipwire.BadLength, crlf(start + "l:\n\n")},
		{"a list", crlf(start + "l: 4, 4\n\nbody"), sipwire.BadLength, crlf(start + "l: 4, 4\n\n")},
		{"a parameter", crlf(start + "l: 4;x\n\nbody"), sipwire.BadLength, crlf(start + "l: 4;x\n\n")},
		{"a fold within", crlf(start + "l: 4\n 4\n\nbody"), sipwire.BadLength, crlf(start + "l: 4\n 4\n\n")},
		{"a fold before the colon", crlf(start + "l\n : 4\n\nbody"), sipwire.BadLength, crlf(start + "l\n : 4\n\n")},
		{"2**31", crlf(start + "l: 2147483648\n\nbody"), sipwire.BadLength, crlf(start + "l: 2147483648\n\n")},
		{"2**64 and 4", crlf(start + "l: 18446744073709551620\n\nbody"), sipwire.BadLength, crlf(start + "l: 18446744073709551620\n\n")},
		{"one byte too long", strings.Replace(full(testMax), ": 4", ": 40", 1), sipwire.TooLong, ""},
		{"2**31-1", crlf(start + "l: 2147483647\n\nbody"), sipwire.TooLong, crlf(start + "l: 2147483647\n\n")},
		{"headers without end", long, sipwire.TooLong, long[:strings.LastIndex(long[:testMax], "\n")+1] + "\r\n"},
		{"one header without end", crlf(start+"A: ") + strings.Repeat("x", testMax), sipwire.TooLong, crlf(start + "\n")},
		{"a start line without end", "OPTIONS sip:" + strings.Repeat("x", testMax), sipwire.NotSIP, "OPTIONS sip:" + strings.Repeat("x", testMax-12)},
		{"HTTP", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", sipwire.NotSIP, "GET / HTTP/1.1\r\n"},
		{"words", "hello\nworld\n", sipwire.NotSIP, "hello\n"},
		{"no version", "OPTIONS sip:b@example.com\r\n", sipwire.NotSIP, "OPTIONS sip:b@example.com\r\n"},
		{"TLS", "\x16\x03\x01\x02\x00\x01", sipwire.NotSIP, "\x16"},
		{"a blank in front", " " + start, sipwire.NotSIP, " "},
		{"bytes", "\xff\xff\n", sipwire.NotSIP, "\xff"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := hearAllCuts(t, openFramer, []byte(good+c.in+good))
			if c.bytes == "" {
				c.bytes = c.in[:strings.Index(c.in, "\r\n\r\n")+4]
			}
			want := heard{messages: []string{good, told(c.fault, c.bytes)}, end: BadFrame}
			if !got.equal(want) {
				t.Errorf("%v\nwant\n%v", got, want)
			}
		})
	}
}

// What is handed over of a message without end can be answered: its Via is read, though no empty line has come.
func TestHeadersWithoutEndCanBeAnswered(t *testing.T) {
	raw := crlf(start+"Via: SIP/2.0/TCP 192.0.2.33;branch=z9hG4bK1\nSubject: ") + strings.Repeat("x", testMax)
	b := newBatch()
	defer b.Release()
	newFramer(testMax).decode(b.buffer()[:copy(b.buffer(), raw)], b)
	m, _ := b.Next()
	var parsed sipwire.Message
	parsed.Parse(m.Bytes)
	if _, ok := parsed.TopVia(); !ok || m.Fault.Status() != 413 {
		t.Errorf("fault %q, %q", m.Fault, m.Bytes)
	}
}

func TestTwoEmptyLinesAreAPing(t *testing.T) {
	for _, c := range []struct {
		name, in, reply string
		messages        int
	}{
		{"a ping", "\r\n\r\n", "\r\n", 0},
		{"the pong to one", "\r\n", "", 0},
		{"two pings", "\r\n\r\n\r\n\r\n", "\r\n\r\n", 0},
		{"one and a half", "\r\n\r\n\r\n", "\r\n", 0},
		{"line feeds", "\n\n\n\n", "", 0},
		{"carriage returns", "\r\r\r\r", "", 0},
		{"a carriage return too many", "\r\n\r\r\n\r\n", "\r\n", 0},
		{"around messages", "\r\n\r\n" + good + "\r\n\r\n" + good + "\r\n\r\n", "\r\n\r\n\r\n", 2},
		{"empty lines on either side of a message", "\r\n" + good + "\r\n", "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := hearAllCuts(t, openFramer, []byte(c.in))
			want := heard{messages: slices.Repeat([]string{good}, c.messages), reply: c.reply, ok: true}
			if !got.equal(want) {
				t.Errorf("%v\nwant\n%v", got, want)
			}
		})
	}
}

func TestAFloodOfPingsIsNotAnsweredOneByOne(t *testing.T) {
	got := hear(openFramer(), bytes.Repeat([]byte("\r\n"), readSize/2))
	if want := (heard{reply: strings.Repeat("\r\n", maxPongs), ok: true}); !got.equal(want) {
		t.Errorf("%v\nwant\n%v", got, want)
	}
}

func TestNothingIsHeldBetweenMessages(t *testing.T) {
	f := &framer{max: testMax}
	for _, piece := range []string{good[:50], good[50:] + "\r\n\r\n\r", "\n" + good + good[:10], good[10:]} {
		hear(f, []byte(piece))
	}
	if f.part != nil || f.begun() || f.head != (head{}) {
		t.Errorf("held: %+v", f)
	}
}

// A peer that announces much and sends little, or nothing but one header, costs what it has sent.
func TestAPartGrowsWithWhatCame(t *testing.T) {
	f := &framer{max: 1 << 20}
	hear(f, []byte(crlf(start+"l: 1000000\n\n")+"x"))
	if n := cap(f.part.bytes); n > partSize {
		t.Errorf("%d bytes are held for 60", n)
	}
	f = &framer{max: 1 << 20}
	hear(f, []byte(crlf(start+"A: ")+strings.Repeat("x", 100<<10)))
	if n := cap(f.part.bytes); n > 200<<10 {
		t.Errorf("%d bytes are held for 100 KiB", n)
	}
}

// Were each byte to start a search from the first one, this would be 2**39 bytes to look at.
func TestOneByteAtATimeCostsNoMore(t *testing.T) {
	const n = 1 << 20
	f := newFramer(2 * n)
	b := newBatch()
	defer b.Release()
	feed := func(s string) {
		for i := range len(s) {
			b.buffer()[0] = s[i]
			f.decode(b.buffer()[:1], b)
		}
	}
	began := time.Now()
	feed(start + "A: ")
	feed(strings.Repeat("x", n))
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("%d bytes, one by one, took %v", n, took)
	}
	feed("\nl: 0\n\n")
	if b.count() != 1 {
		t.Errorf("%d messages", b.count())
	}
}

func TestAMessageThatLiesWholeIsNotCopied(t *testing.T) {
	b := newBatch()
	defer b.Release()
	newFramer(testMax).decode(b.buffer()[:copy(b.buffer(), good+good+good[:9])], b)
	for i := range 2 {
		m, _ := b.Next()
		if unsafe.SliceData(m.Bytes) != &b.buffer()[i*len(good)] {
			t.Errorf("message %d was copied", i)
		}
		if cap(m.Bytes) != len(m.Bytes) {
			t.Errorf("who appends to message %d writes to the next", i)
		}
	}
}

// Where sipwire finds the end of a message by itself it must be the end that it was cut at, with the same verdict: what is no
// message over UDP is none over TCP.
func TestSipwireAgreesOnTheEnd(t *testing.T) {
	for _, in := range []string{
		good, start + "l: 2\n\nab", crlf(start+"l: 2\n") + "\nab", crlf(start) + "A: b\rl: 9\r\nl: 2\r\n\r\nab",
		crlf(start + " Content-Length: 9\nl: 2\n\nab"), crlf(start + "Content-Length \t:\n 2\n\nab"), crlf(start + "l: 2\nl: 2\n\nab"),
	} {
		var alone, behind sipwire.Message
		got := hear(openFramer(), []byte(in+good))
		if len(got.messages) != 2 {
			t.Fatalf("%v", got)
		}
		datagram := alone.Parse([]byte(in))
		if stream := behind.Parse([]byte(got.messages[0])); stream != datagram || len(behind.Raw()) != len(in) {
			t.Errorf("%q: %q in a datagram, %q in a stream", in, datagram, stream)
		}
	}
}
