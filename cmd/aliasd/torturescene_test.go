//go:build !windows

package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/torture"
	"github.com/aliasd/aliasd/queue"
)

// scenes are orders of events that a random load meets seldom.
func scenes() map[string]func(context.Context, *torture.Scene) error {
	return map[string]func(context.Context, *torture.Scene) error{
		"an add waits for its retry while its removal comes in": addThenRemove,
		"two holders ask for one address at once":               twoForOne,
		"one holder by two names":                               oneByTwoNames,
		"killed while a foreign edit stands in the way":         killedBesideAnEdit,
		"a modify arrives late, and its removal comes in":       lateBehindARemoval,
		"an undo of what was asked for again since":             undoOfWhatCameAgain,
	}
}

// What happens in an order that is made to happen ends as it has to, on both directories.
func TestTortureScenes(t *testing.T) {
	needTime(t)
	onBoth(t, func(t *testing.T, kind lab.Kind) {
		w := openWorld(t, kind)
		seed := uint64(8000)
		for name, play := range scenes() {
			seed++
			seed := seed
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				playScene(t, w, seed, torture.Options{}, play)
			})
		}
	})
}

func playScene(t *testing.T, w *torture.World, seed uint64, o torture.Options, play func(context.Context, *torture.Scene) error) {
	t.Helper()
	o.Launch, o.Dir = launch, t.TempDir()
	o = atTheRightSpeed(o)
	run, err := w.Scene(context.Background(), seed, o, play)
	if err != nil {
		t.Errorf("%v\n%s", err, run.Deeds())
	}
	for _, v := range run.Violations {
		t.Error(v)
	}
}

// addThenRemove: the tenant is away when the add is to be written, so it waits; its removal has to wait behind it.
func addThenRemove(ctx context.Context, s *torture.Scene) error {
	if err := s.Start(ctx, 0, torture.Passage{}); err != nil {
		return err
	}
	s.Proxy.Refuse(true)
	s.Proxy.CutAll()
	addr := s.At("late")
	added, err := s.Ask(ctx, 0, address.AddAlias, s.UPN(torture.Full), addr)
	if err != nil {
		return err
	}
	removed, err := s.Ask(ctx, 0, address.RemoveAlias, s.Account(torture.Full), addr)
	if err != nil {
		return err
	}
	time.Sleep(300 * time.Millisecond) // some tries in vain
	s.Proxy.Refuse(false)
	r, err := s.Until(ctx, 0, removed, queue.Verified)
	if err != nil {
		return err
	}
	first, err := s.Until(ctx, 0, added, queue.Superseded, queue.Verified)
	holds, held := s.Holds(torture.Full, addr)
	return errors.Join(err, held,
		torture.Expect(!holds, "the address stands there"),
		torture.Expect(first.WrittenAt.Before(r.WrittenAt), "the removal was written at %s, the add at %s", r.WrittenAt, first.WrittenAt),
		torture.Expect(s.Writes(torture.Full) == 2, "there were %d writes", s.Writes(torture.Full)))
}

// twoForOne: one of them gets it, the other one is refused.
func twoForOne(ctx context.Context, s *torture.Scene) error {
	if err := s.Start(ctx, 0, torture.Passage{}); err != nil {
		return err
	}
	type answer struct {
		id  queue.RequestID
		err error
	}
	answers := make(chan answer, 2)
	ids := make([]queue.RequestID, 2)
	for i, holder := range []int{torture.Full, torture.Second} {
		// Ask keeps account, so the calls are made one after the other; both wait together for their holders.
		id, err := s.Ask(ctx, 0, address.AddAlias, s.UPN(holder), s.At("wanted"))
		answers <- answer{id, err}
		ids[i] = id
	}
	for range 2 {
		if a := <-answers; a.err != nil {
			return a.err
		}
	}
	won, refused := 0, 0
	for _, id := range ids {
		r, err := s.Until(ctx, 0, id, queue.Verified, queue.Refused)
		if err != nil {
			return err
		}
		if r.State == queue.Verified {
			won++
			continue
		}
		refused++
		if r.Cause == nil || r.Cause.Code != cause.AddressBusy && r.Cause.Code != cause.HeldOnPremises {
			return torture.Expect(false, "it is refused as %v", r.Cause)
		}
	}
	return torture.Expect(won == 1 && refused == 1, "%d got it and %d were refused", won, refused)
}

