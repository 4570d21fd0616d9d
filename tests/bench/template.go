package main

import (
	"bytes"
	"embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed messages/*.sip
var messages embed.FS

// hole is what differs between two messages made from one template.
type hole int

const (
	callHole hole = iota // sixteen digits that name run and call
	userHole
	viasHole
	recordRoutesHole
	routesHole
	fromHole
	toHole
	callIDHole
	cseqHole
	uriHole
	credentialsHole
	holes
)

var holeNames = [holes]string{"call", "user", "vias", "record-routes", "routes", "from", "to", "call-id", "cseq", "uri", "credentials"}

// values fill the holes of a template.
type values [holes][]byte

// template is a message of one phone, rendered but for its holes: what follows literal[i] is hole[i].
type template struct {
	literal [][]byte
	hole    []hole
	body    []byte
}

// newTemplate reads messages/NAME.sip for the phones of one pair. fixed holds, by name, what is the same in every message;
// {length} is that of the body.
func newTemplate(name string, fixed map[string]string) (template, error) {
	raw, err := messages.ReadFile("messages/" + name + ".sip")
	if err != nil {
		return template{}, err
	}
	text := strings.ReplaceAll(string(raw), "\n", "\r\n")
	for k, v := range fixed {
		text = strings.ReplaceAll(text, "{"+k+"}", v)
	}
	_, body, ok := strings.Cut(text, "\r\n\r\n")
	if !ok {
		return template{}, fmt.Errorf("messages/%s.sip: no blank line after the headers", name)
	}
	text = strings.ReplaceAll(text, "{length}", strconv.Itoa(len(body)))

	t := template{body: []byte(body)}
	for {
		before, after, found := strings.Cut(text, "{")
		t.literal = append(t.literal, []byte(before))
		if !found {
			return t, nil
		}
		key, after, _ := strings.Cut(after, "}")
		h := indexOf(key)
		if h == holes {
			return template{}, fmt.Errorf("messages/%s.sip: nothing fills {%s}", name, key)
		}
		t.hole = append(t.hole, h)
		text = after
	}
}

func indexOf(name string) hole {
	for h, n := range holeNames {
		if n == name {
			return hole(h)
		}
	}
	return holes
}

// render appends the message to dst.
func (t *template) render(dst []byte, v *values) []byte {
	for i, l := range t.literal {
		dst = append(dst, l...)
		if i < len(t.hole) {
			dst = append(dst, v[t.hole[i]]...)
		}
	}
	return dst
}

const callDigits = 16

// appendCall writes the sixteen digits that name a call in its Call-ID, tags and branches: six of the run, so that
// nothing left over from another run is taken for ours, and ten of the call.
func appendCall(dst []byte, run uint32, call int) []byte {
	const hex = "0123456789abcdef"
	for shift := 20; shift >= 0; shift -= 4 {
		dst = append(dst, hex[run>>shift&15])
	}
	var digits [10]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i], call = byte('0'+call%10), call/10
	}
	return append(dst, digits[:]...)
}

// callOf reads the number of the call back from a Call-ID of this run.
func callOf(callID []byte, run uint32) (call int, ok bool) {
	if len(callID) < callDigits {
		return 0, false
	}
	for _, c := range callID[callDigits-10 : callDigits] {
		if c < '0' || c > '9' {
			return 0, false
		}
		call = call*10 + int(c-'0')
	}
	var b [callDigits]byte
	return call, bytes.Equal(appendCall(b[:0], run, call), callID[:callDigits])
}
