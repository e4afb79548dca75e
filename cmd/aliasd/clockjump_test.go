package main

import (
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/faultproxy"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
)

// clocked is a wired stack whose daemon has a clock that jumps. The directory's and the tenant's go on as they should.
func clocked(t *testing.T) (*wired, *testClock) {
	t.Helper()
	clock := newTestClock()
	return newWired(t, lab.Embedded, tenant.Options{}, func(s *stack) { s.tuning.now = clock.Now }), clock
}

// sweeps lets some sweeps run: the tenant is asked again each time.
func (w *wired) sweeps(t *testing.T, n int) {
	t.Helper()
	want := w.Tenant.Calls().ByPath["/organization"] + n
	until(t, "some sweeps run", func() bool { return w.Tenant.Calls().ByPath["/organization"] >= want })
}

// A clock that jumps a day ahead makes no request late: the tenant's own clock tells how much time there was.
func TestTheClockJumpsAheadOfADeadline(t *testing.T) {
	t.Parallel()
	w, clock := clocked(t)
	r := w.submit(t, address.AddAlias, "jdoe", "j.doe@contoso.test")
	w.written(t, r.ID)
	w.graph.OnMessage(faultproxy.Times(1, func(m faultproxy.Message) bool {
		return m.Kind == faultproxy.Call && strings.HasSuffix(m.Path, "/organization")
	}, faultproxy.Fault{Before: func() { clock.Add(50 * time.Hour) }}))
	w.sweeps(t, 5)
	if waiting := w.get(t, r.ID); waiting.State != queue.Written || codeOf(waiting) != cause.NotSyncedYet {
		t.Errorf("after the jump it is %s: %+v", waiting.State, waiting.Cause)
	}
	contains(t, w.log.String(), "this machine's clock and the tenant's are apart")
	w.verify(t, r.ID)
}

// A clock that jumps ahead while a modify is on its way ends its lease. The next attempt waits for the one that is at work, and
// there is one modify and one receipt, which says what was written.
func TestTheClockJumpsDuringAWrite(t *testing.T) {
	t.Parallel()
	w, clock := clocked(t)
	takenOver := make(chan struct{})
	w.dc.OnMessage(faultproxy.Times(1, faultproxy.Is(faultproxy.Modify), faultproxy.Fault{Before: func() {
		clock.Add(time.Hour)
		<-takenOver
	}}))
	asked := w.submit(t, address.SetPrimary, "jdoe", "j.doe@contoso.test")
	func() {
		defer close(takenOver)
		w.until(t, asked.ID, "taken over", func(r requestJSON) bool { return steps(r, "taken over") > 0 })
	}()
	r := w.written(t, asked.ID)
	if n := w.dc.Count(faultproxy.Modify); n != 1 {
		t.Errorf("%d modifies", n)
	}
	if r.Receipt == nil || r.Receipt.Before.Mail != "jdoe@contoso.test" || r.Receipt.After.Mail != "j.doe@contoso.test" {
		t.Errorf("the receipt is %+v", r.Receipt)
	}
	w.verify(t, r.ID)
}

// A clock that was days ahead and is set right: what it put off until then goes on at once, what was written by it is judged, and
// a doubt is settled.
func TestTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	w, clock := clocked(t)
	const ahead = 72 * time.Hour
	clock.Add(ahead)
	written := w.submit(t, address.AddAlias, "carla", "c.ruiz@contoso.test")
	w.written(t, written.ID)
	w.dc.OnMessage(faultproxy.Times(-1, faultproxy.Is(faultproxy.Modify), faultproxy.Fault{Answer: &wire.Result{Code: ldap.LDAPResultBusy}}))
	busy := w.submit(t, address.AddAlias, "jdoe", "j.doe@contoso.test")
	w.untilState(t, busy.ID, queue.Queued, cause.DirectoryUnavailable)
	w.dc.OnMessage(func(m faultproxy.Message) faultproxy.Fault {
		if m.Kind != faultproxy.Modify {
			return faultproxy.Fault{}
		}
		return faultproxy.Fault{Before: func() { w.dc.Refuse(true) }, Action: faultproxy.PassAndCut}
	})
	doubt := w.submit(t, address.SetPrimary, "old", "o.timer@contoso.test")
	w.untilState(t, doubt.ID, queue.Writing, cause.DCUnavailable)
	clock.Add(-ahead)
	w.dc.OnMessage(nil)
	w.dc.Refuse(false)
	for _, id := range []queue.RequestID{busy.ID, doubt.ID} {
		w.written(t, id)
	}
	for _, id := range []queue.RequestID{written.ID, busy.ID, doubt.ID} {
		w.verify(t, id)
	}
	wantProxies(t, w.values(t, "Old Timer", ""), "o.timer@contoso.test", "SMTP:o.timer@contoso.test", "smtp:old@contoso.test")
}