// oneByTwoNames: the order of acceptance holds though only the directory knows that both names are one's.
func oneByTwoNames(ctx context.Context, s *torture.Scene) error {
	if err := s.Start(ctx, 0, torture.Passage{}); err != nil {
		return err
	}
	addr := s.At("both")
	var last queue.RequestID
	for i, identity := range []string{s.UPN(torture.Full), s.Account(torture.Full), s.UPN(torture.Full), s.GUID(torture.Full), s.Account(torture.Full)} {
		action := address.AddAlias
		if i%2 == 1 {
			action = address.RemoveAlias
		}
		id, err := s.Ask(ctx, 0, action, identity, addr)
		if err != nil {
			return err
		}
		last = id
	}
	_, err := s.Until(ctx, 0, last, queue.Verified)
	holds, held := s.Holds(torture.Full, addr)
	return errors.Join(err, held, torture.Expect(holds, "the last word was to add it"))
}

// killedBesideAnEdit: the daemon dies with its intent stored and nothing sent. Somebody removes an old alias meanwhile; the next
// life has to leave it removed.
func killedBesideAnEdit(ctx context.Context, s *torture.Scene) error {
	if err := s.Start(ctx, 0, torture.Passage{Point: torture.Point{Place: torture.Intent, Moment: torture.After}, N: 1}); err != nil {
		return err
	}
	id, err := s.Ask(ctx, 0, address.SetPrimary, s.UPN(torture.Full), s.At("new"))
	if err != nil {
		return err
	}
	if err := s.Asleep(ctx, 0); err != nil {
		return err
	}
	s.Kill(0)
	alias := address.Secondary(address.Address(s.At("Full.Old")))
	if err := s.Edit(ctx, torture.Full, []address.Proxy{alias}, nil); err != nil {
		return err
	}
	if err := s.Start(ctx, 0, torture.Passage{}); err != nil {
		return err
	}
	_, err = s.Until(ctx, 0, id, queue.Verified)
	holds, held := s.Holds(torture.Full, s.At("full.old"))
	return errors.Join(err, held, torture.Expect(!holds, "the alias that was removed is back"))
}

// lateBehindARemoval: the answer to an add is lost, and it arrives only after that. Its removal has to wait for it.
func lateBehindARemoval(ctx context.Context, s *torture.Scene) error {
	s.Delay(1, 2)
	if err := s.Start(ctx, 0, torture.Passage{}); err != nil {
		return err
	}
	addr := s.At("slow")
	added, err := s.Ask(ctx, 0, address.AddAlias, s.UPN(torture.Full), addr)
	if err != nil {
		return err
	}
	removed, err := s.Ask(ctx, 0, address.RemoveAlias, s.UPN(torture.Full), addr)
	if err != nil {
		return err
	}
	first, failed := s.Until(ctx, 0, added, queue.Superseded, queue.Verified)
	_, err = s.Until(ctx, 0, removed, queue.Verified)
	if err := errors.Join(failed, err, s.Late(ctx, torture.Full)); err != nil {
		return err
	}
	holds, held := s.Holds(torture.Full, addr)
	return errors.Join(held,
		torture.Expect(!holds, "the address is back"),
		torture.Expect(!first.WrittenAt.IsZero(), "the add says that it was not written"),
		torture.Expect(s.Writes(torture.Full) == 2, "there were %d writes", s.Writes(torture.Full)))
}

// undoOfWhatCameAgain: an alias is added, removed and added again; what stands there is not the first request's.
func undoOfWhatCameAgain(ctx context.Context, s *torture.Scene) error {
	if err := s.Start(ctx, 0, torture.Passage{}); err != nil {
		return err
	}
	addr := s.At("again")
	var asked []queue.RequestID
	for _, action := range []address.Action{address.AddAlias, address.RemoveAlias, address.AddAlias} {
		id, err := s.Ask(ctx, 0, action, s.UPN(torture.Full), addr)
		if err != nil {
			return err
		}
		if _, err := s.Until(ctx, 0, id, queue.Verified); err != nil {
			return err
		}
		asked = append(asked, id)
	}
	undo, err := s.Undo(ctx, 0, asked[0])
	if err != nil {
		return err
	}
	r, err := s.Until(ctx, 0, undo, queue.Refused, queue.Verified)
	holds, held := s.Holds(torture.Full, addr)
	return errors.Join(err, held,
		torture.Expect(holds, "the later request's alias is gone"),
		torture.Expect(r.Cause != nil && r.Cause.Code == cause.ChangedSince, "the undo is %s: %v", r.State, r.Cause))
}

