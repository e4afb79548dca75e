package queue_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// world runs requests, retries, faults, crashes and syncs in any order, and knows what must hold all the while.
type world struct {
	*bench
	t      *rapid.T
	ids    []queue.RequestID
	starts int
	// crashed is the store's answer from a crash on, until the next start.
	crashed bool
}

// crashStore is the store of a program that may be dead: nothing gets through any more.
type crashStore struct {
	queue.Store
	w *world
}

var errDead = errors.New("the program is dead")

func (s crashStore) Advance(ctx context.Context, t queue.Transition) (queue.Request, error) {
	if s.w.crashed {
		return queue.Request{}, errDead
	}
	return s.Store.Advance(ctx, t)
}

func (w *world) start() {
	w.starts++
	w.crashed = false
	w.restart(fmt.Sprintf("node-%d", w.starts), crashStore{Store: w.store, w: w})
}

var pool = []address.Address{"a@contoso.test", "b@contoso.test", "c@contoso.test", "ann@contoso.test", "bob@contoso.test"}

func (w *world) submitSome() {
	holder := rapid.SampledFrom([]string{"ann", "bob", "ann@contoso.test"}).Draw(w.t, "holder")
	action := rapid.SampledFrom([]address.Action{address.AddAlias, address.AddAlias, address.RemoveAlias, address.SetPrimary}).Draw(w.t, "action")
	r := w.submit(w.t, holder, action, rapid.SampledFrom(pool).Draw(w.t, "address"))
	w.ids = append(w.ids, r.ID)
}

func (w *world) undoSome() {
	if len(w.ids) == 0 {
		return
	}
	r, _, err := w.service.Undo(context.Background(), rapid.SampledFrom(w.ids).Draw(w.t, "undo"), queue.Submission{}, "")
	if err == nil {
		w.ids = append(w.ids, r.ID)
	}
}

func (w *world) resolve() { _ = w.runner.ResolvePass(context.Background()) }

// write lets one request be written, with a fault that is drawn.
func (w *world) write() {
	lost := &ldapwriter.UnknownOutcomeError{DC: dc, Err: errors.New("reset")}
	faults := map[string]func(){
		"none":     func() {},
		"conflict": func() { w.faultOnce(fault{err: ldapwriter.ErrConflict}) },
		"busy":     func() { w.faultOnce(fault{err: cause.Wait(cause.DirectoryUnavailable, "busy")}) },
		"lost":     func() { w.faultOnce(fault{err: lost}) },
		"landed":   func() { w.faultOnce(fault{err: lost, landed: true}) },
		"away":     func() { w.directory.away = cause.Wait(cause.DirectoryUnavailable, "no answer") },
		"crash before the modify": func() {
			w.directory.onWrite = func(ldapwriter.Job) fault { w.crashed = true; return fault{err: errDead} }
		},
		"crash after the modify": func() {
			w.directory.onWrite = func(ldapwriter.Job) fault { w.crashed = true; return fault{} }
		},
	}
	names := []string{"none", "none", "conflict", "busy", "lost", "landed", "away", "crash before the modify", "crash after the modify"}
	faults[rapid.SampledFrom(names).Draw(w.t, "fault")]()
	_, _ = w.runner.WriteOne(context.Background())
	w.directory.away, w.directory.onWrite = nil, nil
	if w.crashed {
		w.start()
	}
}

func (w *world) faultOnce(f fault) {
	done := false
	w.directory.onWrite = func(ldapwriter.Job) fault {
		if done {
			return fault{}
		}
		done = true
		return f
	}
}

func (w *world) wait() {
	w.clock.Add(time.Duration(rapid.IntRange(1, 100).Draw(w.t, "seconds")) * time.Second)
}

func (w *world) syncAndSweep() {
	w.cloud.sync()
	_ = w.runner.Sweep(context.Background())
}

// settle lets everything come to rest without further faults.
func (w *world) settle() {
	for range 40 {
		w.clock.Add(2 * time.Minute)
		w.pass(w.t)
		w.cycle(w.t)
		if w.atRest() {
			return
		}
	}
}

