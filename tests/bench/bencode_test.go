package main

import (
	"reflect"
	"strings"
	"testing"
)

func TestBencodeIsNotWhatRtpengineReads(t *testing.T) {
	in := map[string]any{
		"sdp": "v=0\r\n", "call-id": "a:b", "direction": []string{"inside", "outside"}, "empty": "", "n": -7,
		"more": map[string]any{"b": 1, "a": 2},
	}
	const want = "d7:call-id3:a:b9:directionl6:inside7:outsidee5:empty0:4:mored1:ai2e1:bi1ee1:ni-7e3:sdp5:v=0\r\ne"
	b := appendBencode(nil, in)
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	out, err := parseBencode(b)
	if err != nil {
		t.Fatal(err)
	}
	in["direction"] = []any{"inside", "outside"}
	if !reflect.DeepEqual(out, in) {
		t.Errorf("read back as %v", out)
	}
	for i := range b {
		if v, err := parseBencode(b[:i]); err == nil {
			t.Errorf("cut after %d bytes it passes for %v", i, v)
		}
	}
}

func TestBencodeThatIsNone(t *testing.T) {
	for _, s := range []string{
		"", "x", "i1", "ie", "i1.5e", "3:ab", "-1:", ":", "l", "li1e", "d", "d1:ae", "di1ei2ee", "i1ei2e", "e",
		strings.Repeat("l", 100) + strings.Repeat("e", 100),
	} {
		if v, err := parseBencode([]byte(s)); err == nil {
			t.Errorf("%.20q passes for %v", s, v)
		}
	}
}
