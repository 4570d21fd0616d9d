package etcd

import (
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// Why something was not done. What is returned wraps one of these, with what etcd says.
var (
	// ErrAway is told of what was not answered in time: it may have been done or not.
	ErrAway = errors.New("etcd is away")
	// ErrRefused is told of what etcd has refused, and would refuse again.
	ErrRefused = errors.New("etcd refuses it")
	// ErrLease is told of a lease that is over.
	ErrLease = errors.New("the lease is over")
)

var refusals = []error{
	rpctypes.ErrNoSpace, rpctypes.ErrRequestTooLarge, rpctypes.ErrTooManyOps, rpctypes.ErrPermissionDenied, rpctypes.ErrUserEmpty,
	rpctypes.ErrAuthFailed, rpctypes.ErrInvalidAuthToken, rpctypes.ErrCorrupt,
}

// failure says which of ours an error of etcd's is.
func (c *Client) failure(err error) error {
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return ErrLease
	}
	for _, refusal := range refusals {
		if errors.Is(err, refusal) {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}
