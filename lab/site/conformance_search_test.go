package site_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/site"
)

// searchCases are the rows of what a search finds and shows.
func searchCases() map[string]func(*testing.T, *bundle) {
	return map[string]func(*testing.T, *bundle){
		"filters":           filters,
		"hostile names":     hostileNames,
		"by GUID and SID":   byAlternativeName,
		"scopes":            scopes,
		"pages":             pages,
		"foreign base":      foreignBase,
		"root entry":        rootEntry,
		"schema":            schema,
		"partitions":        partitions,
		"domain root":       domainRoot,
		"more than a range": moreThanARange,
		"global catalog":    globalCatalog,
		"spelling of attributes": func(t *testing.T, b *bundle) {
			dn := b.user(t, "a@contoso.test")
			entry, err := b.Read(t.Context(), dn, "MAIL", "objectguid", "nosuchattribute")
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, attribute := range entry.Attributes {
				names = append(names, attribute.Name)
			}
			wantValues(t, names, "mail", "objectGUID")
		},
	}
}

// filters runs filters over the same few objects on both directories.
func filters(t *testing.T, b *bundle) {
	tag := b.tag
	b.add(t, site.Object{Kind: site.User, Name: tag + " Ann", Account: tag + "-ann", UPN: tag + "-ann@contoso.test",
		Mail: tag + "-ann@contoso.test", Proxies: []string{"SMTP:" + tag + "-Ann@contoso.test", "smtp:" + tag + "-a2@contoso.test"},
		Attributes: map[string][]string{"department": {"Sales"}, "msExchRecipientTypeDetails": {"4"}}})
	b.add(t, site.Object{Kind: site.User, Name: tag + " Bob", Account: tag + "-bob", UPN: tag + "-bob@contoso.test"})
	b.add(t, site.Object{Kind: site.Group, Name: tag + " Crew", Account: tag + "-crew", OU: site.Sales, Mail: tag + "-crew@contoso.test"})
	b.add(t, site.Object{Kind: site.Contact, Name: tag + " Dan", OU: site.Support, Mail: tag + "-dan@fabrikam.com"})
	for filter, want := range map[string][]string{
		"(objectClass=user)":                                          {"Ann", "Bob"},
		"(objectClass=person)":                                        {"Ann", "Bob", "Dan"},
		"(objectCategory=person)":                                     {"Ann", "Bob", "Dan"},
		"(objectCategory=group)":                                      {"Crew"},
		"(proxyAddresses=smtp:TAG-ANN@CONTOSO.TEST)":                  {"Ann"},
		"(proxyAddresses=smtp:TAG-a2@*)":                              {"Ann"},
		"(proxyAddresses=*-a2@*)":                                     {"Ann"},
		"(proxyAddresses=*)":                                          {"Ann"},
		"(!(proxyAddresses=*))":                                       {"Bob", "Crew", "Dan"},
		"(!(department=sales))":                                       {"Bob", "Crew", "Dan"},
		"(mail=*.test)":                                               {"Ann", "Crew"},
		"(mail=TAG*an@fabrikam.com)":                                  {"Dan"},
		"(|(mail=TAG-dan@fabrikam.com)(sAMAccountName=TAG-bob))":      {"Bob", "Dan"},
		"(&(objectClass=user)(mail=*))":                               {"Ann"},
		"(&)":                                                         {"Ann", "Bob", "Crew", "Dan"},
		"(userPrincipalName=tag-BOB@contoso.test)":                    {"Bob"},
		"(msExchRecipientTypeDetails>=4)":                             {"Ann"},
		"(msExchRecipientTypeDetails<=3)":                             nil,
		"(userAccountControl:1.2.840.113556.1.4.803:=512)":            {"Ann", "Bob"},
		"(userAccountControl:1.2.840.113556.1.4.804:=2)":              nil,
		"(displayName=TAG Ann)":                                       {"Ann"},
		"(noSuchAttribute=x)":                                         nil,
		"(noSuchAttribute=*)":                                         nil,
		`(displayName=TAG \41nn)`:                                     {"Ann"},
		"(distinguishedName=CN=TAG Bob,OU=People,DC=contoso,DC=test)": {"Bob"},
	} {
		filter = "(&(name=" + tag + " *)" + strings.NewReplacer("TAG", tag, "tag", tag).Replace(filter) + ")"
		var names []string
		for _, name := range b.found(t, filter) {
			names = append(names, strings.TrimPrefix(name, tag+" "))
		}
		if !slices.Equal(sorted(names), want) {
			t.Errorf("%s found %q, wanted %q", filter, names, want)
		}
	}
}

