package ldapwriter_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/share"
)

// TestReadsByPeopleLeaveConnectionsForWrites: the directory takes its time over what people ask, and many more of them wait. A read of
// the write path finds a connection at once, and what people ask is counted.
func TestReadsByPeopleLeaveConnectionsForWrites(t *testing.T) {
	t.Parallel()
	w := watch(t, func(o *ldapwriter.Options) { o.Connections = 2 })
	entered, answer := make(chan struct{}, 1), make(chan struct{})
	w.answer(func(o directory.Operation) directory.Fault {
		s, ok := o.Request.(*wire.Search)
		if !ok {
			return directory.Fault{}
		}
		if filter, err := ldap.DecompileFilter(s.Filter); err == nil && strings.Contains(filter, "slowly") {
			select {
			case entered <- struct{}{}:
			default:
			}
			<-answer
		}
		return directory.Fault{}
	})
	tally := &share.Tally{}
	people := share.WithTally(t.Context(), tally)
	var asking sync.WaitGroup
	for range 20 {
		asking.Go(func() {
			if _, err := w.writer.Find(people, "slowly@contoso.test"); err == nil {
				t.Error("somebody was found")
			}
		})
	}
	<-entered
	if _, err := w.writer.Read(t.Context(), w.guid, ldapwriter.Prior{}); err != nil {
		t.Errorf("a read of the write path: %v", err)
	}
	close(answer)
	asking.Wait()
	if tally.Cost() < 20 {
		t.Errorf("20 look-ups were counted as %d", tally.Cost())
	}
}
