package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/charmbracelet/lipgloss"
	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

var update = flag.Bool("update", false, "write the golden files anew")

// explainedHolder is a holder and what the cloud has of it. As it is made, the two agree; a test changes what it is about.
type explainedHolder struct {
	holder   address.Holder
	object   *cloudcheck.Object
	others   []cloudcheck.Object
	twins    []cause.Conflict
	cloudIDs map[string]string
	tenant   cloudcheck.Tenant
	away     *cause.Cause
	unknown  *cause.Cause
	requests []queue.Request
	now      time.Time
}

func newExplained() *explainedHolder {
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	synced := true
	return &explainedHolder{
		now: now,
		holder: address.Holder{GUID: address.GUID{0x01, 0x98, 0xc5, 0xa2, 4: 0x70, 15: 0x01}, Kind: address.User, Name: "Jane Doe", UPN: "jdoe@contoso.com",
			DN: "CN=Jane Doe,OU=Staff,DC=contoso,DC=com", Nickname: "jdoe", Changed: now.Add(-50 * time.Hour),
			Values: address.Values{Mail: "jdoe@contoso.com", Proxies: address.Set{"SMTP:jdoe@contoso.com", "smtp:j.doe@contoso.com", "X500:/o=Contoso/ou=Exchange/cn=Recipients/cn=jdoe"}}},
		object: &cloudcheck.Object{ID: "90127761-81a5-41e2-807f-6bdfc955c6f4", Kind: address.User, Name: "Jane Doe", UPN: "jdoe@contoso.com", Nickname: "jdoe", ImmutableID: "x",
			SyncEnabled: &synced, LastSync: now.Add(-49 * time.Hour), ExchangeLicensed: true,
			Values: address.Values{Mail: "jdoe@contoso.com", Proxies: address.Set{"SMTP:jdoe@contoso.com", "smtp:j.doe@contoso.com", "X500:/o=Contoso/ou=Exchange/cn=Recipients/cn=jdoe",
				"smtp:jdoe@contoso.onmicrosoft.com", "SIP:jdoe@contoso.com", "SPO:SPO_90127761-81a5-41e2-807f-6bdfc955c6f4@SPO_ecc7595c-3378-46dc-8d56-66cbc221b216"}}},
		tenant: cloudcheck.Tenant{InitialDomain: "contoso.onmicrosoft.com", Verified: map[string]bool{"contoso.com": true}, SyncEnabled: &synced,
			LastSync: now.Add(-12 * time.Minute), ReadAt: now},
	}
}

func (e *explainedHolder) view() server.HolderView {
	facts := server.HolderFacts{Requests: e.requests, DuplicatesUnknown: e.unknown, Away: e.away, CloudIDs: e.cloudIDs}
	if e.away != nil {
		facts.Diagnosis = cloudcheck.DiagnoseOnPremises(e.holder)
	} else {
		facts.Tenant = &e.tenant
		facts.Diagnosis = cloudcheck.New(cloudcheck.Options{Now: func() time.Time { return e.now }}).Diagnose(e.holder, e.tenant, e.object)
		facts.Diagnosis.Blame(e.others, true)
	}
	for _, twin := range e.twins {
		facts.Diagnosis.Add(cloudcheck.DuplicateOnPremises(address.Bare(twin.Address), twin))
	}
	return server.HolderViewOf(facts)
}

// without takes a value out of the cloud.
func (e *explainedHolder) without(p address.Proxy) { e.object.Proxies = e.object.Proxies.Without(p) }

func (e *explainedHolder) give(p ...address.Proxy) { e.holder.Proxies = e.holder.Proxies.With(p...) }

func (e *explainedHolder) request(state queue.State, code cause.Code, a address.Address) {
	e.requests = append(e.requests, queue.Request{ID: "0198c5a2-0000-7000-8000-000000000000", State: state, Cause: &cause.Cause{Code: code},
		Submission: queue.Submission{Holder: "jdoe", Action: address.AddAlias, Address: a}})
}