// hostileNames makes objects whose names need escapes, and finds them by DN and by filter.
func hostileNames(t *testing.T, b *bundle) {
	for _, name := range []string{"Doe, John", "a+b", `back\slash`, `"quoted"`, "<b>", "semi;colon", "#hash", "eq=ual", " lead and trail ",
		"star*", "(paren)", "ümläut", "日本", "😀", "a/b", "amp&", "tab\tin", "nul-free"} {
		full := b.name(name)
		if strings.HasPrefix(name, "#") || strings.HasPrefix(name, " ") {
			full = name + b.tag + strings.Repeat(" ", strings.Count(name, " ")/3)
		}
		dn := b.add(t, site.Object{Kind: site.Contact, Name: full})
		entry, err := b.Read(t.Context(), dn, "name")
		if err != nil || entry.GetAttributeValue("name") != full {
			t.Errorf("%q read by its DN %s: %v, %v", full, dn, entry, err)
			continue
		}
		if again, err := b.Read(t.Context(), entry.DN, "name"); err != nil || again.GetAttributeValue("name") != full {
			t.Errorf("%q read by the DN that the directory gave, %s: %v", full, entry.DN, err)
		}
		if names := b.found(t, "(name="+ldap.EscapeFilter(full)+")"); !slices.Equal(names, []string{full}) {
			t.Errorf("%q found by filter: %q", full, names)
		}
	}
}

func byAlternativeName(t *testing.T, b *bundle) {
	dn := b.user(t, "a@contoso.test")
	guid, err := b.GUID(t.Context(), dn)
	if err != nil {
		t.Fatal(err)
	}
	dashed := fmt.Sprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%x-%x", guid[3], guid[2], guid[1], guid[0], guid[5], guid[4],
		guid[7], guid[6], guid[8:10], guid[10:])
	entry, err := b.Read(t.Context(), dn, "objectSid")
	if err != nil {
		t.Fatal(err)
	}
	sid := entry.GetRawAttributeValue("objectSid")
	for _, name := range []string{"<GUID=" + dashed + ">", fmt.Sprintf("<GUID=%x>", guid[:]), fmt.Sprintf("<SID=%x>", sid)} {
		entry, err := b.Read(t.Context(), name, "mail")
		if err != nil || !strings.EqualFold(entry.DN, dn) {
			t.Errorf("%s: %v, %v", name, entry, err)
		}
	}
	wantCode(t, modify(b.service, "<GUID="+dashed+">", replace("mail", "b@contoso.test")), ldap.LDAPResultSuccess)
	wantValues(t, b.get(t, dn, "mail"), "b@contoso.test")
	var escaped strings.Builder
	for _, c := range guid {
		fmt.Fprintf(&escaped, `\%02x`, c)
	}
	if names := b.found(t, "(objectGUID="+escaped.String()+")"); len(names) != 1 {
		t.Errorf("by objectGUID: %q", names)
	}
	none := strings.Replace(dashed, dashed[:4], "0000", 1)
	_, err = search(b.service, "<GUID="+none+">", ldap.ScopeBaseObject, "(objectClass=*)", "mail")
	wantCode(t, err, ldap.LDAPResultNoSuchObject)
}

