package etcd

import (
	"context"
	"errors"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// ErrChanged is told of what was not done because the entry that it depended on is another one by now.
var ErrChanged = errors.New("what it depends on has changed meanwhile")

// Overwrite makes all of changes, whatever was there before, or none of them when the entry under is not as it was seen: ErrChanged.
// So whoever holds something by an entry can change what belongs to it, and whoever has lost it, knowingly or not, cannot. An under
// without a name is no condition. At most MostWrites of different names, MostBytes in all.
func (c *Client) Overwrite(ctx context.Context, under Entry, changes []Change) (revision int64, err error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	ops := make([]clientv3.Op, len(changes))
	for i, x := range changes {
		if ops[i] = clientv3.OpPut(c.key(x.Name), string(x.Value)); x.Removed {
			ops[i] = clientv3.OpDelete(c.key(x.Name))
		}
	}
	txn := c.etcd.Txn(ctx)
	if under.Name != "" {
		txn = txn.If(clientv3.Compare(clientv3.ModRevision(c.key(under.Name)), "=", under.Revision))
	}
	answer, err := txn.Then(ops...).Commit()
	switch {
	case err != nil:
		return 0, c.failure(err)
	case !answer.Succeeded:
		return 0, ErrChanged
	}
	c.note(answer.Header.Revision)
	return answer.Header.Revision, nil
}
