package message

import (
	"testing"

	"github.com/actorsip/actorsip/sipwire"
)

func TestEachReasonCanBeRead(t *testing.T) {
	texts := map[string]Reason{}
	for i := range Reasons {
		r := Reason(i)
		if r.String() == "" {
			t.Errorf("reason %d has no text", i)
		}
		if other, twice := texts[r.String()]; twice {
			t.Errorf("reasons %d and %d are both %q", other, i, r)
		}
		texts[r.String()] = r
		switch status := r.Status(); {
		case status == 0:
		case status != 200 && status != 302 && (status < 400 || status > 599):
			t.Errorf("%q is answered %d", r, status)
		case r.Phrase() == "":
			t.Errorf("%q is answered %d with no phrase", r, status)
		}
	}
}

func TestTheFaultsOfAMessageAreReasons(t *testing.T) {
	for f := sipwire.None; int(f) < sipwire.Faults; f++ {
		r := Reason(f)
		if r.Status() != f.Status() || r.String() != f.String() || r.Phrase() != f.String() {
			t.Errorf("fault %q is reason %q: %d %q", f, r, r.Status(), r.Phrase())
		}
	}
}

func TestEachReasonHasTheStatusOfTheRFC(t *testing.T) {
	for r, status := range map[Reason]int{
		TooManyHops: 483, Looped: 482, Unsupported: 420, UnknownUser: 404, NotFound: 480, NoLeg: 480, Unavailable: 503,
		TooManyWaiting: 503, Overloaded: 503, Unreachable: 503, TooLarge: 513, Alive: 200,
		AlienResponse: 0, NoWayBack: 0, Acknowledged: 0, KeepAlive: 0, Panicked: 0, SendFailed: 0,
		Reason(sipwire.UnknownScheme): 416, Reason(sipwire.BadRoute): 400, Reason(sipwire.NotSIP): 0,
	} {
		if r.Status() != status {
			t.Errorf("%q is answered %d, want %d", r, r.Status(), status)
		}
	}
}