func scopes(t *testing.T, b *bundle) {
	unit := b.add(t, site.Object{Kind: site.OU, Name: b.name("unit")})
	parent := strings.TrimSuffix(unit, ","+b.BaseDN)
	b.add(t, site.Object{Kind: site.Contact, Name: "one", OU: parent})
	b.add(t, site.Object{Kind: site.OU, Name: "sub", OU: parent})
	b.add(t, site.Object{Kind: site.Contact, Name: "two", OU: "OU=sub," + parent})
	for scope, want := range map[int]int{ldap.ScopeBaseObject: 1, ldap.ScopeSingleLevel: 2, ldap.ScopeWholeSubtree: 4} {
		entries, err := search(b.service, unit, scope, "(objectClass=*)", "name")
		if err != nil || len(entries) != want {
			t.Errorf("scope %d: %d entries (%v), wanted %d", scope, len(entries), err, want)
		}
	}
}

// pages reads more objects than fit on a page, and then without pages, where only Windows keeps to MaxPageSize.
func pages(t *testing.T, b *bundle) {
	filter, objects := "(name=crowd *)", len(crowd())
	for _, size := range []uint32{100, 1000, 5000} {
		request := ldap.NewSearchRequest(b.DN(site.Support), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter,
			[]string{"name"}, nil)
		result, err := b.service.SearchWithPaging(request, size)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, entry := range result.Entries {
			seen[entry.DN] = true
		}
		if len(seen) != objects || len(result.Entries) != objects {
			t.Errorf("pages of %d: %d entries, %d of them different", size, len(result.Entries), len(seen))
		}
	}
	_, err := search(b.service, b.DN(site.Support), ldap.ScopeWholeSubtree, filter, "name")
	wantCode(t, err, differ[uint16](b, ldap.LDAPResultSuccess, ldap.LDAPResultSizeLimitExceeded))
}

func foreignBase(t *testing.T, b *bundle) {
	_, err := search(b.service, "DC=fabrikam,DC=com", ldap.ScopeWholeSubtree, "(objectClass=*)", "name")
	wantCode(t, err, differ[uint16](b, ldap.LDAPResultNoSuchObject, ldap.LDAPResultReferral))
	_, err = search(b.service, "no DN", ldap.ScopeBaseObject, "(objectClass=*)", "name")
	wantCode(t, err, ldap.LDAPResultInvalidDNSyntax)
}

func rootEntry(t *testing.T, b *bundle) {
	entries, err := search(b.service, "", ldap.ScopeBaseObject, "(objectClass=*)", "defaultNamingContext", "supportedControl",
		"configurationNamingContext", "schemaNamingContext", "dnsHostName", "currentTime", "isGlobalCatalogReady", "highestCommittedUSN")
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	for attribute, want := range map[string]string{"defaultNamingContext": site.BaseDN, "dnsHostName": site.HostName,
		"configurationNamingContext": "CN=Configuration," + site.BaseDN, "isGlobalCatalogReady": "TRUE",
		"schemaNamingContext": "CN=Schema,CN=Configuration," + site.BaseDN} {
		if got := entries[0].GetAttributeValue(attribute); got != want {
			t.Errorf("%s is %q, wanted %q", attribute, got, want)
		}
	}
	if !slices.Contains(entries[0].GetAttributeValues("supportedControl"), ldap.ControlTypePaging) {
		t.Error("paging is not a supported control")
	}
	for _, attribute := range []string{"currentTime", "highestCommittedUSN"} {
		if entries[0].GetAttributeValue(attribute) == "" {
			t.Errorf("no %s", attribute)
		}
	}
}

// schema reads how the directory describes the attributes that matter: it is the same on both.
func schema(t *testing.T, b *bundle) {
	base := "CN=Schema,CN=Configuration," + site.BaseDN
	for name, want := range map[string]string{
		"proxyAddresses": "FALSE TRUE 1 1123 5", "mail": "TRUE TRUE 0 256 1", "mailNickname": "TRUE TRUE 1 64 13",
		"targetAddress": "TRUE TRUE 1 1123 1", "userPrincipalName": "TRUE TRUE  1024 1",
	} {
		entries, err := search(b.service, base, ldap.ScopeSingleLevel, "(&(objectClass=attributeSchema)(lDAPDisplayName="+name+"))",
			"isSingleValued", "isMemberOfPartialAttributeSet", "rangeLower", "rangeUpper", "searchFlags")
		if err != nil || len(entries) != 1 {
			t.Fatalf("%s: %v, %v", name, entries, err)
		}
		var got []string
		for _, attribute := range []string{"isSingleValued", "isMemberOfPartialAttributeSet", "rangeLower", "rangeUpper", "searchFlags"} {
			got = append(got, entries[0].GetAttributeValue(attribute))
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: %s, wanted %s", name, text, want)
		}
	}
}

