package site_test

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/site"
)

// accessCases are the rows of who may what.
func accessCases() map[string]func(*testing.T, *bundle) {
	return map[string]func(*testing.T, *bundle){
		"wrong password": func(t *testing.T, b *bundle) {
			account := b.tag + "-wrong"
			b.add(t, site.Object{Kind: site.User, Name: account, Account: account})
			_, err := b.Dial(t.Context(), site.Login{User: account + "@contoso.test", Password: "wrong"})
			wantCode(t, err, ldap.LDAPResultInvalidCredentials)
			if !strings.Contains(err.Error(), "data 52e") {
				t.Errorf("no sub-code in %v", err)
			}
		},
		"unknown account": func(t *testing.T, b *bundle) {
			_, err := b.Dial(t.Context(), site.Login{User: "nobody@contoso.test", Password: "wrong"})
			wantCode(t, err, ldap.LDAPResultInvalidCredentials)
		},
		"names to bind with": func(t *testing.T, b *bundle) {
			for _, name := range []string{"svc-aliasd@contoso.test", "SVC-ALIASD@CONTOSO.TEST", `CONTOSO\svc-aliasd`, b.DN("CN=svc-aliasd,CN=Users")} {
				conn, err := b.Dial(t.Context(), site.Login{User: name, Password: b.Service.Password})
				if err != nil {
					t.Errorf("as %s: %v", name, err)
					continue
				}
				_ = conn.Close()
			}
		},
		"without a bind": func(t *testing.T, b *bundle) {
			conn := b.connect(t, b.Service)
			if err := conn.UnauthenticatedBind(""); err != nil {
				t.Fatal(err)
			}
			if _, err := search(conn, "", ldap.ScopeBaseObject, "(objectClass=*)", "defaultNamingContext"); err != nil {
				t.Errorf("the root entry: %v", err)
			}
			_, err := search(conn, site.BaseDN, ldap.ScopeWholeSubtree, "(objectClass=user)", "name")
			wantCode(t, err, ldap.LDAPResultOperationsError)
		},
		"two attributes of three classes": func(t *testing.T, b *bundle) {
			for _, object := range []site.Object{
				{Kind: site.User, Name: b.name("user"), Account: b.tag + "-user"},
				{Kind: site.Group, Name: b.name("group"), Account: b.tag + "-group", OU: site.Sales},
				{Kind: site.Contact, Name: b.name("contact"), OU: site.Support},
			} {
				dn := b.add(t, object)
				wantCode(t, modify(b.service, dn, replace("mail", "a@contoso.test"), add("proxyAddresses", "SMTP:a@contoso.test")), ldap.LDAPResultSuccess)
				wantCode(t, modify(b.service, dn, replace("displayName", "x")), ldap.LDAPResultInsufficientAccessRights)
				entries, err := search(b.service, dn, ldap.ScopeBaseObject, "(objectClass=*)", "allowedAttributesEffective")
				if err != nil {
					t.Fatal(err)
				}
				wantValues(t, entries[0].GetAttributeValues("allowedAttributesEffective"), "mail", "proxyAddresses")
			}
		},
		"no rights": func(t *testing.T, b *bundle) {
			locked := b.add(t, site.Object{Kind: site.User, Name: b.name("locked"), Account: b.tag + "-locked", OU: site.Locked})
			wantCode(t, modify(b.service, locked, replace("mail", "a@contoso.test")), ldap.LDAPResultInsufficientAccessRights)
			unit := b.DN(site.Sales)
			wantCode(t, modify(b.service, unit, add("proxyAddresses", "smtp:a@contoso.test")), ldap.LDAPResultInsufficientAccessRights)
			entries, err := search(b.service, locked, ldap.ScopeBaseObject, "(objectClass=*)", "allowedAttributesEffective")
			if err != nil || len(entries[0].Attributes) != 0 {
				t.Errorf("effective: %v, %v", entries, err)
			}
			wantCode(t, b.service.Del(ldap.NewDelRequest(b.user(t, ""), nil)), ldap.LDAPResultInsufficientAccessRights)
		},
		"reads what the administrator reads": func(t *testing.T, b *bundle) {
			object := site.Object{Kind: site.Contact, Name: b.name("all"), Mail: "a@fabrikam.com", Nickname: "all",
				Proxies: []string{"SMTP:a@fabrikam.com"}, Attributes: map[string][]string{"targetAddress": {"SMTP:a@fabrikam.com"},
					"msExchRecipientTypeDetails": {"64"}, "extensionAttribute1": {"x"}, "legacyExchangeDN": {"/o=x"}}}
			dn := b.add(t, object)
			entries, err := search(b.service, dn, ldap.ScopeBaseObject, "(objectClass=*)")
			if err != nil || len(entries) != 1 {
				t.Fatalf("%v, %v", entries, err)
			}
			for name, values := range object.Values() {
				wantValues(t, entries[0].GetAttributeValues(name), values...)
			}
		},
	}
}
