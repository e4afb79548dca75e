package cloudcheck

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// brief is a finding without its sentence: severity, code and value.
func brief(f Finding) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Severity, f.Code, f.Value))
}

func briefs(findings []Finding) []string {
	list := make([]string, len(findings))
	for i, f := range findings {
		list[i] = brief(f)
	}
	return list
}

// settledWorld is a holder in order whose last change the cloud had time for.
func settledWorld() *world {
	w := newWorld()
	w.settle()
	return w
}

func (w *world) diagnose() Diagnosis {
	return w.checker().Diagnose(w.c.Ref.Holder, w.fake.tenant, w.object)
}

func (w *world) holder() *address.Holder { return &w.c.Ref.Holder }

// onPremises gives the holder other values.
func (w *world) onPremises(mail string, proxies ...address.Proxy) {
	w.holder().Values = address.Values{Mail: mail, Proxies: proxies}
}

// follow makes the cloud show what is predicted.
func (w *world) follow() {
	r := calculate(*w.holder(), w.fake.tenant, w.object)
	w.object.Mail, w.object.Proxies, w.object.UPN, w.object.Nickname = r.Mail, r.Proxies, r.UPN, r.Nickname
}

type diagnosisCase struct {
	name   string
	change func(*world)
	want   []string
	// says are parts of the first finding's sentence.
	says []string
}

func TestDiagnoseOnPremises(t *testing.T) {
	t.Parallel()
	testDiagnoses(t, []diagnosisCase{
		{name: "in order", change: func(*world) {}},
		{name: "two primaries, named in one order", change: func(w *world) {
			w.onPremises("jdoe@contoso.com", "SMTP:x@contoso.com", "SMTP:jdoe@contoso.com")
			w.follow()
		}, want: []string{"wrong two_primaries"}, says: []string{"SMTP:jdoe@contoso.com, SMTP:x@contoso.com", "John Doe"}},
		{name: "mail differs", change: func(w *world) { w.holder().Mail = "old@contoso.com" },
			want: []string{"wrong mail_differs old@contoso.com"}, says: []string{"old@contoso.com", "jdoe@contoso.com"}},
		{name: "two primaries, and mail is neither", change: func(w *world) {
			w.onPremises("old@contoso.com", "SMTP:x@contoso.com", "SMTP:jdoe@contoso.com")
			w.follow()
		}, want: []string{"wrong two_primaries", "wrong mail_differs old@contoso.com"}},
		{name: "mail in another case", change: func(w *world) { w.holder().Mail = "JDOE@Contoso.com" }},
		{name: "aliases that mask mail", change: func(w *world) {
			w.onPremises("jdoe@contoso.com", "smtp:j.doe@contoso.com")
			w.follow()
		}, want: []string{"wrong no_primary jdoe@contoso.com"}, says: []string{"jdoe@contoso.onmicrosoft.com"}},
		{name: "aliases of one whose primary is meant to be the MOERA", change: func(w *world) {
			w.onPremises("", "smtp:j.doe@contoso.com")
			w.follow()
		}},
		{name: "aliases and nothing that could be the primary", change: func(w *world) {
			w.onPremises("", "smtp:j.doe@contoso.com")
			w.object.ExchangeLicensed, w.object.Proxies, w.object.Mail = false, nil, ""
			w.follow()
		}, want: []string{"notice no_primary"}},
		{name: "a reserved domain", change: func(w *world) { w.add("smtp:jd@fabrikam.onmicrosoft.com") },
			want: []string{"wrong value_discarded smtp:jd@fabrikam.onmicrosoft.com"}, says: []string{"reserved_suffix"}},
		{name: "the MOERA itself", change: func(w *world) { w.add("smtp:jdoe@contoso.onmicrosoft.com") },
			want: []string{"notice value_discarded smtp:jdoe@contoso.onmicrosoft.com"}},
		{name: "no prefix", change: func(w *world) { w.add("jd@contoso.com") },
			want: []string{"wrong value_discarded jd@contoso.com"}, says: []string{"malformed"}},
		{name: "a legacy type", change: func(w *world) { w.add("X400:c=de;a= ;p=Contoso;s=Doe;") },
			want: []string{"notice value_discarded X400:c=de;a= ;p=Contoso;s=Doe;"}},
		{name: "a domain that is not verified", change: func(w *world) { w.add("smtp:jd@fabrikam.com") },
			want: []string{"wrong domain_not_verified smtp:jd@fabrikam.com"}, says: []string{"fabrikam.com"}},
		{name: "a mail that is discarded", change: func(w *world) {
			w.onPremises("j doe@contoso.com")
			w.follow()
		}, want: []string{"wrong value_discarded j doe@contoso.com"}},
		{name: "too many", change: func(w *world) {
			for i := range 310 {
				w.add(address.Proxy(fmt.Sprintf("smtp:a%d@contoso.com", i)))
			}
			w.follow()
		}, want: []string{"notice too_many_addresses"}, says: []string{"313 values"}},
		{name: "wrong on-premises, although the sync has to come", change: func(w *world) {
			w.add("jd@contoso.com")
			w.add("smtp:new@contoso.com")
			w.fake.tenant.LastSync = before()
		}, want: []string{"wrong value_discarded jd@contoso.com", "pending not_synced_yet"}},
	})
}

