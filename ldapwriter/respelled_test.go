package ldapwriter_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/ldapwriter"
)

// TestRespelledMeanwhile has an administrator change a value after it was read and before our modify arrives. AD compares without case, so
// the modify hits the value all the same. The write has to notice, and the administrator's value has to stay.
//
// The first case is seed 276809, turn 144 of the torture run on the embedded directory: an undo deletes the primary that it had named,
// the administrator makes that an alias of another primary at the same moment, and the alias was lost. What differs in case alone is the
// "smtp:" in front, which says whether the value is the primary.
func TestRespelledMeanwhile(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		change func(w *watched) address.Change
		edit   func(w *watched) site.Changes
		left   []string // as the administrator wants it
	}{
		"the primary to delete becomes an alias": {
			change: func(w *watched) address.Change {
				return address.Change{Delete: proxySet(w.smtp("SMTP:watched", "smtp:alias")...)}
			},
			edit: func(w *watched) site.Changes {
				edit := proxyEdit(w.smtp("SMTP:watched"), w.smtp("smtp:watched", "SMTP:theirs"))
				edit.Replace = map[string][]string{"mail": {w.mail("theirs")}}
				return edit
			},
			left: []string{"smtp:watched", "smtp:alias", "SMTP:theirs"},
		},
		"the alias to delete becomes the primary": {
			change: func(w *watched) address.Change { return address.Change{Delete: proxySet(w.smtp("smtp:alias")...)} },
			edit: func(w *watched) site.Changes {
				return proxyEdit(w.smtp("SMTP:watched", "smtp:alias"), w.smtp("smtp:watched", "SMTP:alias"))
			},
			left: []string{"smtp:watched", "SMTP:alias"},
		},
		"another primary, where mail is not the primary": {
			change: func(w *watched) address.Change {
				return address.Change{Delete: proxySet(w.smtp("SMTP:watched", "smtp:alias")...), Add: proxySet(w.smtp("smtp:watched", "SMTP:alias")...)}
			},
			edit: func(w *watched) site.Changes {
				return proxyEdit(w.smtp("SMTP:watched"), w.smtp("smtp:watched", "SMTP:theirs"))
			},
			left: []string{"smtp:watched", "smtp:alias", "SMTP:theirs"},
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			left, err := writeAround(t, c.change, c.edit)
			var slip *ldapwriter.SlippedError
			if !errors.As(err, &slip) || !slip.TakenBack || slip.Remains {
				t.Errorf("got %v, wanted a slip that was taken back", err)
			}
			if want := left.watched.smtp(c.left...); !left.Proxies.Equal(proxySet(want...)) {
				t.Errorf("%q is left, want %q", left.Proxies, want)
			}
		})
	}
}

// Where somebody has changed nothing but the case of a value that is deleted or becomes the primary, all is there as it was meant, and
// AD has no way to tell that their spelling is gone (docs/torture.md, "What no run can show").
func TestASpellingThatADHides(t *testing.T) {
	t.Parallel()
	left, err := writeAround(t, func(w *watched) address.Change {
		return address.Change{Delete: proxySet(w.smtp("SMTP:watched", "smtp:alias")...), Add: proxySet(w.smtp("smtp:watched", "SMTP:alias")...),
			Mail: &address.MailChange{Old: w.mail("watched"), New: w.mail("alias")}}
	}, func(w *watched) site.Changes { return proxyEdit(w.smtp("smtp:alias"), w.smtp("smtp:ALIAS")) })
	if want := left.watched.smtp("smtp:watched", "SMTP:alias"); err != nil || !left.Proxies.Equal(proxySet(want...)) {
		t.Errorf("the write gives %v and leaves %q; if AD tells it after all, the docs have to change", err, left.Proxies)
	}
}

// outcome is what a write left of a holder.
type outcome struct {
	*watched
	address.Values
}

// writeAround writes to a holder with a primary and an alias, and has an edit come in right before the first modify.
func writeAround(t *testing.T, change func(*watched) address.Change, edit func(*watched) site.Changes) (outcome, error) {
	t.Helper()
	w := watch(t, nil)
	w.edit(t, w.guid, proxyEdit(nil, w.smtp("smtp:alias")))
	entry := read(t, w.writer, w.guid)
	var edited atomic.Bool // by the first modify; one that takes it back comes later
	w.answer(func(o directory.Operation) directory.Fault {
		if _, ok := o.Request.(*wire.Modify); ok && !edited.Swap(true) {
			w.edit(t, w.guid, edit(w))
		}
		return directory.Fault{}
	})
	_, err := w.writer.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: change(w)})
	return outcome{w, w.stored(t, w.guid)}, err
}
