package report_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// until is the end of the period in the tests: seven in the morning, an hour ahead of UTC.
func until() time.Time {
	return time.Date(2025, 3, 4, 7, 0, 0, 0, time.FixedZone("CET", 3600))
}

func since() time.Time { return until().Add(-24 * time.Hour) }

// maker makes requests, each an hour after the one before.
type maker struct {
	list []queue.Request
}

// add makes a request for a holder at contoso.test; change says what else it has.
func (m *maker) add(holder, alias string, state queue.State, change func(*queue.Request)) {
	n := len(m.list)
	at := since().Add(time.Duration(n) * time.Hour)
	q := queue.Request{
		ID: queue.RequestID(fmt.Sprintf("0195612a-%04d-7c3e-9a51-2b7d8e4f6a90", n)), Seq: int64(n + 1), State: state,
		Submission: queue.Submission{
			Holder: holder + "@contoso.test", Action: address.AddAlias, Address: address.Address(alias + "@contoso.test"),
			Ticket: fmt.Sprintf("INC%05d", 4000+n), Requester: "Ann Other", SubmittedBy: "helpdesk",
		},
		Object: address.GUID{0: byte(n + 1), 15: 0xff}, CreatedAt: at, UpdatedAt: at.Add(time.Minute),
	}
	if state == queue.Written || state == queue.Mismatched || state == queue.Verified {
		q.WrittenAt = at.Add(time.Duration(n+1) * 1500 * time.Millisecond)
		q.Receipt = &ldapwriter.Receipt{DC: "ldaps://dc1.contoso.test:636", Change: address.Change{Add: []address.Proxy{address.Secondary(q.Address)}}}
	}
	if state == queue.Verified {
		q.VerifiedAt = q.WrittenAt.Add(time.Duration(n*7+12) * time.Minute)
	}
	if change != nil {
		change(&q)
	}
	m.list = append(m.list, q)
}

// because gives a request a cause.
func because(e *cause.Error) func(*queue.Request) {
	return func(q *queue.Request) { q.Cause = &e.Cause }
}

// day is a day of requests, one at least in each state.
func day() []queue.Request {
	m := &maker{}
	for _, name := range []string{"jdoe", "mmustermann", "asmith", "lgarcia", "pchen"} {
		m.add(name, name+".alias", queue.Verified, nil)
	}
	had := &m.list[len(m.list)-1]
	had.Receipt.Change = address.Change{}
	had.Notes = []string{"nothing had to be written: Pat Chen already has smtp:pchen.alias@contoso.test on-premises"}
	m.add("kbrown", "karen.brown-o'neill", queue.Mismatched, because(cause.Refuse(cause.Quarantined,
		"The tenant put smtp:karen.brown-o'neill@contoso.test into quarantine, because the group All Sales Staff EMEA "+
			"(all-sales@contoso.test) has it. Take it away there; the cloud releases it within an hour.").
		WithConflict(cause.Conflict{Kind: "group", ID: "7", Name: "All Sales Staff EMEA", Address: "smtp:karen.brown-o'neill@contoso.test", CloudOnly: true})))
	for _, name := range []string{"rpatel", "twilson", "hmeyer"} {
		m.add(name, name+".new", queue.Queued, because(cause.Wait(cause.DirectoryUnavailable,
			"No domain controller can be used: dc1.contoso.test refused the password of svc-aliasd@contoso.test (wrong password). "+
				"Put the right one where directory.bind.password points to and restart aliasd.")))
	}
	m.add("bjones", "bob.jones", queue.Held, because(cause.Wait(cause.NeedsApproval, "A change of the primary address waits for an administrator.")))
	m.add("cfo", "chief", queue.Refused, because(cause.Refuse(cause.NoRights,
		"svc-aliasd may not write proxyAddresses on CN=Chief,OU=Board,DC=contoso,DC=test; give it the right there.")))
	m.add("intern", "no spaces allowed", queue.Refused, because(cause.Refuse(cause.InvalidAddress, "The address holds a space; type it without.")))
	m.add("dmiller", "d.miller", queue.Written, because(cause.Wait(cause.NotSyncedYet, "The last sync ran before the change; the next is due in 21 minutes.")))
	m.add("ekim", "e.kim", queue.Failed, because(cause.Fail(cause.NotKept, "Somebody else changed ekim three times while it was written; it was taken back.")))
	m.add("fross", "f.ross", queue.Superseded, func(q *queue.Request) { q.SupersededBy = m.list[0].ID })
	m.add("gdiaz", "g.diaz", queue.Cancelled, nil)
	m.add("hnovak", "h.novak", queue.Writing, nil)
	m.add("ivanov", "i.vanov", queue.Accepted, func(q *queue.Request) { q.Object = address.GUID{}; q.Action = address.SetPrimary })
	m.add("jdoe", "", queue.Verified, func(q *queue.Request) { q.Action, q.Address, q.Undoes = address.Undo, "", m.list[0].ID })
	m.list[0].SupersededBy = m.list[len(m.list)-1].ID
	return m.list
}

// built is the report of day.
func built() report.Report { return report.Build(day(), since(), until()) }

// golden compares with a file of testdata, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s: not what is expected; compare after go test ./report -update:\n%s", path, got)
	}
}
