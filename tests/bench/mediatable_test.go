package main

import (
	"strings"
	"testing"
	"time"
)

func passageOf(calls int, perPacket time.Duration) passage {
	p := passage{calls: calls, window: time.Second, setUp: time.Second, sent: uint64(100 * calls), relayed: uint64(100 * calls)}
	p.heard, p.cpu = p.sent, time.Duration(p.relayed)*perPacket
	p.base, p.idle = 1<<20, 1<<20+int64(calls-firstCalls)*2000
	p.delay.add(time.Millisecond)
	return p
}

func TestTheTableComparesOtherFigures(t *testing.T) {
	o, err := parseMedia(nil)
	if err != nil {
		t.Fatal(err)
	}
	lossy, slow, foreign, behind := passageOf(100, 1000), passageOf(1000, 9800), passageOf(100, 1000), passageOf(100, 1000)
	lossy.heard--
	lossy.heard -= lossy.sent / 500
	foreign.others = 0.3
	behind.late = time.Second
	var b strings.Builder
	reportMedia(&b, []row{
		{"actorsip", 100, []passage{passageOf(100, 4000), passageOf(100, 6000), passageOf(100, 7000)}},
		{"rtpengine", 100, []passage{passageOf(100, 12000)}},
		{"floor", 100, nil},
		{"actorsip", 300, []passage{lossy}},
		{"rtpengine", 300, []passage{foreign}},
		{"actorsip", 1000, []passage{behind}},
		{"rtpengine", 1000, []passage{slow}},
	}, o)
	lines := strings.Split(b.String(), "\n")
	for _, want := range []string{
		"   100 actorsip 10000 6.00 4.00 6.0 0.0000 1008", "   100 rtpengine 10000 12.00 12.00",
		"actorsip/rtpengine 100 calls 0.500 300 calls 1.000? 1000 calls 0.102?",
	} {
		if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("there is no %q", want)
		}
	}
	for _, c := range []struct{ row, mark string }{
		{"300 actorsip", "DOUBTFUL: more than one packet in a thousand"},
		{"300 rtpengine", "DOUBTFUL: other work kept 0.30 CPUs"},
		{"1000 actorsip", "INVALID: the endpoints"},
		{"1000 rtpengine", "FULL"},
	} {
		marked := 0
		for _, line := range lines {
			if strings.Contains(line, c.mark) {
				marked++
				if !strings.Contains(line, c.row) {
					t.Errorf("marked: %s", line)
				}
			}
		}
		if marked != 1 {
			t.Errorf("%d rows are marked %q", marked, c.mark)
		}
	}
	if t.Failed() {
		t.Log(b.String())
	}
}

func TestACommandLineThatIsNone(t *testing.T) {
	for _, args := range [][]string{
		{"-calls", ""},
		{"-calls", "100,0"},
		{"-calls", "x"},
		{"-only", "mediaproxy"},
		{"-only", "floor,"},
		{"-rounds", "0"},
		{"-seconds", "0"},
		{"floor"},
	} {
		if o, err := parseMedia(args); err == nil {
			t.Errorf("%q passes for %+v", args, o)
		}
	}
}
