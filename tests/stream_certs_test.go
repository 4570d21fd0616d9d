package tests

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// serial is that of the certificate that the leg shows to who connects now.
func (h *bridge) serial(t *testing.T, leg string) string {
	t.Helper()
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 5 * time.Second}, Config: &tls.Config{RootCAs: h.authority.Pool(), ServerName: "127.0.0.1"}}
	c, err := d.DialContext(t.Context(), "tcp", h.Addr(leg).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// renew puts another certificate in the place of the one in use, by renaming.
func (h *bridge) renew(t *testing.T) {
	t.Helper()
	h.authority.Issue(t, filepath.Dir(h.pair.Cert), "loopback", "127.0.0.1", "::1")
}

// Certificates are replaced while calls are made, over connections that are there and over new ones: none of them fails, who connects
// after it sees the new certificate, and who was connected stays so.
func TestACertificateIsReplacedUnderCalls(t *testing.T) {
	h := between(t, place{"tls", v4}, place{"tls", v4}, options{lanes: 1}) // and a processor for the phones
	h.works(t)
	old := h.caller.Connections()[0]
	shown, calls, seen, begun := h.serial(t, "inside"), 0, 0, time.Now()
	const pace, lasts, renewals = 5 * time.Millisecond, 4 * time.Second, 3
	h.renew(t)
	for tick := time.NewTicker(pace); seen < renewals || time.Since(begun) < lasts; calls++ {
		<-tick.C
		if time.Since(begun) > time.Minute {
			t.Fatalf("of %d certificates that were put there, %d were seen", renewals, seen)
		}
		if calls%2 == 0 { // over the connections that there are, or over a new one
			h.works(t)
			continue
		}
		c := h.caller.Dial(h.Addr("inside"))
		h.works(t)
		c.Close()
		if calls%10 == 1 && seen < renewals {
			if now := h.serial(t, "inside"); now != shown {
				shown = now
				if seen++; seen < renewals {
					h.renew(t)
				}
			}
		}
	}
	for leg, mine := range map[string]*ua.Connection{"inside": old, "outside": h.callee.Connections()[0]} {
		if mine.Why() != nil {
			t.Errorf("a connection of leg %s has ended: %v", leg, mine.Why())
		}
	}
	st := connections(t, h.System, "inside")
	if st.Ended["handshake failed"]+st.Ended["broken"]+st.Ended["stopped"] > 0 {
		t.Errorf("connections have failed: %+v", st)
	}
	t.Logf("%d calls, %.0f a second, %d certificates", calls, float64(calls)/time.Since(begun).Seconds(), seen)
}

// A certificate whose key is not its own, as while only one of two files is written, is not taken; the one in use stays.
func TestACertificateWithoutItsKeyIsNotTaken(t *testing.T) {
	h := between(t, place{"tls", v4}, place{"udp", v4}, options{})
	h.works(t)
	before := h.serial(t, "inside")
	half := newTrust(t)
	text, err := os.ReadFile(half.pair.Cert)
	if err != nil {
		t.Fatal(err)
	}
	write(t, h.pair.Cert, string(text))
	h.Reload()
	h.caller.Dial(h.Addr("inside"))
	h.works(t)
	if now := h.serial(t, "inside"); now != before {
		t.Errorf("a certificate is shown whose key is another's")
	}
	h.renew(t)
	for deadline := time.Now().Add(5 * time.Second); h.serial(t, "inside") == before; {
		if time.Now().After(deadline) {
			t.Fatal("the next whole pair is not taken")
		}
	}
	h.works(t)
}