// add gives the holder one more value.
func (w *world) add(p address.Proxy) { w.holder().Proxies = w.holder().Proxies.With(p) }

func TestDiagnoseCloud(t *testing.T) {
	t.Parallel()
	testDiagnoses(t, []diagnosisCase{
		{name: "an alias is absent", change: (*world).arriving,
			want: []string{"wrong calculated_otherwise smtp:j.doe@contoso.com"}},
		{name: "an alias is in quarantine", change: func(w *world) {
			w.arriving()
			w.object.Errors = []ProvisioningError{{Category: "PropertyConflict", Property: "ProxyAddresses", Value: "SMTP:j.doe@contoso.com"}}
		}, want: []string{"wrong quarantined smtp:j.doe@contoso.com"}, says: []string{"another object"}},
		{name: "the primary is absent: one finding", change: func(w *world) {
			w.object.Proxies = address.Set{"SMTP:jdoe@contoso.onmicrosoft.com", "smtp:j.doe@contoso.com"}
			w.object.Mail = "jdoe@contoso.onmicrosoft.com"
		}, want: []string{"wrong calculated_otherwise SMTP:jdoe@contoso.com"}},
		{name: "another primary", change: func(w *world) {
			w.object.Proxies = address.Set{"SMTP:j.doe@contoso.com", "smtp:jdoe@contoso.com", "smtp:jdoe@contoso.onmicrosoft.com"}
			w.object.Mail = "j.doe@contoso.com"
		}, want: []string{"wrong calculated_otherwise SMTP:jdoe@contoso.com"}, says: []string{"SMTP:j.doe@contoso.com", "mail j.doe@contoso.com"}},
		{name: "mail behind the primary", change: func(w *world) { w.object.Mail = "other@contoso.com" },
			want: []string{"wrong calculated_otherwise SMTP:jdoe@contoso.com"}},
		{name: "the licence is gone", change: func(w *world) {
			w.object.ExchangeLicensed = false
			w.object.Proxies = address.Set{"SMTP:jdoe@contoso.onmicrosoft.com", "smtp:jdoe@contoso.com", "smtp:j.doe@contoso.com"}
			w.object.Mail = "jdoe@contoso.onmicrosoft.com"
		}, want: []string{"wrong licence_missing SMTP:jdoe@contoso.com"}},
		{name: "one address more", change: func(w *world) { w.object.Proxies = w.object.Proxies.With("smtp:gone@contoso.com") },
			want: []string{"wrong calculated_otherwise smtp:gone@contoso.com"}, says: []string{"does not have"}},
		{name: "what the cloud adds by itself", change: func(w *world) {
			w.object.ExchangeLicensed = false
			w.object.Proxies = w.object.Proxies.With("smtp:second@contoso.onmicrosoft.com", "SPO:SPO_1@SPO_2", "x500:/o=ExchangeLabs/cn=1")
		}},
		{name: "the UPN of one without a licence, and the tenant's routing domain", change: func(w *world) {
			w.onPremises("")
			w.object.ExchangeLicensed = false
			w.object.Mail, w.object.Proxies = "jdoe@contoso.onmicrosoft.com", address.Set{"SMTP:jdoe@contoso.onmicrosoft.com", "smtp:jdoe@contoso.com",
				"smtp:jdoe@contoso.mail.onmicrosoft.com"}
		}},
		{name: "another UPN", change: func(w *world) { w.object.UPN, w.object.OnPremUPN = "jane@contoso.com", "jane@contoso.com" },
			want: []string{"wrong calculated_otherwise jdoe@contoso.com"}, says: []string{"jane@contoso.com"}},
		{name: "the UPN is in quarantine", change: func(w *world) {
			w.object.UPN = "jdoe1234@contoso.onmicrosoft.com"
			w.object.Errors = []ProvisioningError{{Category: "PropertyConflict", Property: "UserPrincipalName", Value: "jdoe@contoso.com"}}
		}, want: []string{"wrong quarantined jdoe@contoso.com"}},
		{name: "people sign in with mail", change: func(w *world) {
			w.holder().UPN, w.object.OnPremUPN = "jdoe@corp.contoso.local", "jdoe@corp.contoso.local"
		}},
		{name: "people sign in with an attribute of their own", change: func(w *world) {
			w.object.UPN = "john.doe@contoso.com"
			w.object.Proxies = w.object.Proxies.With("smtp:john.doe@contoso.com")
		}, want: []string{"notice calculated_otherwise jdoe@contoso.com"}, says: []string{"alternate login", "john.doe@contoso.com"}},
		{name: "the same where the UPN is not verified", change: func(w *world) {
			w.holder().UPN, w.object.OnPremUPN, w.object.UPN = "jdoe@corp.local", "jdoe@corp.local", "john.doe@contoso.com"
			w.object.Proxies = w.object.Proxies.With("smtp:john.doe@contoso.com")
		}, want: []string{"notice calculated_otherwise jdoe@corp.local"}},
		{name: "the UPN fell back to the tenant's own domain", change: func(w *world) { w.object.UPN = "jdoe@contoso.onmicrosoft.com" },
			want: []string{"wrong calculated_otherwise jdoe@contoso.com"}},
		{name: "turned into a shared mailbox in the cloud", change: func(w *world) {
			w.onPremises("")
			w.object.ExchangeLicensed = false
			w.object.Mail, w.object.Proxies = "jdoe@contoso.com", address.Set{"SMTP:jdoe@contoso.com", "smtp:jdoe@contoso.onmicrosoft.com"}
		}, want: []string{"notice calculated_otherwise SMTP:jdoe@contoso.com"}, says: []string{"shared mailbox"}},
		{name: "not in the cloud", change: func(w *world) { w.object = nil },
			want: []string{"wrong not_in_cloud"}, says: []string{"sync scope"}},
		{name: "a critical system object", change: func(w *world) { w.object, w.holder().Critical = nil, true },
			want: []string{"notice not_in_cloud"}, says: []string{"critical system object"}},
		{name: "nothing that could be missing", change: func(w *world) {
			w.object = nil
			w.onPremises("")
		}, want: []string{"notice not_in_cloud"}},
		{name: "a contact without mail", change: func(w *world) {
			w.object, w.holder().Kind = nil, address.Contact
			w.onPremises("", "SMTP:jdoe@fabrikam.com")
		}, want: []string{"notice not_in_cloud"}, says: []string{"contact"}},
		{name: "managed in the cloud, and different", change: func(w *world) {
			w.arriving()
			w.object.SyncEnabled = nil
		}, want: []string{"wrong cloud_managed"}},
		{name: "managed in the cloud, and the same", change: func(w *world) { w.object.SyncEnabled = ptr(false) },
			want: []string{"notice cloud_managed"}},
		{name: "a domain of one who is no recipient", change: func(w *world) {
			w.object.ExchangeLicensed = false
			w.add("smtp:jd@fabrikam.com")
		}, want: []string{"wrong domain_not_verified smtp:jd@fabrikam.com"}},
		{name: "an address that only the cloud would make", change: func(w *world) {
			w.object.Proxies = w.object.Proxies.Without("smtp:jdoe@contoso.onmicrosoft.com")
		}, want: []string{"notice calculated_otherwise smtp:jdoe@contoso.onmicrosoft.com"}},
	})
}

