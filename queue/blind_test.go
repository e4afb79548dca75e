package queue_test

import (
	"context"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// blind is a directory whose account may not read uSNChanged and replPropertyMetaData: ldapwriter gives 0 and nil then.
type blind struct{ *directory }

func (d blind) Read(ctx context.Context, id address.GUID, p ldapwriter.Prior) (ldapwriter.Entry, error) {
	e, err := d.directory.Read(ctx, id, p)
	e.USNChanged, e.Stamps = 0, nil
	return e, err
}

func newBlindBench() *bench {
	b := newBench()
	b.restart("node-1", b.store, func(o *queue.Options) { o.Directory = blind{b.directory} })
	return b
}

// A modify landed without an answer, and somebody edits the holder: nothing shows that it did not land.
func TestWithoutUSNsADoubtCannotBeCancelled(t *testing.T) {
	t.Parallel()
	b := newBlindBench()
	b.directory.onWrite = func(ldapwriter.Job) fault { return lost(true) }
	r := b.submit(t, "ann", address.SetPrimary, "p@contoso.test")
	b.pass(t)
	ann := b.get(t, r.ID).Object
	v := b.directory.values(ann)
	v.Mail = "theirs@contoso.test"
	b.directory.edit(ann, v)
	b.cloud.away = cause.Wait(cause.CloudUnavailable, "Graph is away")
	b.clock.Add(2 * time.Minute)
	b.pass(t)
	_, err := b.service.Cancel(t.Context(), r.ID, "admin")
	got := b.get(t, r.ID)
	if got.State == queue.Cancelled || got.State == queue.Queued {
		t.Errorf("cancel gave %v, it is %s, and the directory has %q", err, got.State, b.directory.values(ann).Proxies)
	}
}

// The same with an undo.
func TestWithoutUSNsADoubtIsNotRefused(t *testing.T) {
	t.Parallel()
	b := newBlindBench()
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	removed := b.submit(t, "ann", address.RemoveAlias, "a@contoso.test")
	b.clock.Add(time.Hour)
	b.pass(t)
	b.wantState(t, removed.ID, queue.Written, cause.NotSyncedYet)
	undo := b.undo(t, removed.ID, "")
	b.directory.onWrite = func(ldapwriter.Job) fault { return lost(true) } // smtp:a is back by us
	b.pass(t)
	ann := b.get(t, r.ID).Object
	v := b.directory.values(ann)
	v.Proxies = v.Proxies.Without("smtp:a@contoso.test").With("smtp:A@contoso.test") // and somebody spells it otherwise
	b.directory.edit(ann, v)
	b.clock.Add(2 * time.Minute)
	b.pass(t)
	if got := b.get(t, undo.ID); got.State == queue.Refused {
		t.Errorf("the undo is refused (%s), and the directory has %q by it", got.Cause.Code, b.directory.values(ann).Proxies)
	}
}

// Somebody who was faster once is no value that is equal for ever.
func TestWithoutUSNsARaceIsNoEqualValue(t *testing.T) {
	t.Parallel()
	b := newBlindBench()
	first := true
	var ann address.GUID
	b.directory.onWrite = func(j ldapwriter.Job) fault {
		if !first {
			return fault{}
		}
		first, ann = false, j.Entry.GUID
		e := b.directory.holders[ann] // somebody adds the alias a moment before us: AD answers 20
		e.Proxies = e.Proxies.With("smtp:p@contoso.test")
		e.USNChanged++
		return fault{err: &ldapwriter.ExistsError{Err: ldapwriter.ErrConflict}}
	}
	r := b.submit(t, "ann", address.SetPrimary, "p@contoso.test")
	b.pass(t)
	if got := b.get(t, r.ID); got.State != queue.Written {
		t.Errorf("it is %s: %+v", got.State, got.Cause)
	}
}