// A daemon that falls asleep at a write and wakes up when its lease is over writes nothing any more. Behind the last look at the lease that
// cannot be kept: then what it does is taken back.
func TestTortureLateOwner(t *testing.T) {
	needTime(t)
	w := openWorld(t, lab.Embedded)
	for i, at := range []torture.Place{torture.Claim, torture.Intent, torture.Confirm, torture.Receipt} {
		for j, moment := range []torture.Moment{torture.Before, torture.After} {
			point := torture.Point{Place: at, Moment: moment}
			t.Run(strings.ReplaceAll(point.String(), ":", " "), func(t *testing.T) {
				t.Parallel()
				o := torture.Options{Shape: torture.Shape{Nodes: 2}}
				o.Database, o.Archive = tortureDatabase(t)
				playScene(t, w, uint64(8100+2*i+j), o, lateOwner(point))
			})
		}
	}
}

// lateOwner: one node falls asleep at a point, another takes over, writes, and takes the address away again for a later request;
// then the first one wakes up.
func lateOwner(at torture.Point) func(context.Context, *torture.Scene) error {
	return func(ctx context.Context, s *torture.Scene) error {
		if err := s.Start(ctx, 0, torture.Passage{Point: at, N: 1}); err != nil {
			return err
		}
		addr := s.At("sleepy")
		added, err := s.Ask(ctx, 0, address.AddAlias, s.UPN(torture.Full), addr)
		if err != nil {
			return err
		}
		if err := errors.Join(s.Asleep(ctx, 0), s.Start(ctx, 1, torture.Passage{})); err != nil {
			return err
		}
		if _, err := s.Until(ctx, 1, added, queue.Written, queue.Verified); err != nil {
			return err
		}
		removed, err := s.Ask(ctx, 1, address.RemoveAlias, s.UPN(torture.Full), addr)
		if err != nil {
			return err
		}
		if _, err := s.Until(ctx, 1, removed, queue.Verified); err != nil {
			return err
		}
		if err := s.Wake(0); err != nil {
			return err
		}
		if at == (torture.Point{Place: torture.Confirm, Moment: torture.After}) {
			if err := s.TakenBack(ctx, 0, added); err != nil {
				return err
			}
		}
		// It is awake when it takes requests and has brought one to its end.
		last, err := s.Ask(ctx, 0, address.AddAlias, s.UPN(torture.Full), s.At("after"))
		if err != nil {
			return err
		}
		_, err = s.Until(ctx, 0, last, queue.Verified)
		holds, held := s.Holds(torture.Full, addr)
		return errors.Join(err, held, torture.Expect(!holds, "the late owner wrote"))
	}
}

// A daemon alone that falls asleep behind its last look at the lease finds its own write when it wakes.
func TestTortureAsleepAlone(t *testing.T) {
	needTime(t)
	w := openWorld(t, lab.Embedded)
	playScene(t, w, 8200, torture.Options{}, func(ctx context.Context, s *torture.Scene) error {
		if err := s.Start(ctx, 0, torture.Passage{Point: torture.Point{Place: torture.Confirm, Moment: torture.After}, N: 1}); err != nil {
			return err
		}
		added, err := s.Ask(ctx, 0, address.AddAlias, s.UPN(torture.Full), s.At("alone"))
		if err != nil {
			return err
		}
		if err := s.Asleep(ctx, 0); err != nil {
			return err
		}
		time.Sleep(s.Lease() + time.Second) // it is asleep for longer than its lease
		if err := s.Wake(0); err != nil {
			return err
		}
		_, err = s.Until(ctx, 0, added, queue.Verified)
		holds, held := s.Holds(torture.Full, s.At("alone"))
		return errors.Join(err, held, torture.Expect(holds, "the alias is not there"),
			torture.Expect(s.Writes(torture.Full) == 1, "there were %d writes", s.Writes(torture.Full)))
	})
}