func TestDiagnosePending(t *testing.T) {
	t.Parallel()
	absent := []string{"wrong calculated_otherwise smtp:j.doe@contoso.com"}
	testDiagnoses(t, []diagnosisCase{
		{name: "changed after the last sync", change: func(w *world) {
			w.arriving()
			w.fake.tenant.LastSync, w.now = before(), written().Add(time.Minute)
		}, want: []string{"pending not_synced_yet"}, says: []string{"smtp:j.doe@contoso.com", "changed on-premises at 2026-03-02 09:10:00 UTC", "09:00:00 UTC, before that;"}},
		{name: "changed in the second of the last sync", change: func(w *world) {
			w.arriving()
			w.holder().Changed = written().Add(400 * time.Millisecond)
			w.fake.tenant.LastSync, w.now = written(), written().Add(time.Minute)
		}, want: []string{"pending not_synced_yet"}, says: []string{"09:10:00 UTC, in the same second, which does not count yet;"}},
		{name: "one sync, which may have begun before", change: func(w *world) {
			w.arriving()
			w.fake.tenant.LastSync, w.now = first(), first().Add(time.Minute)
		}, want: []string{"pending not_calculated_yet"}},
		{name: "exported just now", change: func(w *world) {
			w.arriving()
			w.object.LastSync, w.now = second(), second().Add(time.Minute)
		}, want: []string{"pending not_calculated_yet"}},
		{name: "exported long ago", change: func(w *world) {
			w.arriving()
			w.object.LastSync, w.now = first(), first().Add(time.Hour)
		}, want: absent},
		{name: "the sync has stopped", change: func(w *world) {
			w.arriving()
			w.fake.tenant.LastSync, w.now = before(), before().Add(2*time.Hour)
		}, want: []string{"wrong sync_stopped"}},
		{name: "the sync is off", change: func(w *world) {
			w.arriving()
			w.fake.tenant.LastSync, w.now, w.fake.tenant.SyncEnabled = before(), written().Add(time.Minute), ptr(false)
		}, want: []string{"wrong sync_stopped"}},
		{name: "the last sync is not known, and the change is new", change: func(w *world) {
			w.arriving()
			w.fake.tenant.LastSync = time.Time{}
		}, want: []string{"pending not_synced_yet"}},
		{name: "the last sync is not known, and the change is old", change: func(w *world) {
			w.arriving()
			w.fake.tenant.LastSync, w.now = time.Time{}, written().Add(91*time.Minute)
		}, want: absent},
		{name: "nobody knows when it changed", change: func(w *world) {
			w.arriving()
			w.holder().Changed = time.Time{}
		}, want: absent},
		{name: "new, and not in the cloud yet", change: func(w *world) {
			w.object = nil
			w.fake.tenant.LastSync, w.now = before(), written().Add(time.Minute)
		}, want: []string{"pending not_synced_yet"}, says: []string{"the holder"}},
		{name: "a quarantine that shows is there already", change: func(w *world) {
			w.arriving()
			w.fake.tenant.LastSync = before()
			w.object.Errors = []ProvisioningError{{Property: "ProxyAddresses", Value: "smtp:j.doe@contoso.com"}}
		}, want: []string{"wrong quarantined smtp:j.doe@contoso.com"}},
		{name: "several at once are one wait", change: func(w *world) {
			w.fake.tenant.LastSync = before()
			for _, p := range []address.Proxy{"smtp:d@contoso.com", "smtp:c@contoso.com", "smtp:b@contoso.com", "smtp:a@contoso.com"} {
				w.add(p)
			}
			w.object.Proxies = w.object.Proxies.With("smtp:z@contoso.com")
			w.object.UPN, w.object.OnPremUPN = "jane@contoso.com", "jane@contoso.com"
			w.now = written().Add(time.Minute)
		}, want: []string{"pending not_synced_yet"}, says: []string{"and 3 more"}},
		{name: "nothing differs", change: func(w *world) { w.fake.tenant.LastSync = before() }},
	})
}

