package queue_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/store"
	"github.com/aliasd/aliasd/queue/storetest"
)

// limited is a bench whose runner has brakes.
func limited(l queue.Limits) *bench {
	b := newBench()
	b.restart("node-1", b.store, func(o *queue.Options) { o.Limits = l })
	return b
}

// from submits a request of one source.
func (b *bench) from(t tester, by, requester, holder string, addr address.Address) queue.Request {
	t.Helper()
	r, _, err := b.service.Submit(context.Background(), queue.Submission{Holder: holder, Action: address.AddAlias, Address: addr,
		SubmittedBy: by, Requester: requester}, "")
	if err != nil {
		t.Fatalf("submit: %v", err)
	}
	return r
}

func (b *bench) release(t tester, id queue.RequestID) {
	t.Helper()
	if _, err := b.service.Release(context.Background(), id, "admin"); err != nil {
		t.Fatalf("release: %v", err)
	}
}

func (b *bench) used(t tester) queue.Used {
	t.Helper()
	used, err := b.store.Used(context.Background(), b.clock.Now())
	if err != nil {
		t.Fatalf("used: %v", err)
	}
	return used
}

func TestOverTheCapIsHeldUntilReleased(t *testing.T) {
	t.Parallel()
	b := limited(queue.Limits{Caps: queue.Caps{Writes: 1}})
	first := b.submit(t, "ann", address.AddAlias, "a1@contoso.test")
	second := b.submit(t, "bob", address.AddAlias, "b1@contoso.test")
	behind := b.submit(t, "bob", address.AddAlias, "b2@contoso.test")
	b.pass(t)
	b.wantState(t, first.ID, queue.Written, cause.NotSyncedYet)
	held := b.wantState(t, second.ID, queue.Held, cause.OverCap)
	for _, says := range []string{"1 request was written in the last hour, 1 are allowed (limits.writes_per_hour)", "held since 2026-03-02T09:00:00Z",
		"aliasd list --state held", "aliasd release " + string(second.ID), "aliasd cancel " + string(second.ID)} {
		if !strings.Contains(held.Cause.Message, says) {
			t.Errorf("the message does not say %q: %s", says, held.Cause.Message)
		}
	}
	b.wantState(t, behind.ID, queue.Queued, "")
	b.clock.Add(2 * time.Hour) // there is room again, and still nobody looked at it
	b.pass(t)
	b.wantState(t, second.ID, queue.Held, cause.OverCap)
	b.wantState(t, behind.ID, queue.Queued, "")
	later := b.submit(t, "ann", address.AddAlias, "a2@contoso.test")
	b.pass(t)
	b.wantState(t, later.ID, queue.Written, cause.NotSyncedYet) // it is judged by itself
	b.release(t, second.ID)
	b.pass(t) // the cap is used up by the later one
	released := b.wantState(t, second.ID, queue.Written, cause.NotSyncedYet)
	if released.ReleasedBy != "admin" {
		t.Errorf("released by %q", released.ReleasedBy)
	}
	b.wantState(t, behind.ID, queue.Held, cause.OverCap)
	if used := b.used(t); used.Writes != 2 {
		t.Errorf("%d writes count, want the later one and the released one", used.Writes)
	}
	if _, err := b.service.Cancel(context.Background(), behind.ID, "admin"); err != nil {
		t.Fatal(err)
	}
	b.wantState(t, behind.ID, queue.Cancelled, "")
	if used := b.used(t); used.Writes != 2 || len(b.directory.writes) != 3 {
		t.Errorf("%d writes count, and %d were made", used.Writes, len(b.directory.writes))
	}
}

