package etcd

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// What a transaction holds: etcd's own bounds, by default, are 128 operations and 1.5 MB.
const (
	MostWrites = 100
	MostBytes  = 1 << 20 // of names and values
	mostBytes  = 2 << 20 // of the message
)

// Write is a new value for an entry that is still as it was seen.
type Write struct {
	Name     string
	Seen     int64  // its Revision then; 0: there was none
	Value    []byte // nil: it is removed
	Lease    Lease  // when the entry goes by itself; 0: never
	NoChange bool   // it is to stay as it is: only Seen is compared
}

// Outcome is what has become of a Write.
type Outcome struct {
	Done bool
	Now  Entry // not Done: what is there in place of what was seen
}

// Commit makes each of writes for itself, all in one transaction: at most MostWrites of different names, MostBytes in all. With
// revision all that were done are there. An error says that none was, but ErrAway, which says nothing.
func (c *Client) Commit(ctx context.Context, writes []Write) (outcomes []Outcome, revision int64, err error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	ops := make([]clientv3.Op, len(writes))
	for i := range writes {
		ops[i] = c.operation(&writes[i])
	}
	answer, err := c.etcd.Txn(ctx).Then(ops...).Commit()
	if err != nil {
		return nil, 0, c.failure(err)
	}
	c.note(answer.Header.Revision)
	outcomes = make([]Outcome, len(writes))
	for i, r := range answer.Responses {
		one := r.GetResponseTxn()
		outcomes[i].Done = one.Succeeded
		if one.Succeeded {
			continue
		}
		outcomes[i].Now.Name = writes[i].Name
		if kvs := one.Responses[0].GetResponseRange().Kvs; len(kvs) > 0 {
			outcomes[i].Now = c.entry(kvs[0])
		}
	}
	return outcomes, answer.Header.Revision, nil
}

// operation is a transaction of its own within the transaction: one that fails does not have the others fail.
func (c *Client) operation(w *Write) clientv3.Op {
	key := c.key(w.Name)
	var then []clientv3.Op
	switch {
	case w.NoChange:
	case w.Value != nil:
		then = []clientv3.Op{clientv3.OpPut(key, string(w.Value), clientv3.WithLease(clientv3.LeaseID(w.Lease)))}
	case w.Seen != 0:
		then = []clientv3.Op{clientv3.OpDelete(key)}
	}
	seen := []clientv3.Cmp{clientv3.Compare(clientv3.ModRevision(key), "=", w.Seen)}
	return clientv3.OpTxn(seen, then, []clientv3.Op{clientv3.OpGet(key)})
}