func partitions(t *testing.T, b *bundle) {
	entries, err := search(b.service, "CN=Partitions,CN=Configuration,"+site.BaseDN, ldap.ScopeSingleLevel,
		"(&(objectClass=crossRef)(systemFlags:1.2.840.113556.1.4.803:=2))", "nCName", "dnsRoot", "nETBIOSName")
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	got := []string{entries[0].GetAttributeValue("nCName"), entries[0].GetAttributeValue("dnsRoot"), entries[0].GetAttributeValue("nETBIOSName")}
	if want := []string{site.BaseDN, site.Domain, "CONTOSO"}; !slices.Equal(got, want) {
		t.Errorf("%q, wanted %q", got, want)
	}
}

// domainRoot: a search of the whole domain gives one reference, to the configuration, which it does not contain.
func domainRoot(t *testing.T, b *bundle) {
	request := ldap.NewSearchRequest(site.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(|(objectClass=attributeSchema)(name=Partitions))", []string{"name"}, nil)
	result, err := b.service.Search(request)
	if err != nil || len(result.Entries) != 0 || len(result.Referrals) != 1 || !strings.Contains(result.Referrals[0], "CN=Configuration") {
		t.Fatalf("%+v, %v", result, err)
	}
	request.Controls = []ldap.Control{ldap.NewControlString("1.2.840.113556.1.4.1339", false, "")}
	if result, err = b.service.Search(request); err != nil || len(result.Referrals) != 0 {
		t.Fatalf("with domain scope: %+v, %v", result, err)
	}
}

// moreThanARange gives an object more values than Windows shows at once, and reads them all.
func moreThanARange(t *testing.T, b *bundle) {
	const count = 1600
	dn := b.user(t, "")
	values := make([]string, count)
	for i := range values {
		values[i] = fmt.Sprintf("smtp:%s-%04d@contoso.test", b.tag, i)
	}
	wantCode(t, modify(b.admin, dn, add("proxyAddresses", values...)), ldap.LDAPResultSuccess)
	entry, err := b.Read(t.Context(), dn, "proxyAddresses")
	if err != nil {
		t.Fatal(err)
	}
	plain := len(entry.GetAttributeValues("proxyAddresses"))
	first := len(entry.GetAttributeValues("proxyAddresses;range=0-1499"))
	if want := differ(b, [2]int{count, 0}, [2]int{0, 1500}); want != [2]int{plain, first} {
		t.Fatalf("%d values plain and %d in a range, wanted %v", plain, first, want)
	}
	if b.kind == onSamba {
		return
	}
	entry, err = b.Read(t.Context(), dn, "proxyAddresses;range=1500-*")
	if err != nil || len(entry.GetAttributeValues("proxyAddresses;range=1500-*")) != count-1500 {
		t.Fatalf("the rest: %v, %v", entry, err)
	}
}

func globalCatalog(t *testing.T, b *bundle) {
	dn := b.user(t, "", "SMTP:"+b.tag+"-gc@contoso.test")
	wantCode(t, modify(b.admin, dn, replace("department", b.tag)), ldap.LDAPResultSuccess)
	conn, err := b.DialGlobalCatalog(t.Context(), b.Service)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	entries, err := search(conn, "", ldap.ScopeWholeSubtree, "(proxyAddresses=smtp:"+b.tag+"-gc@contoso.test)", "proxyAddresses", "department")
	if err != nil || len(entries) != 1 || !strings.EqualFold(entries[0].DN, dn) {
		t.Fatalf("%v, %v", entries, err)
	}
	wantValues(t, entries[0].GetAttributeValues("proxyAddresses"), "SMTP:"+b.tag+"-gc@contoso.test")
	wantValues(t, entries[0].GetAttributeValues("department"), differ(b, []string{b.tag}, nil)...)
}