func TestRemovalsHaveACapOfTheirOwn(t *testing.T) {
	t.Parallel()
	b := limited(queue.Limits{Caps: queue.Caps{Removals: 1}})
	b.directory.add(3, "cat", address.Values{Mail: "cat@contoso.test", Proxies: address.Set{"SMTP:cat@contoso.test", "smtp:c1@contoso.test", "smtp:c2@contoso.test", "smtp:c3@contoso.test"}})
	b.cloud.sync()
	moved := b.submit(t, "cat", address.SetPrimary, "c1@contoso.test")
	first := b.submit(t, "cat", address.RemoveAlias, "c2@contoso.test")
	second := b.submit(t, "cat", address.RemoveAlias, "c3@contoso.test")
	added := b.submit(t, "ann", address.AddAlias, "a1@contoso.test")
	b.pass(t)
	b.wantState(t, moved.ID, queue.Written, cause.NotSyncedYet)
	b.wantState(t, added.ID, queue.Written, cause.NotSyncedYet)
	b.clock.Add(time.Minute)
	b.cloud.sync()
	b.clock.Add(31 * time.Minute) // the calculation is through
	b.pass(t)
	b.wantState(t, first.ID, queue.Written, cause.NotSyncedYet)
	held := b.wantState(t, second.ID, queue.Held, cause.OverCap)
	if want := "holders lost 1 address in the last hour and would lose 1 more by this request, 1 are allowed (limits.removals_per_hour)"; !strings.HasPrefix(held.Cause.Message, want) {
		t.Errorf("got %s", held.Cause.Message)
	}
	if used := b.used(t); used.Removals != 1 {
		t.Errorf("%d removals count", used.Removals)
	}
}

func TestABurstIsHeld(t *testing.T) {
	t.Parallel()
	b := limited(queue.Limits{Burst: queue.Burst{Requests: 3, Within: time.Minute}})
	var script []queue.Request
	for i := range 5 {
		b.clock.Add(time.Second)
		script = append(script, b.from(t, "portal", "script", "ann", address.Address(fmt.Sprintf("s%d@contoso.test", i))))
	}
	other := b.from(t, "portal", "bob", "bob", "b1@contoso.test")
	b.pass(t)
	for _, r := range script[:3] {
		b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
	}
	held := b.wantState(t, script[3].ID, queue.Held, cause.OverCap)
	if want := "the token portal for script sent more than 3 requests within 1m0s (limits.burst)"; !strings.HasPrefix(held.Cause.Message, want) {
		t.Errorf("got %s", held.Cause.Message)
	}
	b.wantState(t, script[4].ID, queue.Queued, "") // it waits behind the held one
	b.wantState(t, other.ID, queue.Written, cause.NotSyncedYet)
	b.clock.Add(time.Minute)
	later := b.from(t, "portal", "script", "bob", "b2@contoso.test")
	b.release(t, script[3].ID)
	b.pass(t)
	b.wantState(t, script[3].ID, queue.Written, cause.NotSyncedYet)
	b.wantState(t, script[4].ID, queue.Held, cause.OverCap) // it came in the burst, whenever its turn is
	b.wantState(t, later.ID, queue.Written, cause.NotSyncedYet)
}

// TestCapUnderManyWorkers: two nodes with eight workers each, on the real store, write exactly as many as the cap allows.
func TestCapUnderManyWorkers(t *testing.T) {
	t.Parallel()
	const holders, limit = 60, 25
	b := newBench()
	requests := openStore(t)
	for n := range holders {
		b.directory.add(byte(n+10), fmt.Sprint("user", n), address.Values{Mail: fmt.Sprintf("user%d@contoso.test", n),
			Proxies: address.Set{address.Proxy(fmt.Sprintf("SMTP:user%d@contoso.test", n))}})
	}
	b.cloud.sync()
	running, stop := context.WithCancel(context.Background())
	var nodes sync.WaitGroup
	defer nodes.Wait()
	defer stop()
	for node := range 2 {
		b.restart(fmt.Sprint("node-", node), requests, func(o *queue.Options) {
			o.Now, o.Workers, o.Limits = time.Now, 8, queue.Limits{Caps: queue.Caps{Writes: limit}}
		})
		runner := b.runner
		nodes.Go(func() { _ = runner.Run(running) })
	}
	for n := range holders {
		b.from(t, "import", "", fmt.Sprint("user", n), address.Address(fmt.Sprintf("alias%d@contoso.test", n)))
	}
	waitFor(t, "every request is written or held", func() bool {
		stats, err := requests.Stats(context.Background())
		return err == nil && stats.ByState[queue.Written]+stats.ByState[queue.Held] == holders
	})
	stats, err := requests.Stats(context.Background())
	if err != nil || stats.ByState[queue.Written] != limit {
		t.Errorf("%d are written, the cap is %d (%v)", stats.ByState[queue.Written], limit, err)
	}
	b.directory.mu.Lock()
	defer b.directory.mu.Unlock()
	if len(b.directory.writes) != limit {
		t.Errorf("%d modifies were sent, the cap is %d", len(b.directory.writes), limit)
	}
}

func openStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), filepath.Join(t.TempDir(), "queue.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// patience bounds every wait of a test. A busy machine does not use it up: only what never happens does.
const patience = 5 * time.Minute

// waitFor polls until something holds, within bounds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(limit) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// TestACrashDoesNotSpendTwice: the intent was stored and counted, and then the process or the connection was gone.
func TestACrashDoesNotSpendTwice(t *testing.T) {
	t.Parallel()
	for name, landed := range map[string]bool{"before the modify": false, "after the modify": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := queue.Limits{Caps: queue.Caps{Writes: 1}}
			b := limited(l)
			crash := sync.OnceValue(func() fault { return fault{err: &ldapwriter.UnknownOutcomeError{DC: dc}, landed: landed} })
			once := true
			b.directory.onWrite = func(ldapwriter.Job) fault {
				if once {
					once = false
					return crash()
				}
				return fault{}
			}
			r := b.submit(t, "ann", address.AddAlias, "a1@contoso.test")
			b.pass(t)
			b.wantState(t, r.ID, queue.Writing, cause.DCUnavailable)
			if used := b.used(t); used.Writes != 1 {
				t.Fatalf("%d writes count before the crash", used.Writes)
			}
			b.clock.Add(5 * time.Minute)
			b.restart("node-2", b.store, func(o *queue.Options) { o.Limits = l })
			b.pass(t)
			b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
			if used := b.used(t); used.Writes != 1 {
				t.Errorf("%d writes count", used.Writes)
			}
		})
	}
}

// TestPauseStopsTwoNodes: both nodes have claimed a request and are planning it when the switch is turned; neither writes.
func TestPauseStopsTwoNodes(t *testing.T) {
	t.Parallel()
	b := newBench()
	requests := openStore(t)
	planning, goOn := make(chan struct{}, 2), make(chan struct{})
	b.cloud.onLook = func(address.GUID) {
		planning <- struct{}{}
		<-goOn
	}
	var nodes []*queue.Runner
	for n := range 2 {
		b.restart(fmt.Sprint("node-", n), requests, func(o *queue.Options) { o.Now = time.Now })
		nodes = append(nodes, b.runner)
	}
	ids := []queue.RequestID{b.submit(t, "ann", address.AddAlias, "a1@contoso.test").ID, b.submit(t, "bob", address.AddAlias, "b1@contoso.test").ID}
	ctx := context.Background()
	if err := b.runner.ResolvePass(ctx); err != nil {
		t.Fatal(err)
	}
	var writing sync.WaitGroup
	for _, node := range nodes {
		writing.Go(func() {
			if one, err := node.WriteOne(ctx); err != nil || !one {
				t.Errorf("claimed: %v, %v", one, err)
			}
		})
		<-planning
	}
	if err := b.service.Pause(ctx, "admin"); err != nil {
		t.Fatal(err)
	}
	if stats, err := requests.Stats(ctx); err != nil || stats.InFlight != 0 || stats.ByState[queue.Writing] != 2 {
		t.Fatalf("%d are on their way, %d are in writing: %v", stats.InFlight, stats.ByState[queue.Writing], err)
	}
	close(goOn)
	writing.Wait()
	for _, id := range ids {
		r, err := requests.Get(ctx, id)
		if err != nil || r.State != queue.Queued || r.Cause == nil || r.Cause.Code != cause.Paused || r.Intent != nil {
			t.Errorf("got %+v, %v", r, err)
		}
	}
	if len(b.directory.writes) != 0 {
		t.Errorf("%d modifies were sent after the pause", len(b.directory.writes))
	}
}

