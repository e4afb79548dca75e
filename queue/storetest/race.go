package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
)

func raceCases() map[string]func(*bundle) {
	return map[string]func(*bundle){
		"many accept at once: every number once":                 raceAccept,
		"one key from many: one request":                         raceKey,
		"one submission from many: one request":                  raceTwin,
		"one bad among many spoils nothing":                      raceBadAmongGood,
		"one caller who goes away spoils nothing":                raceGoneCaller,
		"two claimers never get one request":                     raceClaim,
		"an expired lease has one new owner, the old one is out": raceTakeOver,
		"cancel against claim: one wins":                         raceCancel,
		"one address, many holders: one takes it":                raceResolve,
		"one transition from many: one makes it":                 raceAdvance,
		"order per holder under many workers":                    raceOrder,
		"readers see whole requests":                             raceReaders,
	}
}

// crowd is how many do the same at once.
const crowd = 24

// together runs do in many goroutines that begin at the same moment.
func together(n int, do func(i int)) {
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			do(i)
		})
	}
	done.Wait()
}

func raceAccept(b *bundle) {
	const each = 10
	got := make([][]queue.Request, crowd)
	together(crowd, func(i int) {
		for n := range each {
			sub := queue.Submission{Holder: fmt.Sprint(i), Action: address.AddAlias, Ticket: fmt.Sprint(n)}
			r, created, err := b.s.Accept(context.Background(), sub, queue.Idempotency{}, b.now)
			if err != nil || !created {
				b.Errorf("accept: %v, created %v", err, created)
			}
			got[i] = append(got[i], r)
		}
	})
	var numbers []int64
	for i, list := range got {
		if n := seqs(list); !slices.IsSorted(n) {
			b.Errorf("caller %d got %v, which is not the order in which it asked", i, n)
		}
		numbers = append(numbers, seqs(list)...)
	}
	slices.Sort(numbers)
	want := []int64{}
	for n := range int64(crowd * each) {
		want = append(want, n+1)
	}
	b.same(numbers, want)
	for _, list := range got {
		for _, r := range list {
			b.same(b.get(r.ID), r)
		}
	}
}

// oneOf accepts the same from many at once and stops the test unless it became one request.
func (b *bundle) oneOf(s queue.Submission, key queue.Idempotency) {
	ids := make([]queue.RequestID, crowd)
	var lock sync.Mutex
	made := 0
	together(crowd, func(i int) {
		r, created, err := b.s.Accept(context.Background(), s, key, b.now)
		lock.Lock()
		defer lock.Unlock()
		if err != nil {
			b.Error(err)
		}
		if created {
			made++
		}
		ids[i] = r.ID
	})
	if made != 1 || len(slices.Compact(ids)) != 1 {
		b.Fatalf("%d requests were made: %v", made, ids)
	}
}

func raceKey(b *bundle) { b.oneOf(b.ask("a@contoso.test"), queue.Idempotency{Key: "k", Digest: "d"}) }

func raceTwin(b *bundle) { b.oneOf(b.ask("a@contoso.test"), queue.Idempotency{}) }

func raceBadAmongGood(b *bundle) {
	b.acceptAs(b.ask("a@contoso.test"), queue.Idempotency{Key: "k", Digest: "d"})
	held := b.queued(holder(1), "b@contoso.test")
	together(crowd, func(i int) {
		var err error
		want := error(nil)
		switch i % 4 {
		case 0:
			want = queue.ErrKeyReused
			_, _, err = b.s.Accept(context.Background(), queue.Submission{SubmittedBy: "helpdesk"}, queue.Idempotency{Key: "k", Digest: "other"}, b.now)
		case 1:
			want = queue.ErrStale
			_, err = b.s.Advance(context.Background(), queue.Transition{ID: held.ID, From: queue.Held, To: queue.Queued, Now: b.now})
		default:
			_, _, err = b.s.Accept(context.Background(), queue.Submission{Holder: fmt.Sprint(i)}, queue.Idempotency{}, b.now)
		}
		if !errors.Is(err, want) {
			b.Errorf("got %v, want %v", err, want)
		}
	})
	if got := len(b.all()); got != 2+crowd/2 {
		b.Fatalf("%d requests are there, want %d", got, 2+crowd/2)
	}
}

