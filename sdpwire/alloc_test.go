package sdpwire

import (
	"fmt"
	"strings"
	"testing"
)

func TestNoMemoryIsTaken(t *testing.T) {
	d, out, ports := new(Description), make([]byte, 0, 1<<17), freePorts(MaxMedia)
	for _, g := range goldens {
		raw := goldenFile(t, g.name+".in.sdp")
		if n := testing.AllocsPerRun(100, func() {
			d.Parse(raw)
			out = d.Append(out[:0], g.host, ports)
		}); n != 0 {
			t.Errorf("%s: %v allocations", g.name, n)
		}
	}
	for _, h := range hostile {
		raw := h.flood(MaxSize)
		if n := testing.AllocsPerRun(10, func() {
			d.Parse(raw)
			out = d.Append(out[:0], host6, ports)
		}); n != 0 {
			t.Errorf("%s: %v allocations", h.name, n)
		}
	}
}

// flood fills a body with what a parser could lose its time or memory over.
type flood struct{ name, head, unit string }

var hostile = []flood{
	{"line feeds", above, "\n"},
	{"carriage returns", above, "\r"},
	{"both", above, "\r\n"},
	{"blanks", above + "m=", " "},
	{"formats", above + "m=audio 1 RTP/AVP", " 0"},
	{"media", above, "m=audio 1 RTP/AVP 0\r\n"},
	{"rejected media", above, "m=a 0 b\r"},
	{"connections", above, "c=IN IP4 0.0.0.0\r"},
	{"unreadable connections", above, "c=\n"},
	{"origins", above, "o= IN IP4 a\r"},
	{"words of an origin", "v=0\r\no=", "a "},
	{"candidates", above, "a=candidate\r"},
	{"candidates and others", above, "a=altc\ra=\r"},
	{"rtcp", above + "m=audio 1 RTP/AVP 0\r\n", "a=rtcp:1\r"},
	{"sources", above + "m=audio 1 RTP/AVP 0\r\n", "a=ssrc:1\r"},
	{"clocks", above + "m=audio 1 RTP/AVP 96\r\n", "a=rtpmap:96 a/1\r"},
	{"a bundle", above + "a=group:BUNDLE", " a"},
	{"bundles", above, "a=group:BUNDLE a b\r"},
	{"names", above + "a=group:BUNDLE" + strings.Repeat(" a", MaxMedia) + "\r\n", "m=a 0 b\ra=mid:c\r"},
	{"digits", above + "m=audio ", "0"},
	{"a name", above + "c=IN IP4 ", "a"},
	{"an attribute", above + "a=", "a"},
}

func (h flood) flood(size int) []byte {
	return []byte(h.head + strings.Repeat(h.unit, (size-len(h.head))/len(h.unit)))
}

var ordinary = []string{"audio", "fax", "browser"}

func BenchmarkParse(b *testing.B) {
	d := new(Description)
	for _, name := range ordinary {
		raw := goldenFile(b, name+".in.sdp")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if fault := d.Parse(raw); fault != None {
					b.Fatal(fault)
				}
			}
		})
	}
}

// BenchmarkRewrite is what a packet with a description costs: Parse and Append.
func BenchmarkRewrite(b *testing.B) {
	d, out, ports := new(Description), make([]byte, 0, 4096), freePorts(8)
	for _, name := range ordinary {
		raw := goldenFile(b, name+".in.sdp")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				d.Parse(raw)
				out = d.Append(out[:0], host4, ports)
			}
		})
	}
}

// BenchmarkFlood shows that the time grows no faster than the body: ns/B stays when the size is eight times as large.
func BenchmarkFlood(b *testing.B) {
	d, out, ports := new(Description), make([]byte, 0, 1<<17), freePorts(MaxMedia)
	for _, h := range hostile {
		for _, size := range []int{8 << 10, 64 << 10} {
			raw := h.flood(size)
			b.Run(fmt.Sprintf("%s/%dk", h.name, size>>10), func(b *testing.B) {
				for b.Loop() {
					d.Parse(raw)
					out = d.Append(out[:0], host4, ports)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(raw)), "ns/B")
			})
		}
	}
}
