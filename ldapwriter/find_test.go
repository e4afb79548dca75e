package ldapwriter_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/ldapwriter"
)

func findByEveryIdentity(t *testing.T, b *bundle) {
	user := site.Object{Kind: site.User, Name: b.name("John Doe"), Account: b.name("jdoe"), UPN: b.mail("john"),
		Mail: b.mail("doe"), Proxies: b.smtp("SMTP:doe", "smtp:j.doe", "x500:jd")}
	group := site.Object{Kind: site.Group, Name: b.name("Team One"), OU: site.Sales, Account: b.name("team1"),
		Proxies: b.smtp("SMTP:team")}
	contact := site.Object{Kind: site.Contact, Name: b.name("Partner, Inc."), OU: site.Support, Mail: b.mail("partner")}
	d := open(t, b.options())
	for _, o := range []site.Object{user, group, contact} {
		guid := b.add(t, o)
		identities := []string{guid.String(), "{" + strings.ToUpper(guid.String()) + "}", b.dc.DNOf(o), o.Name, " " + strings.ToUpper(o.Name) + " "}
		if o.UPN != "" {
			identities = append(identities, o.UPN, strings.ToUpper(o.UPN))
		}
		if o.Mail != "" {
			identities = append(identities, o.Mail)
		}
		if o.Account != "" {
			identities = append(identities, o.Account, `CONTOSO\`+o.Account, `contoso.TEST\`+o.Account)
		}
		for _, p := range o.Proxies {
			if bare, found := strings.CutPrefix(strings.ToLower(p), "smtp:"); found {
				identities = append(identities, p, bare)
			}
		}
		for _, identity := range identities {
			entry, err := d.Find(t.Context(), identity)
			if err != nil || entry.GUID != guid || entry.Kind != address.Kind(o.Kind) || entry.DC != b.dc.Server {
				t.Errorf("find %q: %v, %v", identity, entry.DN, err)
			}
		}
	}
}

func findNobody(t *testing.T, b *bundle) {
	b.user(t, "somebody", "", b.smtp("SMTP:somebody", "x500:other")...)
	b.add(t, site.Object{Kind: site.OU, Name: b.name("Unit")})
	b.add(t, site.Object{Kind: "computer", Name: b.name("PC"), Attributes: map[string][]string{
		"objectClass": {"top", "person", "organizationalPerson", "user", "computer"}, "sAMAccountName": {b.name("PC") + "$"},
		"userAccountControl": {"4096"}}})
	d := open(t, b.options())
	for _, identity := range []string{
		"", " ", "nobody", "nobody@contoso.test", "00000000-0000-0000-0000-000000000001", "CN=Nobody,OU=People,DC=contoso,DC=test",
		"OU=" + b.name("Unit") + ",OU=People,DC=contoso,DC=test", b.dc.BaseDN, "DC=elsewhere,DC=test",
		`FABRIKAM\` + b.name("somebody"), `\` + b.name("somebody"), `CONTOSO\`, "other" + b.name("") + "@contoso.test",
		b.name("PC") + "$", b.name("PC"), "@", "@contoso.test", b.name("somebody") + "@", "=", "CN=", ",", "<GUID=>", "<WKGUID=x,y>",
		"<SID=S-1-5-32-544>", "smtp:", "*", b.name("some") + "*", "*)(objectClass=*", ")(", "(", ")", `\`, `\2a`, `\\`, "\x00", "a\x00b", "&", "|", "!", "#", "#61", ";",
		`"`, "CN=*", "CN=*,OU=People,DC=contoso,DC=test", "*@contoso.test", "*)(mail=*", strings.Repeat("x", 5000), "\xff\xfe", "ü\u0308",
		// Samba answers some of these with operationsError, as if it could not serve anybody.
		"member=x", "memberOf=a,DC=contoso,DC=test", "objectGUID=x", "objectSid=x,DC=contoso,DC=test", "whenCreated=x", "uSNChanged=x", "isDeleted=x",
		"distinguishedName=x", "manager=x", "objectClass=x", "nTSecurityDescriptor=x", "userAccountControl=x", "CN=x+member=y,DC=contoso,DC=test",
	} {
		entry, err := d.Find(t.Context(), identity)
		if e, ok := cause.As(err); !ok || e.Cause.Code != cause.UnknownHolder || e.Kind != cause.Refusal {
			t.Errorf("find %q: %q, %v", identity, entry.DN, err)
		}
	}
}

func findHostileNames(t *testing.T, b *bundle) {
	d := open(t, b.options())
	for i, part := range []string{"*", ")(cn=*", "(&(", `back\slash`, `\2a`, "com,ma", "#hash", " lead", "trail ", "eq=ual", `"quoted"`,
		"pl+us", "<an;gle>", "slash/slash", "O'Neil", "Žluťoučký 株式会社 🎉", "tab\tbed", "%41", "a  b"} {
		name := part + b.tag
		if strings.HasSuffix(part, " ") {
			name = b.tag + part
		}
		account := fmt.Sprintf("h%d-%s", i, b.tag)
		guid := b.add(t, site.Object{Kind: site.User, Name: account, Account: account, Attributes: map[string][]string{"displayName": {name}}})
		if entry, err := d.Find(t.Context(), name); err != nil || entry.GUID != guid {
			t.Errorf("find display name %q: %q, %v", name, entry.DN, err)
		}
		o := site.Object{Kind: site.Contact, Name: "dn " + account}
		guid = b.add(t, o)
		rdn := "CN=" + hexed(name)
		if err := b.dc.Move(t.Context(), b.dc.DNOf(o), rdn, ""); err != nil {
			t.Fatal(err)
		}
		if entry, err := d.Find(t.Context(), rdn+","+b.dc.DN(site.People)); err != nil || entry.GUID != guid {
			t.Errorf("find DN %q: %q, %v", rdn, entry.DN, err)
		}
		if entry := read(t, d, guid); entry.Name != "dn "+account {
			t.Errorf("read %q: %q", name, entry.Name)
		} else if entry, err := d.Find(t.Context(), string(entry.DN)); err != nil || entry.GUID != guid {
			t.Errorf("find the directory's own DN: %q, %v", entry.DN, err)
		}
	}
}

// hexed writes a value for a DN with everything escaped that is no letter or digit (RFC 4514, 2.4).
func hexed(value string) string {
	var list strings.Builder
	for _, b := range []byte(value) {
		if strings.IndexByte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", b) >= 0 {
			list.WriteByte(b)
			continue
		}
		fmt.Fprintf(&list, "\\%02x", b)
	}
	return list.String()
}

func findAmbiguous(t *testing.T, b *bundle) {
	first := b.add(t, site.Object{Kind: site.User, Name: b.name("a"), UPN: b.mail("twice"), Mail: b.mail("a"),
		Attributes: map[string][]string{"displayName": {b.name("Jane Roe")}}})
	second := b.add(t, site.Object{Kind: site.Contact, Name: b.name("b"), Proxies: b.smtp("smtp:twice"),
		Attributes: map[string][]string{"displayName": {b.name("Jane Roe")}}})
	d := open(t, b.options())
	for _, identity := range []string{b.name("Jane Roe"), b.mail("twice")} {
		_, err := d.Find(t.Context(), identity)
		c := meets(t, err, cause.Refusal, cause.AmbiguousHolder, "2 objects", identity, "objectGUID")
		want := []cause.Candidate{
			{ObjectGUID: first.String(), Kind: "user", Name: b.name("Jane Roe"), DN: b.dc.DNOf(site.Object{Kind: site.User, Name: b.name("a")}), UPN: b.mail("twice"), Mail: b.mail("a")},
			{ObjectGUID: second.String(), Kind: "contact", Name: b.name("Jane Roe"), DN: b.dc.DNOf(site.Object{Kind: site.User, Name: b.name("b")})},
		}
		if !slices.Equal(c.Candidates, want) {
			t.Errorf("candidates of %q: %+v", identity, c.Candidates)
		}
	}
	// A precise identity comes before a display name that reads the same.
	b.add(t, site.Object{Kind: site.Group, Name: b.name("c"), Attributes: map[string][]string{"displayName": {b.name("a")}}})
	if entry, err := d.Find(t.Context(), b.name("a")); err != nil || entry.GUID != first {
		t.Errorf("find %q: %q, %v", b.name("a"), entry.DN, err)
	}
}

// many is how many objects bear one display name: more than AD gives without pages.
const many = 1010

func manyOfOneName() []site.Object {
	var list []site.Object
	for i := range many {
		list = append(list, site.Object{Kind: site.Contact, Name: fmt.Sprintf("many-%04d", i), OU: site.Support,
			Attributes: map[string][]string{"displayName": {"Many Of One Name"}}})
	}
	return list
}

func findAmongMany(t *testing.T, b *bundle) {
	d := open(t, b.options())
	_, err := d.Find(t.Context(), "many of one name")
	c := meets(t, err, cause.Refusal, cause.AmbiguousHolder, fmt.Sprintf("%d objects", many))
	if len(c.Candidates) != 20 || c.Candidates[0].DN != b.dc.DN("CN=many-0000,"+site.Support) {
		t.Errorf("%d candidates, the first %+v", len(c.Candidates), c.Candidates[0])
	}
}

func mapHolder(t *testing.T, b *bundle) {
	anchor := "0123456789abcdef"
	o := site.Object{Kind: site.User, Name: b.name("Max"), Account: b.name("max"), UPN: b.mail("max"), Mail: b.mail("max"),
		Nickname: b.name("nick"), Proxies: append(b.smtp("SMTP:max", "smtp:m", "SIP:max"), "X500:/o=Org/cn=Max,x"),
		Attributes: map[string][]string{
			"mS-DS-ConsistencyGuid": {anchor}, "targetAddress": {"SMTP:" + b.mail("elsewhere")}, "msExchRemoteRecipientType": {"4"},
			"msExchRecipientTypeDetails": {"34359738368"},
		}}
	guid := b.add(t, o)
	d := open(t, b.options())
	entry := read(t, d, guid)
	stored, err := b.dc.Read(t.Context(), b.dc.DNOf(o), "objectSid", "uSNChanged", "whenChanged")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(entry.SID, "S-1-5-21-") || fmt.Sprint(entry.USNChanged) != stored.GetAttributeValue("uSNChanged") ||
		entry.Changed.Format("20060102150405.0Z") != stored.GetAttributeValue("whenChanged") {
		t.Errorf("SID %q, uSNChanged %d, whenChanged %v; stored %v", entry.SID, entry.USNChanged, entry.Changed, stored.Attributes)
	}
	want := address.Holder{GUID: guid, Anchor: "MDEyMzQ1Njc4OWFiY2RlZg==", DN: address.DN(b.dc.DNOf(o)), Kind: address.User, Name: o.Name,
		UPN: o.UPN, Account: o.Account, SID: entry.SID, Nickname: o.Nickname, TargetAddress: "SMTP:" + b.mail("elsewhere"),
		RemoteRecipient: true, RecipientTypeDetails: 34359738368, Changed: entry.Changed, AddressesChanged: entry.AddressesChanged}
	same(t, "values", entry.Values, address.Values{Mail: o.Mail, Proxies: proxySet(o.Proxies...)})
	got := entry.Holder
	got.Values = address.Values{}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	bare := read(t, d, b.add(t, site.Object{Kind: site.Contact, Name: b.name("Bare")}))
	if bare.Anchor != bare.GUID.Anchor() || bare.SID != "" || bare.Mail != "" || bare.Proxies != nil || bare.RemoteRecipient {
		t.Errorf("a bare contact: %+v", bare)
	}
	critical, err := d.Find(t.Context(), "Administrator")
	if err != nil || !critical.Critical || critical.Kind != address.User {
		t.Errorf("Administrator: %+v, %v", critical, err)
	}
}

// whenAddressesChanged: a change of something else is none of the addresses, however often it is made.
func whenAddressesChanged(t *testing.T, b *bundle) {
	guid := b.user(t, "busy", "", b.smtp("SMTP:busy")...)
	d := open(t, b.options())
	first := read(t, d, guid)
	later := first
	for n := 0; !later.Changed.After(first.Changed); n++ { // whenChanged has whole seconds
		b.edit(t, guid, site.Changes{Replace: map[string][]string{"description": {fmt.Sprint(n)}}})
		later = read(t, d, guid)
	}
	if first.AddressesChanged.IsZero() || first.AddressesChanged.After(first.Changed) || !later.AddressesChanged.Equal(first.AddressesChanged) {
		t.Errorf("made, addresses changed %v, whenChanged %v; described, addresses changed %v, whenChanged %v",
			first.AddressesChanged, first.Changed, later.AddressesChanged, later.Changed)
	}
	b.edit(t, guid, site.Changes{Add: map[string][]string{"proxyAddresses": b.smtp("smtp:more")}})
	if now := read(t, d, guid); !now.AddressesChanged.Equal(now.Changed) || !now.AddressesChanged.After(first.AddressesChanged) {
		t.Errorf("an alias more: addresses changed %v, whenChanged %v", now.AddressesChanged, now.Changed)
	}
	entries, errs := d.ReadAll(t.Context(), []address.GUID{guid})
	found, err := d.Find(t.Context(), b.name("busy"))
	if err != nil || errs[0] != nil || !entries[0].AddressesChanged.After(first.AddressesChanged) || !found.AddressesChanged.After(first.AddressesChanged) {
		t.Errorf("read with others %v, %v; found %v, %v", entries[0].AddressesChanged, errs[0], found.AddressesChanged, err)
	}
}

func readManyValues(t *testing.T, b *bundle) {
	var proxies []string
	for i := range 3200 {
		proxies = append(proxies, fmt.Sprintf("smtp:v%04d-%s@contoso.test", i, b.tag))
	}
	guid := b.user(t, "rich", "", proxies...)
	d := open(t, b.options())
	same(t, "read", read(t, d, guid).Values, address.Values{Proxies: proxySet(proxies...)})
	entries, errs := d.ReadAll(t.Context(), []address.GUID{guid})
	if errs[0] != nil {
		t.Fatal(errs[0])
	}
	same(t, "read all", entries[0].Values, address.Values{Proxies: proxySet(proxies...)})
	found, err := d.Find(t.Context(), fmt.Sprintf("v3199-%s@contoso.test", b.tag))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "found", found.Values, address.Values{Proxies: proxySet(proxies...)})
	late := address.Address(fmt.Sprintf("V3100-%s@contoso.test", b.tag))
	holders, err := d.HoldersOf(t.Context(), []address.Address{late}, address.GUID{})
	if err != nil || len(holders) != 1 || holders[0].Address != proxies[3100] {
		t.Errorf("holders of %s: %+v, %v", late, holders, err)
	}
}

