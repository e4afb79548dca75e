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

// TestRespelledMeanwhile has an administrator change the case of a value after it was read and before our modify arrives. AD compares
// without case, so the modify hits the value all the same. The write has to notice, and the administrator's value has to stay.
//
// The first case is seed 276809, turn 144 of the torture run on the embedded directory: an undo deletes the primary that it had named,
// the administrator makes that an alias of another primary at the same moment, and the alias is lost. What differs in case alone is the
// "smtp:" in front, which says whether the value is the primary.
func TestRespelledMeanwhile(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		change func(w *watched) address.Change
		edit   func(w *watched) site.Changes
		// kept is the administrator's value, lost what the holder is left with as long as the write does not notice.
		kept string
		lost []string
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
			kept: "smtp:watched", lost: []string{"SMTP:theirs"},
		},
		"the alias to promote is spelled otherwise": {
			change: func(w *watched) address.Change {
				return address.Change{Delete: proxySet(w.smtp("SMTP:watched", "smtp:alias")...), Add: proxySet(w.smtp("smtp:watched", "SMTP:alias")...),
					Mail: &address.MailChange{Old: w.mail("watched"), New: w.mail("alias")}}
			},
			edit: func(w *watched) site.Changes { return proxyEdit(w.smtp("smtp:alias"), w.smtp("smtp:ALIAS")) },
			kept: "smtp:ALIAS", lost: []string{"smtp:watched", "SMTP:alias"},
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := watch(t, nil)
			w.edit(t, w.guid, proxyEdit(nil, w.smtp("smtp:alias")))
			entry := read(t, w.writer, w.guid)
			var edited atomic.Bool // by the first modify; one that takes it back comes later
			w.answer(func(o directory.Operation) directory.Fault {
				if _, ok := o.Request.(*wire.Modify); ok && !edited.Swap(true) {
					w.edit(t, w.guid, c.edit(w))
				}
				return directory.Fault{}
			})
			_, err := w.writer.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: c.change(w)})
			left := w.stored(t, w.guid).Proxies
			var slip *ldapwriter.SlippedError
			noticed := errors.Is(err, ldapwriter.ErrConflict) || errors.As(err, &slip)
			knownToFail(t, noticed && left.Has(proxySet(w.smtp(c.kept)...)[0]), err == nil && left.Equal(proxySet(w.smtp(c.lost...)...)))
			if t.Failed() {
				t.Logf("the write gives %v and leaves %q", err, left)
			}
		})
	}
}

// knownToFail marks a promise that is known not to be kept. The test is skipped where it is broken in the known way, and fails where
// it is broken in another one, or holds.
func knownToFail(t *testing.T, holds, broken bool) {
	t.Helper()
	switch {
	case holds:
		t.Error("fixed: remove the mark")
	case broken:
		t.Skip(`known: the administrator's change of case is lost; the issue "The write path keeps its promises" fixes it`)
	default:
		t.Error("this fails in another way than the known one")
	}
}
