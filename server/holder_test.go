package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// person is a holder and its object that agree with each other. A test changes what it is about.
type person struct {
	holder   address.Holder
	object   *cloudcheck.Object
	tenant   cloudcheck.Tenant
	others   []cloudcheck.Object // in the tenant
	twins    []cause.Conflict    // on-premises
	requests []queue.Request
}

func newPerson() *person {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	synced := true
	onPremises := values("a@contoso.test", "SMTP:a@contoso.test", "smtp:alias@contoso.test")
	return &person{
		holder: address.Holder{GUID: address.GUID{1}, Kind: address.User, Name: "Ann", DN: "CN=Ann,DC=contoso,DC=test", UPN: "a@contoso.test", Nickname: "a",
			Values: onPremises, Changed: at.Add(-48 * time.Hour)},
		object: &cloudcheck.Object{ID: "cloud-a", Kind: address.User, Name: "Ann", UPN: "a@contoso.test", Nickname: "a", ImmutableID: "x", SyncEnabled: &synced,
			ExchangeLicensed: true, LastSync: at.Add(-47 * time.Hour),
			Values: values("a@contoso.test", "SMTP:a@contoso.test", "smtp:alias@contoso.test", "smtp:a@contoso.onmicrosoft.com", "SIP:a@contoso.test")},
		tenant: cloudcheck.Tenant{InitialDomain: "contoso.onmicrosoft.com", Verified: map[string]bool{"contoso.test": true}, SyncEnabled: &synced,
			LastSync: at, ReadAt: at.Add(time.Minute)},
	}
}

func (p *person) facts() server.HolderFacts {
	now := p.tenant.ReadAt
	c := cloudcheck.New(cloudcheck.Options{Now: func() time.Time { return now }})
	d := c.Diagnose(p.holder, p.tenant, p.object)
	d.Blame(p.others, true)
	for _, twin := range p.twins {
		d.Add(cloudcheck.DuplicateOnPremises(address.Proxy(twin.Address).Address(), twin))
	}
	return server.HolderFacts{Diagnosis: d, Tenant: &p.tenant, Requests: p.requests}
}

// quarantine keeps the alias out of the cloud.
func (p *person) quarantine() {
	p.object.Proxies = p.object.Proxies.Without("smtp:alias@contoso.test")
	p.object.Errors = []cloudcheck.ProvisioningError{{Category: "PropertyConflict", Property: "ProxyAddresses", Value: "smtp:alias@contoso.test", Occurred: p.tenant.LastSync}}
}

func (p *person) view() server.HolderView { return server.HolderViewOf(p.facts()) }

