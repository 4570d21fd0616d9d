package tests

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/ua"
)

// What each lane of a leg lends, in bytes: see credit.
const (
	lentToOne, lentAgainToOne = 768, 8 // and a second
	lentToAll, lentAgainToAll = 64 << 10, 4 << 10
	lanesOfAll                = 2
)

// short are requests as short as they can be, whose answers are longer, or would like to be. VIA stands for who is said to send them.
var short = map[string]string{
	"challenged by the registrar": "REGISTER sip:a.b SIP/2.0\nv:SIP/2.0/UDP VIA;branch=z9hG4bK1\nf:<sip:a@a.b>;tag=1\nt:<sip:a@a.b>\ni:1\nCSeq:1 REGISTER\n\n",
	"challenged by the proxy":     "INVITE sip:a@a.b SIP/2.0\nv:SIP/2.0/UDP VIA;branch=z9hG4bK1\nf:<sip:a@a.b>;tag=1\nt:<sip:a@a.b>\ni:1\nCSeq:1 INVITE\n\n",
	"nobody is registered":        "OPTIONS sip:a@a.b SIP/2.0\nv:SIP/2.0/UDP VIA;branch=z9hG4bK1\nf:<sip:a@a.b>;tag=1\nt:<sip:a@a.b>\ni:1\nCSeq:1 OPTIONS\n\n",
	"to the proxy itself":         "OPTIONS sip:127.0.0.1:PORT SIP/2.0\nv:SIP/2.0/UDP VIA;branch=z9hG4bK1\nf:<sip:a@a.b>;tag=1\nt:<sip:a@a.b>\ni:1\nCSeq:1 OPTIONS\n\n",
	"no hop is left":              "OPTIONS sip:a@a.b SIP/2.0\nMax-Forwards:0\nv:SIP/2.0/UDP VIA;branch=z9hG4bK1\nf:<sip:a@a.b>;tag=1\nt:<sip:a@a.b>\ni:1\nCSeq:1 OPTIONS\n\n",
	"an extension nobody has":     "OPTIONS sip:a@a.b SIP/2.0\nProxy-Require:a\nv:SIP/2.0/UDP VIA;branch=z9hG4bK1\nf:<sip:a@a.b>;tag=1\nt:<sip:a@a.b>\ni:1\nCSeq:1 OPTIONS\n\n",
	"an unknown scheme":           "OPTIONS tel:1 SIP/2.0\nv:SIP/2.0/UDP VIA;branch=z9hG4bK1\nf:<sip:a@a.b>;tag=1\nt:<sip:a@a.b>\ni:1\nCSeq:1 OPTIONS\n\n",
	"no From":                     "OPTIONS sip:a@a.b SIP/2.0\nv:SIP/2.0/UDP VIA;branch=z9hG4bK1\nt:<sip:a@a.b>\ni:1\nCSeq:1 OPTIONS\n\n",
	"little more than a Via":      "A sip:a SIP/2.0\nv:SIP/2.0/UDP VIA\n\n",
	"another version":             "OPTIONS sip:a@a.b SIP/3.0\nv:SIP/2.0/UDP VIA;branch=z9hG4bK1\nf:<sip:a@a.b>;tag=1\nt:<sip:a@a.b>\ni:1\nCSeq:1 OPTIONS\n\n",
	"blocked by a rule":           "PUBLISH sip:a@a.b SIP/2.0\nv:SIP/2.0/UDP VIA;branch=z9hG4bK1\nf:<sip:a@a.b>;tag=1\nt:<sip:a@a.b>\ni:1\nCSeq:1 PUBLISH\n\n",
	"limited by a rule":           "MESSAGE sip:a@a.b SIP/2.0\nv:SIP/2.0/UDP VIA;branch=z9hG4bK1\nf:<sip:a@a.b>;tag=1\nt:<sip:a@a.b>\ni:1\nCSeq:1 MESSAGE\n\n",
}

// answering is a proxy that answers strangers in every way it can.
func answering(t testing.TB) *system.System {
	t.Helper()
	return launch(t, "  - {name: inside, listen: \"udp:127.0.0.1:0\", registrar: {domains: [a.b]}}\n", fmt.Sprintf(`
registrar: {file: off}
bans: {file: off}
chain:
  - block: {name: publish, methods: [PUBLISH], answer: "489 Bad Event and a very long sentence about it that somebody has written into the configuration"}
  - limit: {name: message, methods: [MESSAGE], rate: 1/s, answer: "480 Temporarily Unavailable"}
  - authorize: {methods: [REGISTER, INVITE], realm: a.very.long.realm.of.example.com, users: {file: %q}, algorithms: [SHA-512-256, SHA-256, MD5]}
`, users(t, "a.very.long.realm.of.example.com", "alice")), options{lanes: lanesOfAll})
}

