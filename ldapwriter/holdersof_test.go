package ldapwriter_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab/site"
)

func holdersInEachAttribute(t *testing.T, b *bundle) {
	d := open(t, b.options())
	a := address.Address(b.mail("Wanted"))
	lower := strings.ToLower(string(a))
	cases := []struct {
		what   string
		object site.Object
		held   string
	}{
		{"alias of a user", site.Object{Kind: site.User, Proxies: []string{"smtp:" + lower, "SMTP:" + b.mail("other")}}, "smtp:" + lower},
		{"primary of a contact", site.Object{Kind: site.Contact, Proxies: []string{"SMTP:" + lower}, Mail: lower}, "SMTP:" + lower},
		{"mail of a group", site.Object{Kind: site.Group, Mail: lower}, lower},
		{"UPN", site.Object{Kind: site.User, UPN: lower}, lower},
		{"target address", site.Object{Kind: site.Contact, Attributes: map[string][]string{"targetAddress": {"SMTP:" + lower}}}, "SMTP:" + lower},
		{"bare target address", site.Object{Kind: site.User, Attributes: map[string][]string{"targetAddress": {lower}}}, lower},
		{"in a locked unit", site.Object{Kind: site.Group, OU: site.Locked, Proxies: []string{"smtp:" + lower}}, "smtp:" + lower},
		{"computer", site.Object{Kind: "computer", Proxies: []string{"smtp:" + lower}, Attributes: map[string][]string{
			"objectClass": {"top", "person", "organizationalPerson", "user", "computer"}}}, "smtp:" + lower},
	}
	for i, c := range cases {
		c.object.Name = b.name(string(rune('a' + i)))
		guid := b.add(t, c.object)
		want := cause.Conflict{Kind: string(c.object.Kind), ID: guid.String(), Name: c.object.Name, Address: c.held}
		got, err := d.HoldersOf(t.Context(), []address.Address{a}, address.GUID{})
		if err != nil || !slices.Equal(got, []cause.Conflict{want}) {
			t.Errorf("%s: %+v, %v; wanted %+v", c.what, got, err, want)
		}
		if got, err := d.HoldersOf(t.Context(), []address.Address{a}, guid); err != nil || len(got) != 0 {
			t.Errorf("%s, itself left out: %+v, %v", c.what, got, err)
		}
		if err := b.dc.Remove(t.Context(), b.dc.DNOf(c.object)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := d.HoldersOf(t.Context(), []address.Address{a}, address.GUID{}); err != nil || len(got) != 0 {
		t.Errorf("all are deleted: %+v, %v", got, err)
	}
}

func holdersOfHostileAddresses(t *testing.T, b *bundle) {
	hostile := address.Address("o'neil*)(mail=*" + b.mail("x"))
	first := b.user(t, "first", "", "SMTP:"+string(hostile))
	second := b.user(t, "second", b.mail("y"), b.smtp("smtp:z")...)
	d := open(t, b.options())
	addrs := []address.Address{address.Address(b.mail("z")), "*", address.Address(b.mail("y")), hostile, "", `\2a`, address.Address(b.mail("free"))}
	got, err := d.HoldersOf(t.Context(), addrs, address.GUID{})
	if err != nil {
		t.Fatal(err)
	}
	want := []cause.Conflict{
		{Kind: "user", ID: second.String(), Name: b.name("second"), Address: b.smtp("smtp:z")[0]},
		{Kind: "user", ID: second.String(), Name: b.name("second"), Address: b.mail("y")},
		{Kind: "user", ID: first.String(), Name: b.name("first"), Address: "SMTP:" + string(hostile)},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got, err := d.HoldersOf(t.Context(), nil, address.GUID{}); err != nil || got != nil {
		t.Errorf("holders of nothing: %+v, %v", got, err)
	}
}
