package report_test

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/audit"
	"github.com/aliasd/aliasd/report"
)

// values are mail and proxy addresses of one side.
func values(mail string, proxies ...address.Proxy) address.Values {
	return address.Values{Mail: mail, Proxies: proxies}
}

// found is a finding about somebody in an organizational unit; both sides show the same unless change says otherwise.
func found(name, unit string, severity cloudcheck.Severity, code cause.Code, value, message string, change func(*audit.Item)) audit.Item {
	own := name + "@contoso.test"
	both := values(own, address.Primary(address.Address(own)), "smtp:"+address.Proxy(name)+".old@contoso.test", "X500:/o=Contoso/cn="+address.Proxy(name))
	it := audit.Item{
		ObjectGUID: address.GUID{0: byte(len(name)), 15: name[0]}.String(), Kind: address.User, Name: "User " + name, UPN: own,
		DN: address.DN("CN=User " + name + "," + unit), CloudID: "c10d-" + name, OnPremises: both, Predicted: &both, Cloud: &both,
	}
	it.Severity, it.Code, it.Value, it.Message = severity, code, value, message
	if change != nil {
		change(&it)
	}
	return it
}

const (
	berlin = "OU=Staff,OU=Berlin,DC=contoso,DC=test"
	madrid = "OU=Staff,OU=Madrid,DC=contoso,DC=test"
)

// someFindings are a dozen, several of one code among them.
func someFindings() []audit.Item {
	var list []audit.Item
	for _, name := range []string{"anna", "bert", "cleo", "dora"} {
		value := "smtp:" + address.Proxy(name) + ".new@contoso.test"
		list = append(list, found(name, berlin, cloudcheck.Wrong, cause.Quarantined, string(value),
			"The tenant put "+string(value)+" into quarantine, because the group All Sales Staff EMEA has it. Take it away there; the cloud releases it within an hour.",
			func(it *audit.Item) {
				it.Conflict = &cause.Conflict{Kind: "group", ID: "7", Name: "All Sales Staff EMEA", Address: string(value), CloudOnly: true}
				it.OnPremises.Proxies = it.OnPremises.Proxies.With(value)
				expected := it.OnPremises
				it.Predicted = &expected
			}))
	}
	list = append(list,
		found("eva", berlin, cloudcheck.Wrong, cause.DuplicateOnPremises, "smtp:press@contoso.test",
			"smtp:press@contoso.test stands on User fritz too; decide whose it is, and remove it from the other one.",
			func(it *audit.Item) {
				it.Conflict = &cause.Conflict{Kind: "user", ID: "8", Name: "User fritz", Address: "SMTP:press@contoso.test"}
			}),
		found("fritz", madrid, cloudcheck.Wrong, cause.DuplicateOnPremises, "SMTP:press@contoso.test",
			"SMTP:press@contoso.test stands on User eva too; decide whose it is, and remove it from the other one.", nil),
		found("gerd", madrid, cloudcheck.Wrong, cause.TwoPrimaries, "",
			"gerd has 2 primaries, SMTP:gerd@contoso.test and SMTP:g@contoso.test; say which one it is: aliasd primary gerd@contoso.test ADDRESS.",
			func(it *audit.Item) { it.OnPremises.Proxies = it.OnPremises.Proxies.With("SMTP:g@contoso.test") }),
		found("sales", "OU=Groups,DC=contoso,DC=test", cloudcheck.Wrong, cause.ValueDiscarded, "X400:c=us;a= ;p=Contoso;s=sales",
			"The cloud drops X400:c=us;a= ;p=Contoso;s=sales, because its type is a legacy one; remove it.",
			func(it *audit.Item) { it.Kind, it.UPN = address.Group, "" }),
		found("hans", "DC=contoso,DC=test", cloudcheck.Wrong, cause.NotInCloud, "", "hans is not in the tenant; bring it into the scope of the sync.",
			func(it *audit.Item) { it.Cloud, it.CloudID = nil, "" }),
		found("ida", madrid, cloudcheck.Wrong, cause.MailDiffers, "ida.old@contoso.test", "mail is ida.old@contoso.test, the primary is ida@contoso.test.",
			func(it *audit.Item) { it.OnPremises.Mail = "ida.old@contoso.test" }),
		found("jan", berlin, cloudcheck.Pending, cause.NotSyncedYet, "smtp:jan.new@contoso.test", "The last sync ran before the change; the next is due in 21 minutes.", nil),
		found("kim", berlin, cloudcheck.Notice, cause.UPNStays, "smtp:kim@contoso.test", "kim@contoso.test stays, because it is the sign-in name.", nil),
	)
	return list
}

// summed is the summary of findings of so many holders; each finding is another holder's.
func summed(items []audit.Item, holders int) audit.Summary {
	s := audit.Summary{
		Began: until(), Ended: until().Add(3*time.Minute + 20*time.Second), Complete: true, BaseDN: "DC=contoso,DC=test",
		TenantDomain: "contoso.onmicrosoft.com", LastSync: until().Add(-7 * time.Minute), Holders: holders, InOrder: holders,
		Cloud: audit.Reading{Full: true, Objects: holders + 40, Calls: 31},
	}
	users := audit.KindCount{Kind: address.User, Holders: holders * 9 / 10}
	units, codes := map[string]int{}, map[audit.CodeCount]int{}
	for _, it := range items {
		codes[audit.CodeCount{Code: it.Code, Severity: it.Severity}]++
		switch it.Severity {
		case cloudcheck.Wrong:
			s.Wrong, s.InOrder, users.Wrong = s.Wrong+1, s.InOrder-1, users.Wrong+1
			units[string(it.DN[len("CN="+it.Name+","):])]++
		case cloudcheck.Pending:
			s.Pending, s.InOrder, users.Pending = s.Pending+1, s.InOrder-1, users.Pending+1
		}
	}
	s.Kinds = []audit.KindCount{users, {Kind: address.Group, Holders: holders - users.Holders}}
	for c, n := range codes {
		s.Codes = append(s.Codes, audit.CodeCount{Code: c.Code, Severity: c.Severity, Findings: n, Holders: n})
	}
	for unit, n := range units {
		s.Units = append(s.Units, audit.UnitCount{Unit: unit, Holders: 3*n + len(unit), Wrong: n})
	}
	slices.SortFunc(s.Codes, func(a, b audit.CodeCount) int { return cmp.Or(b.Findings-a.Findings, cmp.Compare(a.Code, b.Code)) })
	slices.SortFunc(s.Units, func(a, b audit.UnitCount) int { return cmp.Or(b.Wrong-a.Wrong, cmp.Compare(a.Unit, b.Unit)) })
	return s
}

// manyFindings are thousands, in more units than a page shows.
func manyFindings(n int) []audit.Item {
	some := someFindings()
	list := make([]audit.Item, 0, n)
	for i := range n {
		it := some[(i*i+i/7)%len(some)]
		it.DN = address.DN(fmt.Sprintf("CN=%s,OU=Department %02d,OU=Region %d,DC=contoso,DC=test", it.Name, i*i%37, i%5))
		list = append(list, it)
	}
	return list
}

// savedAudit writes an audit's files into a folder.
func savedAudit(t *testing.T, dir string, items []audit.Item, s audit.Summary) report.AuditFiles {
	t.Helper()
	a, err := report.CreateAudit(dir, s.Began)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range items {
		if err := a.Take(it); err != nil {
			t.Fatal(err)
		}
	}
	files, err := a.Finish(s)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// audited is where audits of a test go.
func audited(t *testing.T) string { return filepath.Join(t.TempDir(), "data", "reports") }