func TestHolder(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p := newPerson()
	p.quarantine()
	p.others = []cloudcheck.Object{{ID: "cloud-b", Kind: address.Group, Name: "Sales", SyncEnabled: p.object.SyncEnabled, Values: values("", "smtp:alias@contoso.test")}}
	p.requests = []queue.Request{{ID: "r1", State: queue.Written, Submission: queue.Submission{Holder: "ann", Action: address.AddAlias, Address: "alias@contoso.test"}}}
	dn := "CN=Doe\\, J/ä?#%,OU=x,DC=contoso,DC=test"
	f.queue.holders[dn] = p.view()
	quarantined := `"the tenant synchronised Ann without alias@contoso.test, because the group Sales (smtp:alias@contoso.test) holds it; remove it there, and the tenant takes it over within the hour, or ask for another address"`
	conflict := `"kind":"group","id":"cloud-b","name":"Sales","address":"smtp:alias@contoso.test"`
	want := `{"object_guid":"` + p.holder.GUID.String() + `","kind":"user","name":"Ann","dn":"CN=Ann,DC=contoso,DC=test","user_principal_name":"a@contoso.test",
		"in_order":false,
		"on_premises":{"mail":"a@contoso.test","proxy_addresses":["SMTP:a@contoso.test","smtp:alias@contoso.test"],"user_principal_name":"a@contoso.test",
			"mail_nickname":"a","changed_at":"2026-02-28T09:00:00Z"},
		"predicted":{"mail":"a@contoso.test","proxy_addresses":["SMTP:a@contoso.test","smtp:alias@contoso.test","smtp:a@contoso.onmicrosoft.com","SIP:a@contoso.test"],
			"user_principal_name":"a@contoso.test","mail_nickname":"a","mail_enabled":true,"discarded":[],
			"assumptions":["\"SIP:a@contoso.test\" is not in AD; assumed that the cloud added it by itself and that it stays."]},
		"cloud":{"id":"cloud-a","mail":"a@contoso.test","proxy_addresses":["SMTP:a@contoso.test","smtp:a@contoso.onmicrosoft.com","SIP:a@contoso.test"],
			"checked_at":"2026-03-02T09:01:00Z","user_principal_name":"a@contoso.test","mail_nickname":"a","exchange_licensed":true,"synced":true,"last_sync":"2026-02-28T10:00:00Z",
			"provisioning_errors":[{"category":"PropertyConflict","property":"ProxyAddresses","value":"smtp:alias@contoso.test","occurred_at":"2026-03-02T09:00:00Z"}]},
		"sync":{"enabled":true,"last_sync":"2026-03-02T09:00:00Z","read_at":"2026-03-02T09:01:00Z"},
		"values":[
			{"attribute":"userPrincipalName","on_premises":"a@contoso.test","predicted":"a@contoso.test","cloud":"a@contoso.test"},
			{"attribute":"mailNickname","on_premises":"a","predicted":"a","cloud":"a"},
			{"attribute":"mail","on_premises":"a@contoso.test","predicted":"a@contoso.test","cloud":"a@contoso.test"},
			{"attribute":"proxyAddresses","address":"a@contoso.test","on_premises":"SMTP:a@contoso.test","predicted":"SMTP:a@contoso.test","cloud":"SMTP:a@contoso.test"},
			{"attribute":"proxyAddresses","address":"a@contoso.onmicrosoft.com","on_premises":"","predicted":"smtp:a@contoso.onmicrosoft.com","cloud":"smtp:a@contoso.onmicrosoft.com",
				"reason":"not given on-premises: the cloud makes it by itself, or of mail or the user principal name"},
			{"attribute":"proxyAddresses","address":"alias@contoso.test","on_premises":"smtp:alias@contoso.test","predicted":"smtp:alias@contoso.test","cloud":"",
				"finding":1,"findings":[1],"severity":"wrong","reason":` + quarantined + `},
			{"attribute":"proxyAddresses","address":"SIP:a@contoso.test","on_premises":"","predicted":"SIP:a@contoso.test","cloud":"SIP:a@contoso.test",
				"reason":"not given on-premises: the cloud makes it by itself, or of mail or the user principal name"}],
		"findings":[{"severity":"wrong","code":"quarantined","message":` + quarantined + `,"conflict":{` + conflict + `},"value":"smtp:alias@contoso.test"}],
		"conflicts":[{"side":"cloud","finding":1,` + conflict + `,"cloud_id":"cloud-b"}],
		"requests":[{"id":"r1","state":"written","holder":"ann","action":"add_alias","address":"alias@contoso.test","submitted_by":"","created_at":"0001-01-01T00:00:00Z","updated_at":"0001-01-01T00:00:00Z"}],
		"advice":[{"finding":1,"code":"quarantined","do":"whose address is it? do one of these, never both","choices":[
			{"do":"it is Ann's: take it from Sales in the cloud, and it arrives within the hour"},
			{"do":"it is Sales's: take it from Ann","commands":["aliasd remove a@contoso.test alias@contoso.test"]}]}]}`
	if diff := cmp.Diff(loose(t, want), loose(t, f.get("/v1/holders/"+escape(dn)).body)); diff != "" {
		t.Error(diff)
	}
}

