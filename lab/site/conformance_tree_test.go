package site_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/site"
)

// treeCases are the rows of adding, deleting and renaming.
func treeCases() map[string]func(*testing.T, *bundle) {
	return map[string]func(*testing.T, *bundle){
		"rename and move": renameAndMove,
		"delete": func(t *testing.T, b *bundle) {
			dn := b.user(t, "")
			if err := b.Remove(t.Context(), dn); err != nil {
				t.Fatal(err)
			}
			if _, err := b.Read(t.Context(), dn); !errors.Is(err, site.ErrNotFound) {
				t.Fatalf("still there: %v", err)
			}
			wantCode(t, b.Remove(t.Context(), dn), ldap.LDAPResultNoSuchObject)
		},
		"delete what holds something": func(t *testing.T, b *bundle) {
			unit := b.add(t, site.Object{Kind: site.OU, Name: b.name("full")})
			b.add(t, site.Object{Kind: site.Contact, Name: "inside", OU: strings.TrimSuffix(unit, ","+b.BaseDN)})
			wantCode(t, b.Remove(t.Context(), unit), ldap.LDAPResultNotAllowedOnNonLeaf)
		},
		"add twice": func(t *testing.T, b *bundle) {
			contact := site.Object{Kind: site.Contact, Name: b.name("twice")}
			b.add(t, contact)
			contact.Name = strings.ToUpper(contact.Name)
			wantCode(t, b.Populate(t.Context(), []site.Object{contact}), ldap.LDAPResultEntryAlreadyExists)
		},
		"add the same account": func(t *testing.T, b *bundle) {
			b.add(t, site.Object{Kind: site.User, Name: b.name("one"), Account: b.tag + "-same"})
			err := b.Populate(t.Context(), []site.Object{{Kind: site.Group, Name: b.name("two"), Account: strings.ToUpper(b.tag) + "-SAME"}})
			wantCode(t, err, ldap.LDAPResultEntryAlreadyExists)
		},
		"add where nothing is": func(t *testing.T, b *bundle) {
			err := b.Populate(t.Context(), []site.Object{{Kind: site.Contact, Name: "x", OU: "OU=nowhere,OU=People"}})
			wantCode(t, err, ldap.LDAPResultNoSuchObject)
		},
		"add nothing known": func(t *testing.T, b *bundle) {
			err := b.Populate(t.Context(), []site.Object{{Kind: "spaceship", Name: b.name("x")}})
			if code(err) == ldap.LDAPResultSuccess {
				t.Fatal("added")
			}
		},
		"what every object gets": func(t *testing.T, b *bundle) {
			entry, err := b.Read(t.Context(), b.user(t, ""))
			if err != nil {
				t.Fatal(err)
			}
			for _, attribute := range []string{"objectGUID", "objectSid", "uSNChanged", "uSNCreated", "whenChanged", "whenCreated",
				"name", "cn", "distinguishedName", "objectCategory", "instanceType", "sAMAccountName", "displayName"} {
				if len(entry.GetRawAttributeValue(attribute)) == 0 {
					t.Errorf("no %s", attribute)
				}
			}
			wantValues(t, entry.GetAttributeValues("objectClass"), "top", "person", "organizationalPerson", "user")
		},
		"members follow": func(t *testing.T, b *bundle) {
			member := b.user(t, "")
			group := b.add(t, site.Object{Kind: site.Group, Name: b.name("crew"), Attributes: map[string][]string{"member": {member}}})
			if err := b.Move(t.Context(), member, "CN="+b.tag+" moved", b.DN(site.Sales)); err != nil {
				t.Fatal(err)
			}
			wantValues(t, b.get(t, group, "member"), "CN="+b.tag+" moved,"+b.DN(site.Sales))
		},
	}
}

func renameAndMove(t *testing.T, b *bundle) {
	unit := b.add(t, site.Object{Kind: site.OU, Name: b.name("before")})
	inside := b.add(t, site.Object{Kind: site.Contact, Name: "inside", OU: strings.TrimSuffix(unit, ","+b.BaseDN)})
	guid, err := b.GUID(t.Context(), inside)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Move(t.Context(), unit, "OU="+b.tag+" after", b.DN(site.Sales)); err != nil {
		t.Fatal(err)
	}
	moved := "CN=inside,OU=" + b.tag + " after," + b.DN(site.Sales)
	again, err := b.GUID(t.Context(), moved)
	if err != nil || again != guid {
		t.Fatalf("%s is %x (%v), was %x", moved, again, err, guid)
	}
	if _, err := b.Read(t.Context(), inside); !errors.Is(err, site.ErrNotFound) {
		t.Fatalf("still at its old name: %v", err)
	}
	wantValues(t, b.get(t, moved, "distinguishedName"), moved)
	b.add(t, site.Object{Kind: site.Contact, Name: b.name("in the way"), OU: site.Sales})
	other := b.add(t, site.Object{Kind: site.Contact, Name: b.name("other"), OU: site.Sales})
	wantCode(t, b.Move(t.Context(), other, "CN="+b.name("in the way"), ""), ldap.LDAPResultEntryAlreadyExists)
}
