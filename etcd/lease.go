package etcd

import (
	"context"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Lease is what entries are written under that go by themselves, all at once.
type Lease int64

// Grant makes a lease that is over after lasts, a little later at times, earlier never; in whole seconds.
func (c *Client) Grant(ctx context.Context, lasts time.Duration) (Lease, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	answer, err := c.etcd.Grant(ctx, int64((lasts+time.Second-1)/time.Second))
	if err != nil {
		return 0, c.failure(err)
	}
	return Lease(answer.ID), nil
}

// Renew begins the time of a lease anew; ErrLease when it is over.
func (c *Client) Renew(ctx context.Context, l Lease) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	if _, err := c.etcd.KeepAliveOnce(ctx, clientv3.LeaseID(l)); err != nil {
		return c.failure(err)
	}
	return nil
}

// Revoke ends a lease, and removes what was written under it.
func (c *Client) Revoke(ctx context.Context, l Lease) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	if _, err := c.etcd.Revoke(ctx, clientv3.LeaseID(l)); err != nil {
		return c.failure(err)
	}
	return nil
}
