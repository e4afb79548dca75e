package store

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/directory/wire"
)

// zoo is a store with a few objects that differ in everything that filters ask for.
func zoo(t testing.TB) *Store {
	s := newStore(t)
	put(t, s, "CN=Ann,"+people, "user", "sAMAccountName", "ann", "mail", "ann@contoso.test", "proxyAddresses", "SMTP:Ann@contoso.test",
		"department", "Sales", "userAccountControl", "544")
	put(t, s, "CN=Bob,"+people, "user", "sAMAccountName", "bob", "displayName", "José Müller", "msExchRecipientTypeDetails", "34359738368")
	put(t, s, "CN=Crew,"+people, "group", "sAMAccountName", "crew", "member", "CN=Ann,"+people)
	put(t, s, "CN=Dan (x*y),"+people, "contact", "mail", "dan@fabrikam.com", "description", `back\slash`)
	put(t, s, "CN=PC,"+people, "computer", "sAMAccountName", "pc$")
	return s
}

func TestFilters(t *testing.T) {
	t.Parallel()
	s := zoo(t)
	for filter, want := range map[string][]string{
		"(objectCategory=computer)": {"PC"},
		"(objectCategory=user)":     {"Ann", "Bob", "Dan (x*y)"},
		"(objectCategory=CN=Group,CN=Schema,CN=Configuration,DC=contoso,DC=test)": {"Crew"},
		"(displayName=jose muller)":                     {"Bob"},
		"(displayName=*MULLER)":                         {"Bob"},
		`(displayName=JOS\c3\89*)`:                      {"Bob"},
		`(cn=Dan \28x\2ay\29)`:                          {"Dan (x*y)"},
		`(cn=dan*\2a*)`:                                 {"Dan (x*y)"},
		`(description=BACK\5cSLASH)`:                    {"Dan (x*y)"},
		"(member=cn=ann, ou=people,dc=contoso,dc=test)": {"Crew"},
		"(member=CN=nobody," + people + ")":             nil,
		"(member=CN=A*)":                                nil,
		"(mail>=b)":                                     {"Dan (x*y)"},
		"(msExchRecipientTypeDetails>=34359738367)":     {"Bob"},
		"(msExchRecipientTypeDetails:1.2.840.113556.1.4.803:=34359738368)": {"Bob"},
		"(userAccountControl:1.2.840.113556.1.4.804:=3)":                   {"Bob", "PC"},
		"(mail:1.2.840.113556.1.4.803:=1)":                                 nil,
		"(mail:1.2.3.4:=ann@contoso.test)":                                 nil,
		"(mail:=ANN@contoso.test)":                                         {"Ann"},
		"(userAccountControl=many)":                                        nil,
		"(!(userAccountControl=many))":                                     nil,
		"(!(noSuchAttribute=x))":                                           nil,
		"(|(noSuchAttribute=x)(mail=ann@contoso.test))":                    {"Ann"},
		"(&(noSuchAttribute=x)(mail=ann@contoso.test))":                    nil,
		"(&(objectClass=user)(!(objectClass=computer))(!(mail=*)))":        {"Bob"},
		"(allowedAttributes=mail)":                                         nil,
		"(1.2.840.113556.1.2.210=smtp:ann@contoso.test)":                   {"Ann"},
		"(mail~=ann@contoso.test)":                                         {"Ann"},
		"(|)":                                                              nil,
	} {
		if got := find(t, s, "(&(|(objectClass=person)(objectClass=group))"+filter+")"); !slices.Equal(got, want) {
			t.Errorf("%s found %q, wanted %q", filter, got, want)
		}
	}
}

// TestFiltersUseTheIndex: searches for one object among many must not look at all of them.
func TestFiltersUseTheIndex(t *testing.T) {
	t.Parallel()
	s := zoo(t)
	for filter, indexed := range map[string]bool{
		"(proxyAddresses=smtp:ann@contoso.test)": true, "(mail=ann@contoso.test)": true, "(userPrincipalName=x)": true,
		"(sAMAccountName=ann)": true, "(objectGUID=x)": true, "(objectSid=S-1-5-21-1)": true, "(displayName=x)": true, "(cn=x)": true,
		"(targetAddress=smtp:x)": true, "(|(mail=a)(proxyAddresses=smtp:a)(userPrincipalName=a))": true,
		"(&(objectClass=person)(mail=ann@contoso.test))": true, "(distinguishedName=CN=Ann," + people + ")": true,
		"(department=Sales)": false, "(mail=*)": false, "(|(mail=a)(department=x))": false, "(!(mail=a))": false,
	} {
		f := compiled(t, s, filter)
		nodes, ok := f.candidates(s)
		if ok != indexed || len(nodes) > 1 {
			t.Errorf("%s: %d candidates, from an index: %v, wanted %v", filter, len(nodes), ok, indexed)
		}
	}
}

func compiled(t testing.TB, s *Store, text string) *filter {
	t.Helper()
	packet, err := ldap.CompileFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	f, err := compiler{store: s}.compile(packet, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFilterTooDeep(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	packet, err := ldap.CompileFilter(strings.Repeat("(!", 200) + "(cn=x)" + strings.Repeat(")", 200))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Search(Query{Base: base, Scope: wire.Subtree, Filter: packet})
	if codeOf(err) != ldap.LDAPResultProtocolError {
		t.Fatal(err)
	}
}

// FuzzFilter: whatever the filter, an indexed search finds exactly what looking at every object finds, and a filter and its
// negation never find the same object.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"(cn=Ann)", "(&(mail=*)(!(cn=b*)))", `(objectGUID=\01\02)`, "(|(proxyAddresses=smtp:*@*)(member=CN=Ann," + people + "))",
		"(userAccountControl:1.2.840.113556.1.4.803:=2)", "(objectCategory=person)", "(whenCreated>=20260101000000.0Z)", "(objectSid=S-1-5-32)",
		`(displayName=\ff\fe*)`, "(cn:dn:=x)", "(:1.2.3:=x)", "(mail=**)", "(distinguishedName=<GUID=00>)"} {
		f.Add(seed)
	}
	s := zoo(f)
	f.Fuzz(func(t *testing.T, text string) {
		packet, err := ldap.CompileFilter(text)
		if err != nil {
			return
		}
		understood, err := compiler{store: s}.compile(packet, 0)
		if err != nil {
			return
		}
		domain, err := s.resolve(base)
		if err != nil {
			t.Fatal(err)
		}
		var want []*node
		negation := &filter{kind: not, parts: []*filter{understood}}
		for _, n := range s.all[1:] {
			matches := understood.match(n)
			if matches == yes && n.below(domain) {
				want = append(want, n)
			}
			if matches+negation.match(n) != yes {
				t.Fatalf("%s and its negation disagree on %s", text, n.name())
			}
		}
		if got := s.find(Query{Scope: wire.Subtree}, understood, domain); !slices.Equal(got, want) {
			t.Fatalf("%s finds %d objects by the index and %d without", text, len(got), len(want))
		}
	})
}