func (w *world) atRest() bool {
	for _, id := range w.ids {
		if !w.get(w.t, id).State.Final() {
			return false
		}
	}
	return true
}

// mustHold checks what has to be true at rest.
func (w *world) mustHold() {
	last := map[address.GUID]int64{} // the newest request written for a holder so far, in the order of writing
	for _, r := range w.inOrderOfWriting() {
		if r.Seq < last[r.Object] {
			w.t.Fatalf("request %d of %s was written after request %d", r.Seq, r.Holder, last[r.Object])
		}
		last[r.Object] = r.Seq
	}
	for _, id := range w.ids {
		r := w.get(w.t, id)
		if !r.State.Final() {
			w.t.Fatalf("request %d (%s %s for %s) rests in %s: %+v", r.Seq, r.Action, r.Address, r.Holder, r.State, r.Cause)
		}
	}
	w.mustStand()
}

// inOrderOfWriting gives the requests that were written, in the order of their events.
func (w *world) inOrderOfWriting() []queue.Request {
	at := map[queue.RequestID]int64{}
	var written []queue.Request
	for _, id := range slices.Compact(slices.Sorted(slices.Values(w.ids))) {
		events, err := w.store.Events(context.Background(), id, queue.Part{})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range events {
			if e.What == "written" {
				at[id] = e.ID
				written = append(written, w.get(w.t, id))
			}
		}
	}
	slices.SortFunc(written, func(a, b queue.Request) int { return cmp.Compare(at[a.ID], at[b.ID]) })
	return written
}

// mustStand checks the directory against the last written word on each address of each holder.
func (w *world) mustStand() {
	type name struct {
		holder  address.GUID
		address address.Key
	}
	words := map[name]queue.Request{}
	for _, r := range w.inOrderOfWriting() {
		for _, want := range r.Expectation.Wants {
			words[name{r.Object, want.Address.Key()}] = r
		}
	}
	for n, r := range words {
		found := held(w.directory.values(n.holder), address.Address(n.address))
		for _, want := range r.Expectation.Wants {
			if want.Address.Key() != n.address {
				continue
			}
			if absent := want.Role == address.RoleAbsent; absent != (len(found) == 0) {
				w.t.Fatalf("%s shall be %s by request %d (%s), but the directory has %v", n.address, want.Role, r.Seq, r.State, found)
			}
		}
	}
	for guid, e := range w.directory.holders {
		if len(e.Proxies.Primaries()) > 1 || (len(e.Proxies.SMTP()) > 0 && len(e.Proxies.Primaries()) == 0) {
			w.t.Fatalf("%s ends without exactly one primary: %v", guid, e.Proxies)
		}
	}
	if !w.directory.values(address.GUID{1, 1}).Proxies.Has("X500:/o=Contoso/cn=ann") {
		w.t.Fatal("the X500 value that nobody named is gone")
	}
}

// held is how a holder has an address: as values of proxyAddresses or, where there are none, as its mail.
func held(v address.Values, a address.Address) []address.Proxy {
	if len(v.Proxies.SMTP()) == 0 && a.Equal(address.Address(v.Mail)) {
		return []address.Proxy{address.Primary(a)}
	}
	return v.Proxies.Find(a)
}

func TestAnyInterleavingKeepsOrderAndLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{bench: newBench(), t: t}
		w.start()
		t.Repeat(map[string]func(*rapid.T){
			"submit":  func(t *rapid.T) { w.t = t; w.submitSome() },
			"undo":    func(t *rapid.T) { w.t = t; w.undoSome() },
			"resolve": func(t *rapid.T) { w.t = t; w.resolve() },
			"write":   func(t *rapid.T) { w.t = t; w.write() },
			"wait":    func(t *rapid.T) { w.t = t; w.wait() },
			"sync":    func(t *rapid.T) { w.t = t; w.syncAndSweep() },
		})
		w.t = t
		w.settle()
		w.mustHold()
	})
}