func TestHolderPages(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*explainedHolder)
		exit   int
	}{
		"in-order": {change: func(*explainedHolder) {}},
		"pending": {change: func(e *explainedHolder) {
			e.give("smtp:new@contoso.com")
			e.holder.Changed = e.now.Add(-2 * time.Minute)
			e.request(queue.Written, cause.NotSyncedYet, "new@contoso.com")
		}},
		"quarantined": {exit: exitMismatched, change: func(e *explainedHolder) {
			e.without("smtp:j.doe@contoso.com")
			e.object.Errors = []cloudcheck.ProvisioningError{{Property: "ProxyAddresses", Value: "smtp:j.doe@contoso.com"}}
			e.others = []cloudcheck.Object{{ID: "f387e3fb-c111-4716-9010-450711c693c9", Kind: address.Group, Name: "Events Team",
				Values: address.Values{Proxies: address.Set{"SMTP:j.doe@contoso.com"}}}}
			e.request(queue.Mismatched, cause.Quarantined, "j.doe@contoso.com")
		}},
		"discarded": {exit: exitMismatched, change: func(e *explainedHolder) {
			e.give("smtp:jdoe@fabrikam.onmicrosoft.com", "smtp:jdoe@fabrikam.com", "jd@contoso.com", "X400:c=de;a= ;p=Contoso;o=Berlin;s=Doe;g=Jane;")
		}},
		"not-in-cloud": {exit: exitMismatched, change: func(e *explainedHolder) { e.object = nil }},
		"cloud-away": {exit: exitError, change: func(e *explainedHolder) {
			e.away = &cause.Cause{Code: cause.CloudUnavailable, Message: "Microsoft Graph does not answer (connection refused); check the network, it is tried again"}
			e.unknown = &cause.Cause{Code: cause.DirectoryUnavailable, Message: "no global catalog answers; the domain sub.contoso.com cannot be searched"}
		}},
		"two-primaries": {exit: exitMismatched, change: func(e *explainedHolder) {
			e.holder.Proxies = address.Set{"SMTP:jdoe@contoso.com", "SMTP:j.doe@contoso.com"}
			e.holder.Mail = "jane@contoso.com"
		}},
		"no-addresses": {change: func(e *explainedHolder) {
			e.holder.Values, e.holder.Nickname, e.object = address.Values{}, "", nil
		}},
		"mail-differs": {exit: exitMismatched, change: func(e *explainedHolder) { e.holder.Mail = "jane@contoso.com" }},
		"duplicate": {exit: exitMismatched, change: func(e *explainedHolder) {
			e.twins = []cause.Conflict{{Kind: "user", ID: "0198c5a2-0000-0000-0000-000000000002", Name: "John Doe", Address: "smtp:j.doe@contoso.com"}}
		}},
		"duplicate-in-quarantine": {exit: exitMismatched, change: func(e *explainedHolder) {
			e.without("smtp:j.doe@contoso.com")
			e.object.Errors = []cloudcheck.ProvisioningError{{Property: "ProxyAddresses", Value: "smtp:j.doe@contoso.com"}}
			e.others = []cloudcheck.Object{{ID: "f387e3fb-c111-4716-9010-450711c693c9", Kind: address.User, Name: "John Doe", SyncEnabled: e.object.SyncEnabled,
				Values: address.Values{Proxies: address.Set{"smtp:j.doe@contoso.com"}}}}
			e.twins = []cause.Conflict{{Kind: "user", ID: "0198c5a2-0000-0000-0000-000000000002", Name: "John Doe", Address: "smtp:j.doe@contoso.com"}}
			e.cloudIDs = map[string]string{e.twins[0].ID: e.others[0].ID}
		}},
		"quarantine-over": {change: func(e *explainedHolder) {
			e.without("smtp:j.doe@contoso.com")
			e.object.Errors = []cloudcheck.ProvisioningError{{Property: "ProxyAddresses", Value: "smtp:j.doe@contoso.com", Occurred: e.now.Add(-time.Hour)}}
		}},
		"quarantine-unseen": {exit: exitMismatched, change: func(e *explainedHolder) {
			e.without("smtp:j.doe@contoso.com")
			e.object.Errors = []cloudcheck.ProvisioningError{{Property: "ProxyAddresses", Value: "smtp:j.doe@contoso.com", Occurred: e.now.Add(-59 * 24 * time.Hour)}}
		}},
		"licence-missing": {exit: exitMismatched, change: func(e *explainedHolder) {
			e.object.ExchangeLicensed, e.object.Mail = false, "jdoe@contoso.onmicrosoft.com"
			e.object.Proxies = address.Set{"SMTP:jdoe@contoso.onmicrosoft.com", "smtp:jdoe@contoso.com", "smtp:j.doe@contoso.com"}
		}},
		"sync-stopped": {exit: exitMismatched, change: func(e *explainedHolder) {
			e.give("smtp:new@contoso.com")
			e.holder.Changed, e.tenant.LastSync = e.now.Add(-2*time.Hour), e.now.Add(-5*time.Hour)
		}},
		"group": {exit: exitMismatched, change: func(e *explainedHolder) {
			e.holder.Kind, e.holder.Name, e.holder.UPN, e.holder.DN = address.Group, "Sales", "", "CN=Sales,OU=Staff,DC=contoso,DC=com"
			e.holder.Nickname, e.object.Nickname = "", "sales"
			e.holder.Values = address.Values{Mail: "sales@contoso.com", Proxies: address.Set{"SMTP:sales@contoso.com"}}
			e.object.Kind, e.object.UPN, e.object.ExchangeLicensed = address.Group, "", false
			e.object.Values = address.Values{Mail: "sales@contoso.com", Proxies: address.Set{"SMTP:sales@contoso.com", "smtp:sales@contoso.onmicrosoft.com", "smtp:old.sales@contoso.com"}}
		}},
		"contact": {change: func(e *explainedHolder) {
			e.holder.Kind, e.holder.Name, e.holder.UPN, e.holder.Nickname, e.holder.DN = address.Contact, "Partner", "", "", "CN=Partner,OU=Staff,DC=contoso,DC=com"
			e.holder.Values = address.Values{Proxies: address.Set{"SMTP:partner@fabrikam.com"}}
			e.object = nil
		}},
		"long-values": {exit: exitMismatched, change: func(e *explainedHolder) {
			long := address.Address(strings.Repeat("extraordinarily-", 2) + "long-name.of.a.person@" + "research.subsidiary.contoso.com")
			e.tenant.Verified["research.subsidiary.contoso.com"] = true
			e.holder.DN = address.DN("CN=" + strings.Repeat("A Very Long Name ", 5) + ",OU=Departments of the Company,OU=Staff,DC=contoso,DC=com")
			e.holder.UPN, e.object.UPN = string(long), string(long)
			e.holder.Name = strings.Repeat("A Very Long Name ", 5)
			e.give(address.Secondary(long), address.Secondary("x."+long), address.Secondary(address.Address(strings.Repeat("y", 120)+"@contoso.com")))
		}},
		"hostile": {exit: exitMismatched, change: func(e *explainedHolder) {
			e.holder.Name = "Jane\x1b[2J\nIN ORDER  Jane Doe (user)\u202e"
			e.holder.DN = "CN=x\r\n  primary      primary    primary    forged@contoso.com"
			e.give("smtp:\x1b[31m$(reboot)@contoso.com", "X500:/o=\x07\u2066x")
			e.twins = []cause.Conflict{{Kind: "user", ID: "x; reboot", Name: "John\nDoe\x00", Address: "smtp:j.doe@contoso.com"}}
			e.request(queue.Held, "no\ncode", "a\x1b@contoso.com")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newExplained()
			test.change(e)
			var out bytes.Buffer
			if err := printHolder(&out, e.view(), e.now); err != nil {
				t.Fatal(err)
			}
			checkLines(t, out.String(), e.view())
			checkWhole(t, out.String(), e.view())
			comparePage(t, filepath.Join("testdata", "explain", name+".golden"), out.String())
			if code := exitCode(explained(e.view())); code != test.exit {
				t.Errorf("exit code %d, want %d", code, test.exit)
			}
		})
	}
}