// victim is somebody whose address others write into the source of their datagrams: here the very socket that answers come to.
type victim struct {
	conn            *net.UDPConn
	sent, heard     int // bytes of SIP
	asked, answered int
}

func newVictim(t testing.TB, at string) *victim {
	t.Helper()
	return &victim{conn: ua.New(t, at+":0").Conn()}
}

// send sends a request in the victim's name.
func (v *victim) send(t testing.TB, s *system.System, request string) {
	t.Helper()
	request = strings.NewReplacer("\n", "\r\n", "VIA", v.conn.LocalAddr().String(), "PORT", strconv.Itoa(int(s.Addr("inside").Port()))).Replace(request)
	n, err := v.conn.WriteToUDPAddrPort([]byte(request), s.Addr("inside"))
	if err != nil {
		t.Fatal(err)
	}
	v.sent += n
	v.asked++
}

// hear takes what has come, until nothing comes for d.
func (v *victim) hear(t testing.TB, d time.Duration) {
	t.Helper()
	b := make([]byte, 1<<16)
	for {
		_ = v.conn.SetReadDeadline(time.Now().Add(d))
		n, err := v.conn.Read(b)
		if err != nil {
			return
		}
		if !bytes.HasPrefix(b, []byte("SIP/2.0 ")) {
			t.Fatalf("this came to a victim: %q", b[:n])
		}
		v.heard += n
		v.answered++
	}
}

// Requests come in the name of somebody else, as short as they can be. He never gets more bytes than were sent, but for what is lent.
func TestNobodyIsFloodedByAnswers(t *testing.T) {
	leavesNothing(t)
	s, begun, n := answering(t), time.Now(), 0
	var all victim
	for name, request := range short {
		n++
		v := newVictim(t, fmt.Sprintf("127.77.0.%d", n))
		for range 20 {
			for range 20 {
				v.send(t, s, request)
			}
			v.hear(t, 10*time.Millisecond)
		}
		v.hear(t, 100*time.Millisecond)
		may := v.sent + lanesOfAll*(lentToOne+lentAgainToOne*int(time.Since(begun).Seconds()+1))
		t.Logf("%-28s %6d bytes in %d requests, %6d in %3d answers: %.2f", name, v.sent, v.asked, v.heard, v.answered, float64(v.heard)/float64(v.sent))
		if v.heard > may {
			t.Errorf("%s: for %d bytes %d were sent to somebody else, %d may be", name, v.sent, v.heard, may)
		}
		if v.answered == 0 {
			t.Errorf("%s: nobody is answered at all", name)
		}
		all.sent, all.heard = all.sent+v.sent, all.heard+v.heard
	}
	if all.heard > all.sent+lanesOfAll*(lentToAll+lentAgainToAll*int(time.Since(begun).Seconds()+1)) {
		t.Errorf("for %d bytes %d were sent to others", all.sent, all.heard)
	}
	if counted(s, "drop", "its answer would be longer") == 0 {
		t.Error("no answer was too long for its request: this shows nothing")
	}
}

// One request in the name of each of a great many: all of them together get no more either.
func TestManyAreNotFloodedByAnswers(t *testing.T) {
	leavesNothing(t)
	s, begun := answering(t), time.Now()
	victims := make([]*victim, 700)
	for i := range victims {
		victims[i] = newVictim(t, fmt.Sprintf("127.78.%d.%d", i/250, 1+i%250))
		victims[i].send(t, s, short["challenged by the registrar"])
	}
	victims[len(victims)-1].hear(t, 300*time.Millisecond)
	var sent, heard, answered int
	for _, v := range victims {
		v.hear(t, time.Millisecond)
		sent, heard, answered = sent+v.sent, heard+v.heard, answered+v.answered
	}
	may := sent + lanesOfAll*(lentToAll+lentAgainToAll*int(time.Since(begun).Seconds()+1))
	t.Logf("%d bytes in the name of %d, %d in %d answers", sent, len(victims), heard, answered)
	if heard > may {
		t.Errorf("for %d bytes %d were sent to others, %d may be", sent, heard, may)
	}
	if answered == len(victims) {
		t.Error("everybody was answered: this shows nothing")
	}
}