func TestHolderInOrder(t *testing.T) {
	t.Parallel()
	view := newPerson().view()
	if !view.InOrder || len(view.Findings)+len(view.Advice)+len(view.Conflicts)+len(view.Requests) != 0 || view.CloudCause != nil {
		t.Errorf("%+v", view)
	}
}

// Without a cloud only what the directory says is there, and nothing is in order.
func TestHolderWithoutCloud(t *testing.T) {
	t.Parallel()
	p := newPerson()
	away := &cause.Cause{Code: cause.CloudUnavailable, Message: "Graph is away"}
	view := server.HolderViewOf(server.HolderFacts{Diagnosis: cloudcheck.DiagnoseOnPremises(p.holder), Away: away})
	if view.InOrder || view.CloudCause != away || view.Cloud != nil || view.Predicted != nil || view.Sync != nil || len(view.OnPremises.ProxyAddresses) != 2 {
		t.Errorf("%+v", view)
	}
	for _, v := range view.Values {
		if v.Predicted != "" || v.Cloud != "" || v.OnPremises == "" || v.Reason != "" {
			t.Errorf("%+v", v)
		}
	}
}

// Each value that differs points to the finding that explains it.
func TestHolderValuesPointToFindings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*person)
		// want has one entry for each value with a finding: its attribute, its address, and the finding's code.
		want []string
	}{
		{"not in the cloud", func(p *person) { p.object = nil },
			[]string{"userPrincipalName  not_in_cloud", "mailNickname  not_in_cloud", "mail  not_in_cloud", "proxyAddresses a@contoso.test not_in_cloud",
				"proxyAddresses alias@contoso.test not_in_cloud"}},
		{"pending", func(p *person) {
			p.holder.Changed = p.tenant.LastSync.Add(time.Second)
			p.holder.Proxies = p.holder.Proxies.With("smtp:new@contoso.test")
		}, []string{"proxyAddresses new@contoso.test not_synced_yet"}},
		{"another primary", func(p *person) {
			p.object.Values = values("alias@contoso.test", "smtp:a@contoso.test", "SMTP:alias@contoso.test", "smtp:a@contoso.onmicrosoft.com")
		}, []string{"mail  calculated_otherwise", "proxyAddresses a@contoso.test calculated_otherwise", "proxyAddresses alias@contoso.test calculated_otherwise"}},
		{"two primaries", func(p *person) { p.holder.Proxies[1] = "SMTP:alias@contoso.test" },
			[]string{"proxyAddresses a@contoso.test two_primaries", "proxyAddresses alias@contoso.test two_primaries"}},
		{"mail differs", func(p *person) { p.holder.Mail = "alias@contoso.test" }, []string{"mail  mail_differs"}},
		{"discarded", func(p *person) { p.holder.Proxies = p.holder.Proxies.With("no.prefix@contoso.test") },
			[]string{"proxyAddresses no.prefix@contoso.test value_discarded"}},
		{"the UPN", func(p *person) { p.object.UPN = "b@contoso.test" }, []string{"userPrincipalName  calculated_otherwise"}},
		{"a duplicate", func(p *person) {
			p.twins = []cause.Conflict{{Kind: "user", ID: "guid", Name: "Twin", Address: "smtp:alias@contoso.test"}}
		}, []string{"proxyAddresses alias@contoso.test duplicate_on_premises"}},
		{"what the cloud kept", func(p *person) { p.object.Proxies = p.object.Proxies.With("smtp:old@contoso.test") },
			[]string{"proxyAddresses old@contoso.test calculated_otherwise"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPerson()
			test.change(p)
			view := p.view()
			var got []string
			for _, v := range view.Values {
				if v.Finding > 0 {
					f := view.Findings[v.Finding-1]
					got = append(got, fmt.Sprintf("%s %s %s", v.Attribute, v.Address, f.Code))
					if v.Severity != f.Severity || v.Reason != f.Message {
						t.Errorf("%+v is not explained by %+v", v, f)
					}
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q\nwant %q\n%+v", got, test.want, view.Findings)
			}
		})
	}
}

