package etcd

import (
	"context"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Entry is a value under its name.
type Entry struct {
	Name     string
	Value    []byte
	Revision int64 // of the change that made it so; 0: there is no such entry
}

func (c *Client) entry(kv *mvccpb.KeyValue) Entry {
	return Entry{Name: c.name(kv.Key), Value: kv.Value, Revision: kv.ModRevision}
}

// Read is the entry of that name, its Revision 0 when there is none.
func (c *Client) Read(ctx context.Context, name string) (Entry, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	answer, err := c.etcd.Get(ctx, c.key(name))
	if err != nil {
		return Entry{}, c.failure(err)
	}
	if len(answer.Kvs) == 0 {
		return Entry{Name: name}, nil
	}
	return c.entry(answer.Kvs[0]), nil
}

// page is how many entries are asked for at once.
const page = 2000

// List is all entries whose names begin with prefix, as they were at one revision, in the order of their names.
func (c *Client) List(ctx context.Context, prefix string) (all []Entry, revision int64, err error) {
	all, from, err := c.list(ctx, prefix)
	return all, from.revision, err
}

func (c *Client) list(ctx context.Context, prefix string) (all []Entry, at moment, err error) {
	next, end := c.key(prefix), clientv3.GetPrefixRangeEnd(c.key(prefix))
	for {
		answer, err := c.pageFrom(ctx, next, end, at.revision)
		if err != nil {
			return nil, moment{}, c.failure(err)
		}
		if at.revision == 0 {
			at = momentOf(answer.Header)
		}
		for _, kv := range answer.Kvs {
			all = append(all, c.entry(kv))
			next = string(kv.Key) + "\x00"
		}
		if !answer.More {
			return all, at, nil
		}
	}
}

func (c *Client) pageFrom(ctx context.Context, next, end string, revision int64) (*clientv3.GetResponse, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	return c.etcd.Get(ctx, next, clientv3.WithRange(end), clientv3.WithLimit(page), clientv3.WithRev(revision))
}
