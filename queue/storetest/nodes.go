package storetest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
)

// nodeCount is how many nodes share a database.
const nodeCount = 4

// Nodes holds several stores on one database to queue.Store's word. place makes room for a store that is empty; open opens
// it, as often as nodes are wanted, and sees to closing it. Each case has a database of its own.
func Nodes(t *testing.T, place func(t testing.TB) string, open func(t testing.TB, place string) queue.Store) {
	for group, cases := range map[string]map[string]func(*bundle){"race": raceCases(), "nodes": nodeCases(), "brakes": brakesCases()} {
		for name, check := range cases {
			t.Run(group+"/"+name, func(t *testing.T) {
				t.Parallel()
				s, at := &spread{}, place(t)
				for range nodeCount {
					s.nodes = append(s.nodes, open(t, at))
				}
				b := &bundle{T: t, s: s, now: monday()}
				check(b)
				b.checkChain()
			})
		}
	}
}

func nodeCases() map[string]func(*bundle) {
	return map[string]func(*bundle){
		"what is seen has nothing unseen before it":  nodesSeeInOrder,
		"two nodes resolve for one address":          nodesResolve,
		"one resolves late while others claim":       nodesResolveLate,
		"a dead node's lease is taken over by one":   nodesTakeOver,
		"a pause holds on every node when it is set": nodesPause,
		"a removal and its successor, on many nodes": nodesSupersede,
	}
}

// on is the case as one of the nodes sees it.
func (b *bundle) on(i int) *bundle {
	return &bundle{T: b.T, s: b.s.(*spread).nodes[i], now: b.now}
}

// nodesSeeInOrder accepts on all nodes and reads meanwhile: whoever has seen a request has seen all with a lower Seq.
func nodesSeeInOrder(b *bundle) {
	const each = 40
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	for i := range nodeCount {
		writers.Go(func() {
			for n := range each {
				sub := queue.Submission{Holder: fmt.Sprint(i), Action: address.AddAlias, Ticket: fmt.Sprint(n)}
				if _, _, err := b.on(i).s.Accept(context.Background(), sub, queue.Idempotency{}, b.now); err != nil {
					b.Error(err)
				}
			}
		})
	}
	readers.Go(func() { b.seeInOrder(stop) })
	writers.Wait()
	close(stop)
	readers.Wait()
	b.same(len(b.all()), nodeCount*each)
}

// seeInOrder reads the newest requests again and again: what comes is newer than all that was there.
func (b *bundle) seeInOrder(stop <-chan struct{}) {
	highest, count := int64(0), 0
	for {
		select {
		case <-stop:
			return
		default:
		}
		seen := seqs(b.all())
		slices.Sort(seen)
		newer := len(seen) - count
		for _, seq := range seen[len(seen)-newer:] {
			if seq <= highest {
				b.Errorf("request %d came to light after request %d", seq, highest)
				return
			}
		}
		if count = len(seen); count > 0 {
			highest = seen[count-1]
		}
	}
}

// nodesResolve has every node resolve a request for another holder that wants the same address: one gets it.
func nodesResolve(b *bundle) {
	for range 10 {
		b.later(time.Second)
		before := len(b.all())
		b.acceptMany(nodeCount)
		fresh := b.all()[before:]
		together(nodeCount, func(i int) {
			_, err := b.on(i).s.Resolve(context.Background(), fresh[i].ID, holder(byte(i+1)), takes("x@contoso.test"), b.now)
			if err != nil {
				b.Error(err)
			}
		})
		var queued []queue.Request
		for _, r := range fresh {
			if now := b.get(r.ID); now.State == queue.Queued {
				queued = append(queued, now)
			} else if now.State != queue.Refused {
				b.Fatalf("request %d is %s", r.Seq, now.State)
			}
		}
		if len(queued) != 1 {
			b.Fatalf("%v all took the address", seqs(queued))
		}
		b.advance(b.move(queued[0], queue.Cancelled))
	}
}

