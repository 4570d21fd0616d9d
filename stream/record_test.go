package stream

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/actorsip/actorsip/sipwire"
)

func TestARecordIsBegunUntilItsLastByte(t *testing.T) {
	raw := "\x17\x03\x03\x01\x02" + string(make([]byte, 0x102)) + "\x17\x03\x03\x00\x00" + "\x17\x03\x03\x00\x01x"
	ends := map[int]bool{5 + 0x102: true, 10 + 0x102: true, len(raw): true}
	for cut := 0; cut <= len(raw); cut++ {
		var once, bytewise record
		once.follow([]byte(raw[:cut]))
		for i := range cut {
			bytewise.follow([]byte{raw[i]})
		}
		if once != bytewise || once.begun() == (ends[cut] || cut == 0) {
			t.Fatalf("after %d bytes: %+v, byte by byte %+v", cut, once, bytewise)
		}
	}
}

func TestARecordThatComesByteByByteIsNotWaitedForForEver(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{Transport: sipwire.TLS, TLS: trust(t), Limits: Limits{Idle: time.Hour, Partial: 300 * time.Millisecond}}, s)
	hold := &holding{Conn: phone(t, e)}
	c := tls.Client(hold, &tls.Config{InsecureSkipVerify: true})
	say(t, c, options(0))
	next(t, s.messages)
	<-after(400 * time.Millisecond) // between records nothing is begun
	hold.on = true
	say(t, c, options(3000))
	for _, b := range hold.held {
		if _, err := hold.Conn.Write([]byte{b}); err != nil {
			break
		}
		select {
		case why := <-s.ends:
			if why != Unfinished {
				t.Errorf("%s", why)
			}
			return
		case <-after(5 * time.Millisecond):
		}
	}
	s.ended(Unfinished)
}

// holding keeps what is written.
type holding struct {
	net.Conn
	on   bool
	held []byte
}

func (h *holding) Write(b []byte) (int, error) {
	if !h.on {
		return h.Conn.Write(b)
	}
	h.held = append(h.held, b...)
	return len(b), nil
}