func TestHolderAdvice(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		change  func(*person)
		code    cause.Code
		command string
	}{
		{"two primaries: the cloud's", func(p *person) {
			p.holder.Proxies = address.Set{"SMTP:alias@contoso.test", "SMTP:a@contoso.test"}
		}, cause.TwoPrimaries, "aliasd primary a@contoso.test a@contoso.test"},
		{"no primary: mail", func(p *person) { p.holder.Proxies = address.Set{"smtp:alias@contoso.test"} },
			cause.NoPrimary, "aliasd primary a@contoso.test a@contoso.test"},
		{"mail differs: the primary", func(p *person) { p.holder.Mail = "old@contoso.test" },
			cause.MailDiffers, "aliasd primary a@contoso.test a@contoso.test"},
		{"mail differs: the primary cannot arrive", func(p *person) { p.holder.Proxies = address.Set{"SMTP:j@contoso.local"} },
			cause.MailDiffers, "aliasd primary a@contoso.test a@contoso.test"},
		{"mail differs, and neither can arrive", func(p *person) {
			p.holder.Mail, p.holder.Proxies = "k@contoso.local", address.Set{"SMTP:j@contoso.local"}
		}, cause.MailDiffers, ""},
		{"a domain", func(p *person) { p.holder.Proxies = p.holder.Proxies.With("smtp:a@fabrikam.test") },
			cause.DomainNotVerified, ""},
		{"what aliasd cannot take in", func(p *person) { p.holder.Proxies = p.holder.Proxies.With("smtp:b@fabrikam.onmicrosoft.com") },
			cause.ValueDiscarded, ""},
		{"a name that a shell would read", func(p *person) {
			p.holder.UPN, p.object.UPN = "$(rm)@contoso.test", "$(rm)@contoso.test"
			p.holder.Mail = "old@contoso.test"
		}, cause.MailDiffers, "aliasd primary 00000001-0000-0000-0000-000000000000 a@contoso.test"},
		{"an address that a shell would read", func(p *person) { p.holder.Proxies = p.holder.Proxies.With("smtp:$x@fabrikam.test") },
			cause.DomainNotVerified, ""},
		{"a primary is not to be removed", func(p *person) {
			p.object.Proxies = address.Set{"SMTP:a@contoso.onmicrosoft.com", "smtp:alias@contoso.test"}
			p.object.Mail = "a@contoso.onmicrosoft.com"
			p.object.Errors = []cloudcheck.ProvisioningError{{Property: "ProxyAddresses", Value: "SMTP:a@contoso.test"}}
		}, cause.Quarantined, ""},
		{"a quarantine that nobody causes any more", func(p *person) { p.quarantine() }, cause.Quarantined, ""},
		{"not in the cloud", func(p *person) { p.object = nil }, cause.NotInCloud, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPerson()
			test.change(p)
			view := p.view()
			if len(view.Advice) == 0 || view.Advice[0].Code != test.code || view.Advice[0].Finding != 1 || view.Advice[0].Command != test.command || view.Advice[0].Do == "" {
				t.Errorf("%+v for %+v", view.Advice, view.Findings)
			}
		})
	}
}