// TestPausedInDoubtIsReadOnly: while all writing is stopped, a request in doubt is read. Where its modify landed, that is
// found out; where not, it waits, and is written after.
func TestPausedInDoubtIsReadOnly(t *testing.T) {
	t.Parallel()
	for _, landed := range []bool{true, false} {
		b := newBench()
		b.directory.onWrite = func(ldapwriter.Job) fault { return fault{err: &ldapwriter.UnknownOutcomeError{DC: dc}, landed: landed} }
		r := b.submit(t, "ann", address.AddAlias, "a1@contoso.test")
		b.pass(t)
		b.directory.onWrite = func(ldapwriter.Job) fault {
			t.Error("a modify was sent")
			return fault{}
		}
		b.directory.writes = nil
		if err := b.service.Pause(context.Background(), "admin"); err != nil {
			t.Fatal(err)
		}
		b.clock.Add(5 * time.Minute)
		b.pass(t)
		if landed {
			b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
			continue
		}
		b.wantState(t, r.ID, queue.Queued, cause.Paused) // the DC shows that nothing was written
		if stats, err := b.store.Stats(context.Background()); err != nil || stats.InFlight != 0 {
			t.Errorf("%d are on their way: %v", stats.InFlight, err)
		}
		b.directory.onWrite = nil
		if err := b.service.Resume(context.Background(), "admin"); err != nil {
			t.Fatal(err)
		}
		b.clock.Add(5 * time.Minute)
		b.pass(t)
		b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
	}
}

// TestPaceSpreadsEvenly: two nodes together send one modify per slot, and a single one at once.
func TestPaceSpreadsEvenly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const holders, every = 12, 100 * time.Millisecond
		b := newBench()
		b.store = storetest.NewModel()
		var at []time.Time
		b.directory.onWrite = func(ldapwriter.Job) fault { // under the directory's lock
			at = append(at, time.Now())
			return fault{}
		}
		for n := range holders {
			b.directory.add(byte(n+10), fmt.Sprint("user", n), address.Values{Mail: fmt.Sprintf("user%d@contoso.test", n),
				Proxies: address.Set{address.Proxy(fmt.Sprintf("SMTP:user%d@contoso.test", n))}})
		}
		b.cloud.sync()
		running, stop := context.WithCancel(context.Background())
		var nodes sync.WaitGroup
		for node := range 2 {
			b.restart(fmt.Sprint("node-", node), b.store, func(o *queue.Options) {
				o.Now, o.Poll, o.Workers = time.Now, time.Second, 4
				o.Limits = queue.Limits{Pace: queue.Pace{Writes: 10, Within: time.Second}}
			})
			runner := b.runner
			nodes.Go(func() { _ = runner.Run(running) })
		}
		for n := range holders {
			b.from(t, "import", "", fmt.Sprint("user", n), address.Address(fmt.Sprintf("alias%d@contoso.test", n)))
		}
		time.Sleep(holders*every + 3*time.Second) // of the bubble's clock
		stop()
		nodes.Wait()
		if len(at) != holders {
			t.Fatalf("%d of %d were written", len(at), holders)
		}
		for i := 1; i < holders; i++ {
			if gap := at[i].Sub(at[i-1]); gap != every {
				t.Errorf("write %d came %s after the one before, want %s", i, gap, every)
			}
		}
	})
}

// TestASlowPaceHoldsNothing: what would wait for long goes back to its line without counting a try, and goes by itself.
func TestASlowPaceHoldsNothing(t *testing.T) {
	t.Parallel()
	b := limited(queue.Limits{Pace: queue.Pace{Writes: 1, Within: 5 * time.Minute}})
	ann, bob := b.submit(t, "ann", address.AddAlias, "a1@contoso.test"), b.submit(t, "bob", address.AddAlias, "b1@contoso.test")
	b.pass(t)
	b.wantState(t, ann.ID, queue.Written, cause.NotSyncedYet)
	b.wantState(t, bob.ID, queue.Queued, "")    // not even claimed
	b.clock.Add(5*time.Minute - 11*time.Second) // a sixth of the lease is what an attempt waits for, and that is 10 seconds
	b.pass(t)
	b.wantState(t, bob.ID, queue.Queued, "")
	b.clock.Add(11 * time.Second)
	b.pass(t)
	b.wantState(t, bob.ID, queue.Written, cause.NotSyncedYet)
	if got := b.get(t, bob.ID); got.Attempts != 0 || len(b.directory.writes) != 2 {
		t.Errorf("%d tries, %d writes", got.Attempts, len(b.directory.writes))
	}
}