// Whatever stands in the directory, the page stays in its columns and nothing on it is a control character.
func TestHolderPageHoldsAnyText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 120, -1)
		e := newExplained()
		e.holder.Name, e.holder.DN, e.holder.UPN, e.holder.Mail = text.Draw(t, "name"), address.DN(text.Draw(t, "dn")), text.Draw(t, "upn"), text.Draw(t, "mail")
		e.give(address.Proxy("smtp:"+text.Draw(t, "alias")), address.Proxy(text.Draw(t, "value")))
		e.twins = []cause.Conflict{{Kind: text.Draw(t, "kind"), ID: text.Draw(t, "id"), Name: text.Draw(t, "twin"), Address: text.Draw(t, "held")}}
		e.request(queue.Queued, cause.Paused, address.Address(text.Draw(t, "asked")))
		var out bytes.Buffer
		if err := printHolder(&out, e.view(), e.now); err != nil {
			t.Fatal(err)
		}
		checkLines(t, out.String(), e.view())
	})
}

// checkLines finds lines that are too wide, that hold control characters, or that end with blanks. A value that is too long
// stands whole on a line of its own.
func checkLines(t interface{ Errorf(string, ...any) }, text string, view server.HolderView) {
	whole := map[string]bool{}
	for _, v := range view.Values {
		whole[strings.TrimRight("    "+markOf(v)+" "+escape(v.Address)+reference(v), " ")] = true
	}
	for _, f := range view.Findings {
		whole[strings.TrimRight(findingIndent+escape(f.Value), " ")] = true
	}
	for i, line := range strings.Split(text, "\n") {
		if lipgloss.Width(line) > textWidth && !whole[line] || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsGraphic(r) }) {
			t.Errorf("line %d, %d columns: %q", i+1, lipgloss.Width(line), line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("line %d ends with blanks: %q", i+1, line)
		}
	}
}

// checkWhole finds values of proxyAddresses that were broken, or stand on another line than their mark and number. What the
// cloud made for itself may be cut.
func checkWhole(t *testing.T, text string, view server.HolderView) {
	t.Helper()
	lines := strings.Split(text, "\n")
	for _, v := range view.Values {
		mark := markOf(v)
		if v.Attribute != "proxyAddresses" || mark == ownMark {
			continue
		}
		row := strings.TrimRight(mark+" "+escape(v.Address)+reference(v), " ")
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasSuffix(line, row) }) {
			t.Errorf("%q does not stand on one line", row)
		}
	}
}

// comparePage compares with a file, or writes it.
func comparePage(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		fatal(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	fatal(t, err)
	if got != string(want) {
		t.Errorf("the page is not %s (go test ./cmd/aliasd -run HolderPages -update writes it anew):\n%s", path, got)
	}
}