func raceGoneCaller(b *bundle) {
	var lock sync.Mutex
	acknowledged := 0
	together(crowd, func(i int) {
		ctx, end := context.WithCancel(context.Background())
		defer end()
		if i%2 == 0 {
			go end()
		}
		_, created, err := b.s.Accept(ctx, queue.Submission{Holder: fmt.Sprint(i)}, queue.Idempotency{}, b.now)
		if i%2 == 1 && err != nil || err != nil && !errors.Is(err, context.Canceled) {
			b.Errorf("caller %d: %v", i, err)
		}
		lock.Lock()
		defer lock.Unlock()
		if created {
			acknowledged++
		}
	})
	if got := len(b.all()); got != acknowledged {
		b.Fatalf("%d requests are there, %d were acknowledged", got, acknowledged)
	}
}

func raceClaim(b *bundle) {
	const requests = 60
	for i := range byte(requests) {
		b.queued(holder(i+1), address.Address(fmt.Sprintf("a%d@contoso.test", i)))
	}
	var lock sync.Mutex
	owners := map[queue.RequestID]string{}
	together(8, func(i int) {
		owner := fmt.Sprint("node", i)
		for {
			leased, err := b.s.Claim(context.Background(), owner, b.now, lease, 3)
			if err != nil {
				b.Error(err)
			}
			if len(leased) == 0 {
				return
			}
			lock.Lock()
			for _, r := range leased {
				if other, twice := owners[r.ID]; twice {
					b.Errorf("request %d went to %s and to %s", r.Seq, other, owner)
				}
				owners[r.ID] = owner
			}
			lock.Unlock()
		}
	})
	for _, r := range b.all() {
		if r.State != queue.Writing || r.Owner != owners[r.ID] {
			b.Fatalf("request %d is %s of %q, it was given to %q", r.Seq, r.State, r.Owner, owners[r.ID])
		}
	}
}

func raceTakeOver(b *bundle) {
	r := b.writing(holder(1), "a@contoso.test")
	b.later(lease)
	late := b.toWritten(r, changeOf("a@contoso.test"))
	late.Now = r.LeaseUntil.Add(-time.Second) // its clock is behind, or it asked just before
	late.UndoneID = ""
	got := make([]int, crowd)
	var lateErr error
	together(crowd, func(i int) {
		if i == 0 {
			_, lateErr = b.s.Advance(context.Background(), late)
			return
		}
		leased, err := b.s.Claim(context.Background(), fmt.Sprint("new", i), b.now, lease, 9)
		if err != nil {
			b.Error(err)
		}
		got[i] = len(leased)
	})
	owners := 0
	for _, n := range got {
		owners += n
	}
	now := b.get(r.ID)
	lateWon := lateErr == nil && owners == 0 && now.State == queue.Written
	takenOver := errors.Is(lateErr, queue.ErrStale) && owners == 1 && now.State == queue.Writing && now.Owner != node
	if !lateWon && !takenOver {
		b.Fatalf("%d new owners, the old one got %v: %s", owners, lateErr, inJSON(now))
	}
}

func raceCancel(b *bundle) {
	for i := range byte(20) {
		r := b.queued(holder(i+1), address.Address(fmt.Sprintf("a%d@contoso.test", i)))
		var cancelErr error
		var leased []queue.Request
		together(2, func(i int) {
			var err error
			if i == 0 {
				_, cancelErr = b.s.Advance(context.Background(), b.move(r, queue.Cancelled))
			} else if leased, err = b.s.Claim(context.Background(), node, b.now, lease, 1); err != nil {
				b.Error(err)
			}
		})
		now := b.get(r.ID).State
		cancelled := cancelErr == nil && len(leased) == 0 && now == queue.Cancelled
		claimed := errors.Is(cancelErr, queue.ErrStale) && len(leased) == 1 && now == queue.Writing
		if !cancelled && !claimed {
			b.Fatalf("cancelling gave %v, claiming %d requests, and it is %s", cancelErr, len(leased), now)
		}
	}
}

