package queue_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// A request that finds nothing to do writes nothing, is never told as written, and is verified by the cloud all the same.
func TestNothingToWriteIsToldAsSuch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		action  address.Action
		address address.Address
		want    string
	}{
		{address.RemoveAlias, "nothere@contoso.test", "nothing had to be written: bob has no alias nothere@contoso.test on-premises"},
		{address.AddAlias, "robert@contoso.test", "nothing had to be written: bob already has smtp:robert@contoso.test on-premises"},
		{address.SetPrimary, "bob@contoso.test", "nothing had to be written: bob@contoso.test is the primary of bob on-premises already"},
	} {
		t.Run(string(test.action), func(t *testing.T) {
			t.Parallel()
			b := newBench()
			b.directory.edit(b.find(t, "bob"), address.Values{Mail: "bob@contoso.test",
				Proxies: address.Set{"SMTP:bob@contoso.test", "smtp:robert@contoso.test"}})
			b.cycle(t)
			r := b.submit(t, "bob", test.action, test.address)
			b.pass(t)
			idle := b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
			if !idle.WroteNothing() || !slices.Contains(idle.Notes, test.want) || !strings.HasPrefix(idle.Cause.Message, test.want) {
				t.Errorf("wrote nothing: %v; notes %q; cause %s", idle.WroteNothing(), idle.Notes, idle.Cause.Message)
			}
			if len(b.directory.writes) > 0 {
				t.Errorf("it sent %+v", b.directory.writes)
			}
			b.saysNoWrite(t, r.ID)
			for range 2 {
				b.cycle(t)
				b.saysNoWrite(t, r.ID)
			}
			b.wantState(t, r.ID, queue.Verified, "")
		})
	}
}

func (b *bench) find(t *testing.T, account string) address.GUID {
	t.Helper()
	e, err := b.directory.Find(context.Background(), account)
	if err != nil {
		t.Fatal(err)
	}
	return e.GUID
}

// saysNoWrite fails where the request or its story says that something was written.
func (b *bench) saysNoWrite(t *testing.T, id queue.RequestID) {
	t.Helper()
	events, err := b.store.Events(context.Background(), id, queue.Part{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.What == "written" || e.Cause != nil && (strings.Contains(e.Cause.Message, "the write") || strings.Contains(e.Cause.Message, "written on-premises")) &&
			!strings.HasPrefix(e.Cause.Message, "nothing had to be written") {
			t.Errorf("%s: %+v", e.What, e.Cause)
		}
	}
}

// Somebody who was faster wrote it, not we; and after a crash in the middle of a modify nobody says that nothing was written.
func TestWhoWroteIt(t *testing.T) {
	t.Parallel()
	want := address.Values{Mail: "bob@contoso.test", Proxies: address.Set{"SMTP:bob@contoso.test", "smtp:robert@contoso.test"}}
	t.Run("somebody was faster", func(t *testing.T) {
		t.Parallel()
		b := newBench()
		bob := b.find(t, "bob")
		b.directory.onWrite = func(ldapwriter.Job) fault {
			b.directory.onWrite = nil
			b.directory.holders[bob].Values = want
			return fault{err: ldapwriter.ErrConflict}
		}
		r := b.submit(t, "bob", address.AddAlias, "robert@contoso.test")
		b.pass(t)
		if idle := b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet); !idle.WroteNothing() {
			t.Errorf("it says that it wrote: %+v", idle.Receipt)
		}
	})
	t.Run("a lost answer, and an edit beside it", func(t *testing.T) {
		t.Parallel()
		b := newBench()
		bob := b.find(t, "bob")
		b.directory.onWrite = func(ldapwriter.Job) fault {
			return fault{err: &ldapwriter.UnknownOutcomeError{DC: dc}, landed: true}
		}
		r := b.submit(t, "bob", address.AddAlias, "robert@contoso.test")
		b.pass(t)
		// The modify named the primary too; somebody rewrites that in another case, so the intent does not stand as a whole.
		b.directory.edit(bob, address.Values{Mail: "bob@contoso.test", Proxies: address.Set{"SMTP:Bob@contoso.test", "smtp:robert@contoso.test"}})
		b.clock.Add(time.Hour)
		b.pass(t)
		if q := b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet); q.WroteNothing() || strings.Contains(q.Cause.Message, "nothing had to be") {
			t.Errorf("it says that nothing was written: %+v", q.Cause)
		}
	})
}
