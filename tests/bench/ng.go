package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
)

// ngCalls are made by rtpengine's ng protocol: a cookie that the answer repeats, a space, a dictionary in bencode.
type ngCalls struct {
	*questions
	asked int
}

func dialNG(s site) (switchboard, error) {
	q, err := newQuestions(s.control)
	return &ngCalls{questions: q}, err
}

func (n *ngCalls) connect(ctx context.Context, call int, caller, callee netip.AddrPort) (inside, outside netip.AddrPort, err error) {
	fixed := mediaFacts(caller, callee)
	fixed["caller-addr"], fixed["callee-addr"] = caller.String(), callee.String() // no SIP: not in the descriptions
	offer, err := newTemplate("invite", fixed)
	if err != nil {
		return inside, outside, err
	}
	answer, err := newTemplate("ok", fixed)
	if err != nil {
		return inside, outside, err
	}
	id := fmt.Sprintf("call-%d", call)
	if outside, err = n.describe(ctx, map[string]any{
		"command": "offer", "call-id": id, "from-tag": "f", "sdp": string(offer.body), "ICE": "remove",
		"direction": []string{"inside", "outside"},
	}); err != nil {
		return inside, outside, err
	}
	inside, err = n.describe(ctx, map[string]any{
		"command": "answer", "call-id": id, "from-tag": "f", "to-tag": "t", "sdp": string(answer.body), "ICE": "remove",
	})
	return inside, outside, err
}

// describe sends a command with a session description and returns where the one that comes back wants audio.
func (n *ngCalls) describe(ctx context.Context, command map[string]any) (netip.AddrPort, error) {
	n.asked++
	cookie := fmt.Appendf(nil, "%d ", n.asked)
	var said map[string]any
	if err := n.ask(ctx, appendBencode(cookie, command), func(b []byte) bool {
		text, ours := bytes.CutPrefix(b, cookie)
		v, err := parseBencode(text)
		if !ours || err != nil {
			return false
		}
		said, ours = v.(map[string]any)
		return ours
	}); err != nil {
		return netip.AddrPort{}, err
	}
	sdp, ok := said["sdp"].(string)
	if said["result"] != "ok" || !ok {
		return netip.AddrPort{}, fmt.Errorf("%w: %v: %v", errAnswer, said["result"], said["error-reason"])
	}
	return audioOf(sdp)
}
