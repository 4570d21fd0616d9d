package router

import (
	"errors"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/target"
)

// reasonOf is how a failed resolution is answered: 480 for a name that does not exist or offers no SIP (RFC 3261 §16.5: an
// empty target set), 503 when nobody can say.
func reasonOf(err error) message.Reason {
	switch {
	case errors.Is(err, target.ErrNotFound), errors.Is(err, target.ErrNoService), errors.Is(err, target.ErrBadName):
		return message.NotFound
	case errors.Is(err, target.ErrNoTransport):
		return message.NoLeg
	case errors.Is(err, target.ErrBusy):
		return message.TooManyWaiting
	}
	return message.Unavailable
}
