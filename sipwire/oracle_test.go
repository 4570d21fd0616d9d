package sipwire

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// view is what two parsers must agree upon, each value as a line of text.
type view []string

func (v *view) say(what string, value any) { *v = append(*v, fmt.Sprintf("%s=%v", what, value)) }

func (v *view) uri(what string, scheme, user, host string, port int, params map[string]string) {
	v.say(what, fmt.Sprintf("%s|%s|%s|%d|%v", scheme, user, host, port, params))
}

// TestOracleReadsTheSame holds our reading of clean messages against sipgo's: golden ones, and generated ones.
func TestOracleReadsTheSame(t *testing.T) {
	raws := [][]byte{rawInvite, rawOK, rawACK, rawBye}
	for _, name := range []string{"invite", "ok", "ack", "bye-through-strangers", "compact-forms", "ipv6", "multipart-body"} {
		raws = append(raws, goldenFile(t, name+".in.sip"), goldenFile(t, name+".out.sip"))
	}
	g := generator{rand.New(rand.NewPCG(3261, 4475))}
	for range 2000 {
		raws = append(raws, g.message())
	}
	for _, raw := range raws {
		m := new(Message)
		if fault := m.Parse(raw); fault != None {
			t.Fatalf("fault %q in\n%s", fault, raw)
		}
		msg, err := sip.ParseMessage(raw)
		if err != nil {
			t.Fatalf("sipgo: %v\n%s", err, raw)
		}
		ours, theirs := ourView(m), sipgoView(msg)
		if len(ours) != len(theirs) {
			t.Fatalf("we read\n%s\nsipgo reads\n%s\nin\n%s", strings.Join(ours, "\n"), strings.Join(theirs, "\n"), raw)
		}
		for i := range ours {
			if ours[i] != theirs[i] {
				t.Errorf("we read %s, sipgo reads %s in\n%s", ours[i], theirs[i], raw)
			}
		}
	}
}

func ourView(m *Message) (v view) {
	if m.IsRequest() {
		v.say("method", string(m.Method()))
		v.ourURI("uri", m.RequestURI())
	} else {
		v.say("status", m.Status())
	}
	n, method := m.CSeq()
	number, _ := strconv.Atoi(string(n))
	v.say("cseq", number)
	v.say("cseq method", string(method))
	v.say("call-id", string(m.CallID()))
	v.say("from tag", string(m.FromTag()))
	v.say("to tag", string(m.ToTag()))
	via, _ := m.TopVia()
	v.say("via transport", via.Transport)
	v.say("via host", strings.Trim(string(m.Bytes(via.Host)), "[]")) // sipgo has an IPv6 sent-by without them
	v.say("via port", via.Port)
	v.say("via branch", string(m.Bytes(via.Branch)))
	v.say("via received", string(m.Bytes(via.Received)))
	v.say("via maddr", string(m.Bytes(via.MAddr)))
	v.say("via rport", fmt.Sprint(via.HasRPort, via.RPort))
	vias := 0
	for ok := true; ok; via, ok = m.ViaBelow(via) {
		vias++
	}
	v.say("vias", vias)
	routes, _ := m.Routes()
	for i := range routes {
		v.ourURI("route", m.Bytes(routes[i].URI))
	}
	for c, ok := m.FirstContact(); ok; c, ok = m.NextContact(c) {
		v.ourURI("contact", m.Bytes(c.URI))
	}
	hops, present := m.MaxForwards()
	v.say("max-forwards", fmt.Sprint(present, hops))
	v.say("body", string(m.Body()))
	return v
}

func (v *view) ourURI(what string, b []byte) {
	u, _ := ParseURI(b)
	scheme := "sip"
	if u.Scheme == SIPS {
		scheme = "sips"
	}
	params := map[string]string{}
	for off := int32(0); ; {
		var p param
		if p, off = nextParam(u.Params, off, int32(len(u.Params))); off < 0 {
			break
		}
		params[string(u.Params[p.name.Off:p.name.End])] = string(u.Params[p.value.Off:p.value.End])
	}
	v.uri(what, scheme, string(u.User), string(u.Host), int(u.Port), params)
}

func sipgoView(msg sip.Message) (v view) {
	headers := msg.(interface {
		sip.Message
		GetHeaders(string) []sip.Header
		MaxForwards() *sip.MaxForwardsHeader
	})
	switch msg := msg.(type) {
	case *sip.Request:
		v.say("method", string(msg.Method))
		v.sipgoURI("uri", &msg.Recipient)
	case *sip.Response:
		v.say("status", msg.StatusCode)
	}
	v.say("cseq", msg.CSeq().SeqNo)
	v.say("cseq method", string(msg.CSeq().MethodName))
	v.say("call-id", string(*msg.CallID()))
	v.say("from tag", msg.From().Params.GetOr("tag", ""))
	v.say("to tag", msg.To().Params.GetOr("tag", ""))
	via := msg.Via()
	v.say("via transport", strings.ToUpper(via.Transport))
	v.say("via host", via.Host)
	v.say("via port", via.Port)
	v.say("via branch", via.Params.GetOr("branch", ""))
	v.say("via received", via.Params.GetOr("received", ""))
	v.say("via maddr", via.Params.GetOr("maddr", ""))
	rport, _ := strconv.Atoi(via.Params.GetOr("rport", ""))
	v.say("via rport", fmt.Sprint(via.Params.Has("rport"), rport))
	v.say("vias", len(headers.GetHeaders("via")))
	for _, h := range headers.GetHeaders("route") {
		v.sipgoURI("route", &h.(*sip.RouteHeader).Address)
	}
	for _, h := range headers.GetHeaders("contact") {
		v.sipgoURI("contact", &h.(*sip.ContactHeader).Address)
	}
	hops := headers.MaxForwards()
	if hops == nil {
		v.say("max-forwards", fmt.Sprint(false, 0))
	} else {
		v.say("max-forwards", fmt.Sprint(true, int(*hops)))
	}
	v.say("body", string(msg.Body()))
	return v
}

func (v *view) sipgoURI(what string, u *sip.Uri) {
	user := u.User
	if u.Password != "" {
		user += ":" + u.Password
	}
	v.uri(what, u.Scheme, user, u.Host, u.Port, u.UriParams.Items())
}
