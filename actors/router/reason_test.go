package router

import (
	"errors"
	"fmt"
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/target"
)

func TestEachFailureOfAResolverHasItsAnswer(t *testing.T) {
	for err, want := range map[error]message.Reason{
		target.ErrBadName:     message.NotFound,
		target.ErrNotFound:    message.NotFound,
		target.ErrNoService:   message.NotFound,
		target.ErrNoTransport: message.NoLeg,
		target.ErrBusy:        message.TooManyWaiting,
		target.ErrUnavailable: message.Unavailable,
		target.ErrClosed:      message.Unavailable,
		errors.New("new"):     message.Unavailable,
	} {
		if got := reasonOf(err); got != want {
			t.Errorf("%q is answered %d %q", err, got.Status(), got)
		}
		if got := reasonOf(fmt.Errorf("a question: %w: a cause", err)); got != want {
			t.Errorf("%q with its details is answered %d %q", err, got.Status(), got)
		}
	}
}
