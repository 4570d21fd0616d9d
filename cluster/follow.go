package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// ledger is what etcd said so far. A card whose key is not there any more stays until there is a gravestone: its node may come back.
type ledger struct {
	cards   map[string]card // by node
	missing map[string]bool // of them, those without a key
	gone    map[string]bool // lives with a gravestone
	last    map[string]card // by node
}

var errRestored = errors.New("etcd has forgotten something: it is read anew")

// follow tells what etcd says, from its beginning and whenever it changes, until the register ends.
func (g *register) follow(<-chan struct{}) {
	all := &ledger{cards: map[string]card{}, missing: map[string]bool{}, gone: map[string]bool{}, last: map[string]card{}}
	for said := ""; g.ctx.Err() == nil; {
		began := time.Now()
		err := g.followOnce(all)
		if time.Since(began) > askTime+againAfter {
			said = "" // it went well for a while
		}
		if err != nil && g.ctx.Err() == nil && err.Error() != said {
			said = err.Error()
			g.log.Warn("etcd does not tell who is a member: the members stay as they are", "error", err)
		}
		wait(g.ctx.Done(), againAfter)
	}
}

// followOnce reads everything, and then what changes after that.
func (g *register) followOnce(all *ledger) error {
	ctx, cancel := context.WithTimeout(g.ctx, askTime)
	answer, err := g.client.Get(ctx, g.prefix, clientv3.WithPrefix())
	cancel()
	if err != nil {
		return err
	}
	all.missing, all.gone, all.last = map[string]bool{}, map[string]bool{}, map[string]card{}
	for node := range all.cards {
		all.missing[node] = true
	}
	for _, kv := range answer.Kvs {
		g.put(all, string(kv.Key), kv.Value)
	}
	g.revision.Store(answer.Header.Revision)
	g.tell(all.listing())

	ctx, cancel = context.WithCancel(g.ctx)
	defer cancel()
	changes := g.client.Watch(clientv3.WithRequireLeader(ctx), g.prefix, clientv3.WithPrefix(), clientv3.WithRev(answer.Header.Revision+1))
	again := time.NewTicker(againAfter)
	defer again.Stop()
	for {
		select {
		case c, more := <-changes:
			if !more {
				return g.ctx.Err()
			}
			if err := c.Err(); err != nil {
				return err
			}
			g.revision.Store(c.Header.Revision)
			for _, e := range c.Events {
				if e.Type == clientv3.EventTypePut {
					g.put(all, string(e.Kv.Key), e.Kv.Value)
				} else if node, is := strings.CutPrefix(string(e.Kv.Key), g.prefix+"members/"); is {
					if _, known := all.cards[node]; known {
						all.missing[node] = true
					}
				} else if node, is := strings.CutPrefix(string(e.Kv.Key), g.prefix+"last/"); is {
					delete(all.last, node)
				}
			}
			g.tell(all.listing())
		case <-g.behind:
			return errRestored
		case <-again.C:
		}
		g.bury(all)
	}
}

// put takes a key of etcd into the ledger.
func (g *register) put(all *ledger, key string, value []byte) {
	key = strings.TrimPrefix(key, g.prefix)
	if life, is := strings.CutPrefix(key, "gone/"); is {
		all.gone[life] = true
		for node, c := range all.cards {
			if c.Life == life {
				delete(all.cards, node)
				delete(all.missing, node)
			}
		}
		return
	}
	kind, node, _ := strings.Cut(key, "/")
	if kind != "members" && kind != "last" {
		return
	}
	var c card
	if err := json.Unmarshal(value, &c); err != nil || c.Node != node {
		g.log.Error("a member's record in etcd cannot be read", "key", key, "error", err)
		return
	}
	if kind == "last" {
		all.last[node] = c
		return
	}
	all.cards[node] = c
	delete(all.missing, node)
}

// bury puts gravestones for those whose keys have run out. After etcd was away they get time to come back.
func (g *register) bury(all *ledger) {
	if len(all.missing) == 0 || !g.settled() {
		return
	}
	for node := range all.missing {
		life := all.cards[node].Life
		if life == g.own.Load().Life {
			continue // the lease loop sees to it
		}
		if err := g.buryOne(node, life); err != nil {
			g.log.Warn("a member whose lease has run out could not be given up", "node", node, "error", err)
			return
		}
	}
}

func (g *register) buryOne(node, life string) error {
	ctx, cancel := context.WithTimeout(g.ctx, askTime)
	defer cancel()
	stone, err := g.gravestone(ctx, life)
	if err != nil {
		return err
	}
	_, err = g.client.Txn(ctx).If(
		clientv3.Compare(clientv3.CreateRevision(g.memberKey(node)), "=", 0),
		clientv3.Compare(clientv3.CreateRevision(g.goneKey(life)), "=", 0)).Then(stone).Commit()
	return err
}

// listing is the ledger as the roster needs it.
func (l *ledger) listing() listing {
	var all listing
	for _, c := range l.cards {
		all.cards = append(all.cards, c)
	}
	for life := range l.gone {
		all.gone = append(all.gone, life)
	}
	for _, c := range l.last {
		all.former = append(all.former, c)
	}
	return all
}