// One address is decided once: the ways out stand in one place, and no other advice has a command for it.
func TestHolderDecisions(t *testing.T) {
	t.Parallel()
	twin := func(id, name, held string) cause.Conflict {
		return cause.Conflict{Kind: "user", ID: id, Name: name, Address: held}
	}
	for _, test := range []struct {
		name   string
		change func(*person)
		want   []string // each advice, with its choices and commands
	}{
		{"both have it as an alias", func(p *person) { p.twins = []cause.Conflict{twin("0198", "Twin", "smtp:alias@contoso.test")} },
			[]string{"1 whose address is it? do one of these, never both", "it is Ann's: take it from Twin", "aliasd remove 0198 alias@contoso.test",
				"it is Twin's: take it from Ann", "aliasd remove 00000001-0000-0000-0000-000000000000 alias@contoso.test"}},
		{"the other one's alias, our primary", func(p *person) { p.twins = []cause.Conflict{twin("0198", "Twin", "smtp:a@contoso.test")} },
			[]string{"1 whose address is it? do one of these, never both", "it is Ann's: take it from Twin", "aliasd remove 0198 a@contoso.test",
				"it is Twin's: give Ann another primary, mail or user principal name"}},
		{"our alias, the other one's primary", func(p *person) { p.twins = []cause.Conflict{twin("0198", "Twin", "SMTP:alias@contoso.test")} },
			[]string{"1 whose address is it? do one of these, never both", "it is Ann's: give Twin another primary, mail or user principal name",
				"it is Twin's: take it from Ann", "aliasd remove 00000001-0000-0000-0000-000000000000 alias@contoso.test"}},
		{"our alias is our UPN", func(p *person) {
			p.holder.UPN, p.object.UPN = "alias@contoso.test", "alias@contoso.test"
			p.twins = []cause.Conflict{twin("$(x)", "Twin", "smtp:alias@contoso.test")}
		}, []string{"1 whose address is it? do one of these, never both", "it is Ann's: give Twin another primary, mail or user principal name",
			"it is Twin's: give Ann another primary, mail or user principal name"}},
		{"three have it, and the cloud has it in quarantine", func(p *person) {
			p.quarantine()
			p.others = []cloudcheck.Object{{ID: "cloud-b", Kind: address.User, Name: "Twin", SyncEnabled: p.object.SyncEnabled, Values: values("", "smtp:alias@contoso.test")}}
			p.twins = []cause.Conflict{twin("0198", "Twin", "smtp:alias@contoso.test"), twin("0199", "Zwilling", "smtp:alias@contoso.test")}
		}, []string{"1 whose address is it? do one of these, never both",
			"it is Ann's: take it from Twin and Zwilling", "aliasd remove 0198 alias@contoso.test", "aliasd remove 0199 alias@contoso.test",
			"it is Twin or Zwilling's: take it from Ann", "aliasd remove 00000001-0000-0000-0000-000000000000 alias@contoso.test",
			"2 the same decision as in [1]", "3 the same decision as in [1]; the cloud takes the address over within the hour"}},
		{"a deleted one has it too", func(p *person) {
			p.quarantine()
			p.object.Errors[0].Occurred = p.tenant.LastSync.Add(-24 * time.Hour)
			p.others = []cloudcheck.Object{{ID: "cloud-b", Kind: address.User, Name: "Gone", Deleted: true, Values: values("", "smtp:alias@contoso.test")}}
			p.twins = []cause.Conflict{twin("0198", "Twin", "smtp:alias@contoso.test")}
		}, []string{"1 whose address is it? do one of these, never both", "it is Ann's: take it from Twin", "aliasd remove 0198 alias@contoso.test",
			"it is Twin's: take it from Ann", "aliasd remove 00000001-0000-0000-0000-000000000000 alias@contoso.test",
			"2 the same decision as in [1]; if it does not arrive then, look for an export error and for something that Graph does not show"}},
		{"a domain that is not verified", func(p *person) { p.holder.Proxies = p.holder.Proxies.With("smtp:a@fabrikam.test") },
			[]string{"1 is the address needed? do one of these", "it is needed: verify the domain in the tenant, and it arrives by itself",
				"nobody needs it: take it from Ann", "aliasd remove a@contoso.test a@fabrikam.test"}},
		{"a domain, and an address that a shell would read", func(p *person) { p.holder.Proxies = p.holder.Proxies.With("smtp:$x@fabrikam.test") },
			[]string{"1 is the address needed? do one of these", "it is needed: verify the domain in the tenant, and it arrives by itself",
				"nobody needs it: take it from Ann"}},
		{"in quarantine because of one in the cloud", func(p *person) {
			p.quarantine()
			p.others = []cloudcheck.Object{{ID: "cloud-b", Kind: address.Group, Name: "Team", Values: values("", "smtp:alias@contoso.test")}}
		}, []string{"1 whose address is it? do one of these, never both", "it is Ann's: take it from Team in the cloud, and it arrives within the hour",
			"it is Team's: take it from Ann", "aliasd remove a@contoso.test alias@contoso.test"}},
		{"in quarantine, and nobody shows why", func(p *person) {
			p.quarantine()
			p.object.Errors[0].Occurred = p.tenant.LastSync.Add(-24 * time.Hour)
		}, []string{"1 somebody has to find what holds it; do one of these, never both",
			"it is Ann's: let an Exchange administrator find what holds it, and take it from there", "nobody needs it: take it from Ann",
			"aliasd remove a@contoso.test alias@contoso.test"}},
		{"in quarantine, and only a deleted one is seen to hold it", func(p *person) {
			p.quarantine()
			p.object.Errors[0].Occurred = p.tenant.LastSync.Add(-24 * time.Hour)
			p.others = []cloudcheck.Object{{ID: "cloud-b", Kind: address.User, Name: "Gone", Deleted: true, Values: values("", "smtp:alias@contoso.test")}}
		}, []string{"1 a deleted object is no reason as a rule; do one of these, never both",
			"it is Ann's: look for an export error and for something that Graph does not show", "nobody needs it: take it from Ann",
			"aliasd remove a@contoso.test alias@contoso.test"}},
		{"not exported, and another one has it", func(p *person) {
			p.object.Proxies = p.object.Proxies.Without("smtp:alias@contoso.test")
			p.others = []cloudcheck.Object{{ID: "cloud-b", Kind: address.Group, Name: "Team", Values: values("", "smtp:alias@contoso.test")}}
		}, []string{"1 look for the export error on the sync server; whose address is it? do one of these, never both",
			"it is Ann's: take it from Team in the cloud", "it is Team's: take it from Ann", "aliasd remove a@contoso.test alias@contoso.test"}},
		{"the primary is in quarantine", func(p *person) {
			p.object.Proxies = address.Set{"SMTP:a@contoso.onmicrosoft.com", "smtp:alias@contoso.test"}
			p.object.Mail = "a@contoso.onmicrosoft.com"
			p.object.Errors = []cloudcheck.ProvisioningError{{Property: "ProxyAddresses", Value: "SMTP:a@contoso.test"}}
			p.others = []cloudcheck.Object{{ID: "cloud-b", Kind: address.Group, Name: "Team", Values: values("", "smtp:a@contoso.test")}}
		}, []string{"1 whose address is it? do one of these, never both", "it is Ann's: take it from Team in the cloud, and it arrives within the hour",
			"it is Team's: give Ann another primary, mail or user principal name"}},
		{"the UPN is an address of another one: it names two", func(p *person) {
			p.holder.Mail = "alias@contoso.test"
			p.twins = []cause.Conflict{twin("0198", "Twin", "smtp:a@contoso.test")}
		}, []string{"1 whose address is it? do one of these, never both", "it is Ann's: take it from Twin", "aliasd remove 0198 a@contoso.test",
			"it is Twin's: give Ann another primary, mail or user principal name",
			"2 say which address is the primary", "aliasd primary 00000001-0000-0000-0000-000000000000 a@contoso.test"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPerson()
			test.change(p)
			var got []string
			for _, a := range p.view().Advice {
				got = append(got, fmt.Sprintf("%d %s", a.Finding, a.Do))
				if a.Command != "" {
					got = append(got, a.Command)
				}
				for _, c := range a.Choices {
					got = append(append(got, c.Do), c.Commands...)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An object that stands in the way on both sides is named by both its ids, and the value by both findings.
func TestHolderConflictOnBothSides(t *testing.T) {
	t.Parallel()
	p := newPerson()
	p.quarantine()
	p.others = []cloudcheck.Object{{ID: "cloud-b", Kind: address.User, Name: "Twin", SyncEnabled: p.object.SyncEnabled, Values: values("", "smtp:alias@contoso.test")}}
	p.twins = []cause.Conflict{{Kind: "user", ID: "guid-b", Name: "Twin", Address: "smtp:alias@contoso.test"}}
	facts := p.facts()
	facts.CloudIDs = map[string]string{"guid-b": "cloud-b"}
	view := server.HolderViewOf(facts)
	if len(view.Conflicts) != 2 {
		t.Fatalf("%+v", view.Conflicts)
	}
	for i, c := range view.Conflicts {
		if c.ObjectGUID != "guid-b" || c.CloudID != "cloud-b" || c.Finding != i+1 {
			t.Errorf("%+v", c)
		}
	}
	at := slices.IndexFunc(view.Values, func(v server.HolderValueJSON) bool { return v.Address == "alias@contoso.test" })
	if v := view.Values[at]; v.Finding != 1 || !slices.Equal(v.Findings, []int{1, 2}) {
		t.Errorf("%+v", v)
	}
	facts.CloudIDs = nil
	if c := server.HolderViewOf(facts).Conflicts; c[0].CloudID != "" || c[1].ObjectGUID != "" {
		t.Errorf("what nobody knows: %+v", c)
	}
}

// No advice has an address given up as the one thing to do: a script that runs the commands strips nobody.
func TestNoCommandAloneGivesUp(t *testing.T) {
	t.Parallel()
	for code, kinds := range cause.Codes() {
		if !slices.Contains(kinds, cause.Finding) {
			continue
		}
		p := newPerson()
		f := cloudcheck.Finding{Severity: cloudcheck.Wrong, Cause: cause.Cause{Code: code, Conflict: &cause.Conflict{Kind: "group", Name: "Team", ID: "1"}}, Value: "smtp:alias@contoso.test"}
		view := server.HolderViewOf(server.HolderFacts{Diagnosis: cloudcheck.Diagnosis{Holder: p.holder, Findings: []cloudcheck.Finding{f}}, Tenant: &p.tenant})
		if command := view.Advice[0].Command; strings.Contains(command, "remove") {
			t.Errorf("%s: %s", code, command)
		}
	}
}

// Every code that a finding can have has its own advice, but for the one that is known by nothing better.
func TestEveryFindingHasAdvice(t *testing.T) {
	t.Parallel()
	seen := map[string]cause.Code{}
	for _, code := range []cause.Code{cause.NotInCloud, cause.CloudManaged, cause.SyncStopped, cause.LicenceMissing, cause.CalculatedOtherwise,
		cause.Quarantined, cause.HeldByDeleted, cause.ExportErrorSuspected, cause.DomainNotVerified, cause.ValueDiscarded, cause.TwoPrimaries} {
		d := cloudcheck.Diagnosis{Findings: []cloudcheck.Finding{{Severity: cloudcheck.Wrong, Cause: cause.Cause{Code: code}}}}
		do := server.HolderViewOf(server.HolderFacts{Diagnosis: d}).Advice[0].Do
		if do == "" || seen[do] != "" {
			t.Errorf("%s and %s are mended by %q", code, seen[do], do)
		}
		seen[do] = code
	}
	notice := cloudcheck.Diagnosis{Findings: []cloudcheck.Finding{{Severity: cloudcheck.Notice, Cause: cause.Cause{Code: cause.NotInCloud}}}}
	if advice := server.HolderViewOf(server.HolderFacts{Diagnosis: notice}).Advice; advice == nil || strings.TrimSpace(fmt.Sprint(advice)) != "[]" {
		t.Errorf("a notice needs nothing: %v", advice)
	}
}