func testDiagnoses(t *testing.T, cases []diagnosisCase) {
	t.Helper()
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := settledWorld()
			test.change(w)
			d := w.diagnose()
			if got := briefs(d.Findings); !slices.Equal(got, test.want) {
				t.Fatalf("found %q, want %q\n%+v", got, test.want, d.Findings)
			}
			for _, part := range test.says {
				if !strings.Contains(d.Findings[0].Message, part) {
					t.Errorf("%q does not say %q", d.Findings[0].Message, part)
				}
			}
			slices.Reverse(w.holder().Proxies)
			if again := briefs(w.diagnose().Findings); !slices.Equal(again, test.want) {
				t.Errorf("with the values in another order: %q", again)
			}
		})
	}
}

func TestDiagnoseOnPremisesAlone(t *testing.T) {
	t.Parallel()
	h := *settledWorld().holder()
	for name, test := range map[string]struct {
		values address.Values
		want   []string
	}{
		"in order":                        {values: h.Values},
		"mail differs":                    {values: address.Values{Mail: "a@contoso.com", Proxies: h.Proxies}, want: []string{"wrong mail_differs a@contoso.com"}},
		"two primaries":                   {values: address.Values{Proxies: address.Set{"SMTP:a@contoso.com", "SMTP:b@contoso.com"}}, want: []string{"wrong two_primaries"}},
		"what only the tenant could tell": {values: address.Values{Mail: "a@contoso.com", Proxies: address.Set{"smtp:b@contoso.com"}}},
	} {
		h.Values = test.values
		if got := briefs(DiagnoseOnPremises(h).Findings); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestInOrder(t *testing.T) {
	t.Parallel()
	for severity, want := range map[Severity]bool{Wrong: false, Pending: false, Notice: true} {
		if (Diagnosis{Findings: []Finding{{Severity: Notice}, {Severity: severity}}}).InOrder() != want {
			t.Errorf("%s", severity)
		}
	}
}

func TestAddKeepsTheOrder(t *testing.T) {
	t.Parallel()
	var d Diagnosis
	d.Add(Finding{Severity: Notice, Cause: cause.Cause{Code: cause.CloudManaged}}, Finding{Severity: Wrong, Cause: cause.Cause{Code: cause.ValueDiscarded}})
	b := DuplicateOnPremises("b@contoso.com", cause.Conflict{Kind: "group", Name: "Sales", Address: "smtp:b@contoso.com"})
	a := DuplicateOnPremises("a@contoso.com", cause.Conflict{Kind: "user", Name: "Ann", Address: "mail"})
	d.Add(b, a)
	want := []string{"wrong duplicate_on_premises a@contoso.com", "wrong duplicate_on_premises b@contoso.com", "wrong value_discarded", "notice cloud_managed"}
	if got := briefs(d.Findings); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if b.Conflict.Name != "Sales" || !strings.Contains(b.Message, "the group Sales (smtp:b@contoso.com)") {
		t.Errorf("%+v", b)
	}
}

// TestDiagnoseAsOfTheReading: what was read before the cloud had its time is not judged by the clock of a later comparison.
// Explain reads and compares at once, so it goes by its own clock.
func TestDiagnoseAsOfTheReading(t *testing.T) {
	t.Parallel()
	w := settledWorld()
	w.arriving()
	read := second()
	w.holder().Changed, w.object.LastSync, w.fake.tenant.LastSync = read.Add(-3*time.Minute), read.Add(-2*time.Minute), read.Add(-2*time.Minute)
	w.now = read.Add(45 * time.Minute)
	late := []string{"wrong calculated_otherwise smtp:j.doe@contoso.com"}
	if got := briefs(w.diagnose().Findings); !slices.Equal(got, late) {
		t.Errorf("without a reading: %q", got)
	}
	w.fake.tenant.ReadAt = read
	if got := briefs(w.diagnose().Findings); !slices.Equal(got, []string{"pending not_calculated_yet"}) {
		t.Errorf("as of the reading: %q", got)
	}
	x, err := w.checker().Explain(t.Context(), Ref{Holder: *w.holder()})
	if got := briefs(x.Diagnosis.Findings); err != nil || !slices.Equal(got, late) {
		t.Errorf("explained: %q, %v", got, err)
	}
}

// TestFindingsAreCodes: what is found is listed as a finding. ambiguous_holder is the audit's, which cannot tell whom to compare.
func TestFindingsAreCodes(t *testing.T) {
	t.Parallel()
	for code, kinds := range cause.Codes() {
		listed := slices.Contains(kinds, cause.Finding) && code != cause.AmbiguousHolder
		if found := slices.Contains(codesInOrder(), code); found != listed {
			t.Errorf("%s is found %v, listed %v", code, found, listed)
		}
	}
}