func raceResolve(b *bundle) {
	b.acceptMany(crowd)
	all := b.all()
	together(crowd, func(i int) {
		if _, err := b.s.Resolve(context.Background(), all[i].ID, holder(byte(i+1)), takes("x@contoso.test", "a@contoso.test"), b.now); err != nil {
			b.Error(err)
		}
	})
	var winner queue.Request
	for _, r := range b.all() {
		if r.State == queue.Queued {
			if winner.ID != "" {
				b.Fatalf("requests %d and %d both took the address", winner.Seq, r.Seq)
			}
			winner = r
		}
	}
	for _, r := range b.all() {
		if r.ID != winner.ID && (r.State != queue.Refused || r.Cause.Conflict.ID != string(winner.ID)) {
			b.Fatalf("request %d is %s on account of %+v, the address went to %s", r.Seq, r.State, r.Cause, winner.ID)
		}
	}
}

func raceAdvance(b *bundle) {
	r := b.queued(holder(1), "a@contoso.test")
	var lock sync.Mutex
	won := 0
	together(crowd, func(int) {
		_, err := b.s.Advance(context.Background(), b.move(r, queue.Held))
		lock.Lock()
		defer lock.Unlock()
		if err == nil {
			won++
		} else if !errors.Is(err, queue.ErrStale) {
			b.Error(err)
		}
	})
	if won != 1 || len(b.events(r.ID)) != 3 {
		b.Fatalf("%d made the transition: %s", won, inJSON(b.events(r.ID)))
	}
}

// raceOrder has workers claim and write, retry and fail the requests of a few holders, while others wait for their own
// turn: per holder never two at once, and always the oldest next.
func raceOrder(b *bundle) {
	const holders, each = 4, 12
	for range each {
		for h := range byte(holders) {
			b.resolve(b.accepted("a@contoso.test"), holder(h+1), nil)
		}
	}
	w := &orderWatch{inWriting: map[address.GUID]int64{}, done: map[address.GUID][]int64{}}
	together(6, func(i int) { w.work(b, fmt.Sprint("node", i), holders*each) })
	for h := range byte(holders) {
		if n := w.done[holder(h+1)]; len(n) != each || !slices.IsSorted(n) {
			b.Errorf("holder %d's requests ended in the order %v", h, n)
		}
	}
}

// orderWatch notes which requests are in writing and which are through.
type orderWatch struct {
	sync.Mutex
	inWriting map[address.GUID]int64
	done      map[address.GUID][]int64
	through   int
}

func (w *orderWatch) work(b *bundle, owner string, all int) {
	for w.count() < all && !b.Failed() {
		leased, err := b.s.Claim(context.Background(), owner, b.now, lease, 2)
		if err != nil {
			b.Error(err)
			return
		}
		for _, r := range leased {
			w.begin(b, r)
		}
		for _, r := range leased {
			w.end(b, r)
		}
	}
}

func (w *orderWatch) count() int {
	w.Lock()
	defer w.Unlock()
	return w.through
}

func (w *orderWatch) begin(b *bundle, r queue.Request) {
	w.Lock()
	defer w.Unlock()
	if other := w.inWriting[r.Object]; other != 0 {
		b.Errorf("request %d was claimed while request %d of the same holder was in writing", r.Seq, other)
	}
	w.inWriting[r.Object] = r.Seq
}

// end retries, fails or writes. The note is made before the store knows, for another may claim the next right after.
func (w *orderWatch) end(b *bundle, r queue.Request) {
	t := b.move(r, []queue.State{queue.Queued, queue.Failed, queue.Written}[rand.IntN(3)])
	if t.To == queue.Written {
		t = b.toWritten(r, address.Change{})
		t.Owner = r.Owner
	}
	w.Lock()
	w.inWriting[r.Object] = 0
	if t.To != queue.Queued {
		w.done[r.Object] = append(w.done[r.Object], r.Seq)
		w.through++
	}
	w.Unlock()
	if _, err := b.s.Advance(context.Background(), t); err != nil {
		b.Error(err)
	}
}

// raceReaders reads while a request moves to and fro: state, owner and lease always belong together.
func raceReaders(b *bundle) {
	r := b.queued(holder(1), "a@contoso.test")
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				got, err := b.s.Get(context.Background(), r.ID)
				if err != nil || (got.State == queue.Writing) != (got.Owner != "") || (got.Owner == "") != got.LeaseUntil.IsZero() {
					b.Errorf("read %v %s", err, inJSON(got))
					return
				}
			}
		})
	}
	for range 50 {
		b.advance(b.move(b.claim(1)[0], queue.Queued))
	}
	close(stop)
	readers.Wait()
}