// nodesResolveLate puts a request before another one of its holder while other nodes claim: one of the two is begun, never both.
func nodesResolveLate(b *bundle) {
	for i := range byte(40) {
		late := b.accepted(address.Address(fmt.Sprintf("a%d@contoso.test", i)))
		later := b.queued(holder(i+1), address.Address(fmt.Sprintf("b%d@contoso.test", i)))
		together(nodeCount, func(n int) {
			if n == 0 {
				if _, err := b.on(n).s.Resolve(context.Background(), late.ID, holder(i+1), nil, b.now); err != nil {
					b.Error(err)
				}
				return
			}
			b.on(n).claimAs(fmt.Sprint("node", n), 1)
		})
		late, later = b.get(late.ID), b.get(later.ID)
		wasRefused := late.State == queue.Refused && later.State == queue.Writing
		goesFirst := (late.State == queue.Queued || late.State == queue.Writing) && later.State == queue.Queued
		if !wasRefused && !goesFirst {
			b.Fatalf("request %d is %s, and the later one for the same holder is %s", late.Seq, late.State, later.State)
		}
		for _, r := range b.all() {
			if r.State == queue.Queued {
				b.advance(b.move(r, queue.Refused))
			}
		}
	}
}

// nodesTakeOver closes a node that has leases; the others take each of them over once, and what the dead one sent late is stale.
func nodesTakeOver(b *bundle) {
	const requests = 20
	for i := range byte(requests) {
		b.queued(holder(i+1), address.Address(fmt.Sprintf("a%d@contoso.test", i)))
	}
	dead := b.on(0)
	leased := dead.claim(requests)
	if len(leased) != requests {
		b.Fatalf("%d were leased", len(leased))
	}
	b.ok(dead.s.(io.Closer).Close())
	b.s.(*spread).nodes = b.s.(*spread).nodes[1:]
	b.later(lease)
	var lock sync.Mutex
	owners := map[queue.RequestID]string{}
	together(nodeCount-1, func(i int) {
		owner := fmt.Sprint("heir", i)
		for _, r := range b.on(i).claimAs(owner, requests) {
			lock.Lock()
			if other := owners[r.ID]; other != "" {
				b.Errorf("request %d went to %s and %s", r.Seq, other, owner)
			}
			owners[r.ID] = owner
			lock.Unlock()
		}
	})
	b.same(len(owners), requests)
	for _, r := range leased {
		_, err := b.s.Advance(context.Background(), b.toWritten(r, changeOf(r.Address)))
		b.is(err, queue.ErrStale)
	}
}

// claimAs leases up to n in small steps, as long as there are any.
func (b *bundle) claimAs(owner string, n int) (all []queue.Request) {
	for len(all) < n {
		leased, err := b.s.Claim(context.Background(), owner, b.now, lease, 2)
		if err != nil {
			b.Error(err)
		}
		if len(leased) == 0 {
			break
		}
		all = append(all, leased...)
	}
	return all
}

// nodesPause stops while all nodes claim: what is in writing when SetPaused returns is all that is before SetPaused is called
// again.
func nodesPause(b *bundle) {
	const requests, rounds = 150, 12
	for i := range byte(requests) {
		b.queued(holder(i+1), address.Address(fmt.Sprintf("a%d@contoso.test", i)))
	}
	for range rounds {
		paused, begun := make(chan struct{}), make(chan struct{}, nodeCount)
		var claiming sync.WaitGroup
		for i := 1; i < nodeCount; i++ {
			claiming.Go(func() { b.claimUntil(i, begun, paused) })
		}
		<-begun
		b.ok(b.on(0).s.SetPaused(context.Background(), true, "root", b.now))
		atPause := b.inState(queue.Writing)
		close(paused)
		claiming.Wait()
		b.same(b.inState(queue.Writing), atPause)
		b.ok(b.on(0).s.SetPaused(context.Background(), false, "root", b.now))
	}
}

// claimUntil claims one by one until stop is closed, and once more; begun is told of the first.
func (b *bundle) claimUntil(i int, begun chan<- struct{}, stop <-chan struct{}) {
	for n, stopped := 0, false; !stopped; n++ {
		select {
		case <-stop:
			stopped = true
		default:
		}
		if _, err := b.on(i).s.Claim(context.Background(), fmt.Sprint("node", i), b.now, lease, 1); err != nil {
			b.Error(err)
		}
		if n == 0 {
			begun <- struct{}{}
		}
	}
}

func (b *bundle) inState(s queue.State) int {
	stats, err := b.s.Stats(context.Background())
	b.ok(err)
	return stats.ByState[s]
}

// nodesSupersede writes several changes of one address of one holder, each step on another node: the last one stands.
func nodesSupersede(b *bundle) {
	var all []queue.Request
	for range 6 {
		all = append(all, b.written(holder(1), "a@contoso.test"))
	}
	last := all[len(all)-1]
	for _, r := range all[:len(all)-1] {
		b.in(r.ID, queue.Superseded)
	}
	b.in(last.ID, queue.Written)
}