func readAll(t *testing.T, b *bundle) {
	var guids []address.GUID
	var objects []site.Object
	for i := range 120 {
		objects = append(objects, site.Object{Kind: site.Contact, Name: b.name(fmt.Sprintf("all%d", i)), Mail: b.mail(fmt.Sprintf("all%d", i))})
	}
	if err := b.dc.Populate(t.Context(), objects); err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		guid, err := b.dc.GUID(t.Context(), b.dc.DNOf(o))
		if err != nil {
			t.Fatal(err)
		}
		guids = append(guids, guid)
	}
	unit := b.add(t, site.Object{Kind: site.OU, Name: b.name("Unit")})
	guids = slices.Insert(guids, 60, address.GUID{1}, unit)
	d := open(t, b.options())
	entries, errs := d.ReadAll(t.Context(), guids)
	if len(entries) != len(guids) || len(errs) != len(guids) {
		t.Fatalf("%d entries and %d errors of %d", len(entries), len(errs), len(guids))
	}
	for i, guid := range guids {
		if guid == unit || guid == (address.GUID{1}) {
			meets(t, errs[i], cause.Refusal, cause.UnknownHolder, guid.String())
			continue
		}
		if errs[i] != nil || entries[i].GUID != guid || entries[i].Mail == "" {
			t.Errorf("entry %d: %+v, %v", i, entries[i], errs[i])
		}
	}
	if entries, errs := d.ReadAll(t.Context(), nil); len(entries) != 0 || len(errs) != 0 {
		t.Errorf("nothing read: %v, %v", entries, errs)
	}
}

func readGone(t *testing.T, b *bundle) {
	o := site.Object{Kind: site.User, Name: b.name("Leaver")}
	guid := b.add(t, o)
	d := open(t, b.options())
	read(t, d, guid)
	if err := b.dc.Move(t.Context(), b.dc.DNOf(o), "CN="+b.name("Renamed"), b.dc.DN(site.Sales)); err != nil {
		t.Fatal(err)
	}
	moved := read(t, d, guid)
	if want := b.dc.DN("CN=" + b.name("Renamed") + "," + site.Sales); string(moved.DN) != want {
		t.Errorf("moved to %q, wanted %q", moved.DN, want)
	}
	if err := b.dc.Remove(t.Context(), string(moved.DN)); err != nil {
		t.Fatal(err)
	}
	_, err := d.Read(t.Context(), guid, ldapwriter.Prior{})
	meets(t, err, cause.Refusal, cause.UnknownHolder, guid.String(), "deleted")
	_, err = d.Rights(t.Context(), guid)
	meets(t, err, cause.Refusal, cause.UnknownHolder)
	_, err = d.Find(t.Context(), guid.String())
	meets(t, err, cause.Refusal, cause.UnknownHolder)
}
