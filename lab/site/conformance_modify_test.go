package site_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/site"
)

// change is one change of a modify: its operator, an attribute and values.
type change struct {
	operator  string // add, delete or replace
	attribute string
	values    []string
}

func modify(conn *ldap.Conn, dn string, changes ...change) error {
	request := ldap.NewModifyRequest(dn, nil)
	for _, c := range changes {
		switch c.operator {
		case "add":
			request.Add(c.attribute, c.values)
		case "delete":
			request.Delete(c.attribute, c.values)
		case "replace":
			request.Replace(c.attribute, c.values)
		}
	}
	return conn.Modify(request)
}

func add(attribute string, values ...string) change { return change{"add", attribute, values} }

func drop(attribute string, values ...string) change { return change{"delete", attribute, values} }

func replace(attribute string, values ...string) change { return change{"replace", attribute, values} }

// modifyCases are the rows of how a modify ends.
func modifyCases() map[string]func(*testing.T, *bundle) {
	return map[string]func(*testing.T, *bundle){
		"value in another case": func(t *testing.T, b *bundle) {
			dn := b.user(t, "", "SMTP:a@contoso.test")
			err := modify(b.service, dn, add("proxyAddresses", "smtp:a@contoso.test"))
			wantCode(t, err, differ[uint16](b, ldap.LDAPResultSuccess, ldap.LDAPResultAttributeOrValueExists))
		},
		"exact duplicate": func(t *testing.T, b *bundle) {
			dn := b.user(t, "", "SMTP:a@contoso.test")
			wantCode(t, modify(b.service, dn, add("proxyAddresses", "SMTP:a@contoso.test")), ldap.LDAPResultAttributeOrValueExists)
		},
		"duplicate within the request": func(t *testing.T, b *bundle) {
			dn := b.user(t, "")
			err := modify(b.service, dn, add("proxyAddresses", "smtp:b@contoso.test", "smtp:b@contoso.test"))
			wantCode(t, err, differ[uint16](b, ldap.LDAPResultSuccess, ldap.LDAPResultAttributeOrValueExists))
			wantValues(t, b.get(t, dn, "proxyAddresses"), differ(b, []string{"smtp:b@contoso.test", "smtp:b@contoso.test"}, nil)...)
		},
		"new primary in one modify": newPrimary,
		"delete in another case": func(t *testing.T, b *bundle) {
			dn := b.user(t, "", "smtp:Case@contoso.test", "SMTP:a@contoso.test")
			wantCode(t, modify(b.service, dn, drop("proxyAddresses", "SMTP:cASE@contoso.test")), ldap.LDAPResultSuccess)
			wantValues(t, b.get(t, dn, "proxyAddresses"), "SMTP:a@contoso.test")
		},
		"delete a missing value": func(t *testing.T, b *bundle) {
			dn := b.user(t, "", "SMTP:a@contoso.test")
			wantCode(t, modify(b.service, dn, drop("proxyAddresses", "smtp:b@contoso.test")), ldap.LDAPResultNoSuchAttribute)
		},
		"delete a missing attribute": func(t *testing.T, b *bundle) {
			dn := b.user(t, "")
			wantCode(t, modify(b.service, dn, drop("proxyAddresses")), ldap.LDAPResultNoSuchAttribute)
			wantCode(t, modify(b.service, dn, drop("mail", "a@contoso.test")), ldap.LDAPResultNoSuchAttribute)
		},
		"partly failing": partlyFailing,
		"value too long": func(t *testing.T, b *bundle) {
			dn := b.user(t, "")
			tooLong := differ[uint16](b, ldap.LDAPResultInvalidAttributeSyntax, ldap.LDAPResultConstraintViolation)
			wantCode(t, modify(b.service, dn, add("proxyAddresses", strings.Repeat("x", 1124))), tooLong)
			wantCode(t, modify(b.service, dn, replace("mail", strings.Repeat("x", 257))), tooLong)
			wantCode(t, modify(b.service, dn, add("proxyAddresses", strings.Repeat("x", 1123))), ldap.LDAPResultSuccess)
			wantCode(t, modify(b.service, dn, replace("mail", strings.Repeat("x", 256))), ldap.LDAPResultSuccess)
		},
		"second value on mail": func(t *testing.T, b *bundle) {
			dn := b.user(t, "a@contoso.test")
			err := modify(b.service, dn, add("mail", "b@contoso.test"))
			wantCode(t, err, differ[uint16](b, ldap.LDAPResultAttributeOrValueExists, ldap.LDAPResultConstraintViolation))
			wantValues(t, b.get(t, dn, "mail"), "a@contoso.test")
		},
		"duplicate UPN": func(t *testing.T, b *bundle) {
			first, second := b.user(t, ""), b.user(t, "")
			upn := strings.ToUpper(b.get(t, first, "userPrincipalName")[0])
			wantCode(t, modify(b.admin, second, replace("userPrincipalName", upn)), ldap.LDAPResultConstraintViolation)
		},
		"one proxy address on two objects": func(t *testing.T, b *bundle) {
			shared := "smtp:" + b.tag + "-shared@contoso.test"
			b.user(t, "", shared)
			wantCode(t, modify(b.service, b.user(t, ""), add("proxyAddresses", shared)), ldap.LDAPResultSuccess)
			if names := b.found(t, "(proxyAddresses="+shared+")"); len(names) != 2 {
				t.Fatalf("found %q", names)
			}
		},
		"no such object": func(t *testing.T, b *bundle) {
			wantCode(t, modify(b.service, b.DN("CN=nobody,"+site.People), replace("mail", "a@contoso.test")), ldap.LDAPResultNoSuchObject)
		},
		"unknown attribute": func(t *testing.T, b *bundle) {
			wantCode(t, modify(b.admin, b.user(t, ""), replace("shoeSize", "44")), ldap.LDAPResultNoSuchAttribute)
		},
		"attribute of another class": func(t *testing.T, b *bundle) {
			wantCode(t, modify(b.admin, b.user(t, ""), replace("nETBIOSName", "X")), ldap.LDAPResultObjectClassViolation)
		},
		"what nobody writes": func(t *testing.T, b *bundle) {
			wantCode(t, modify(b.admin, b.user(t, ""), replace("uSNChanged", "1")), ldap.LDAPResultConstraintViolation)
			wantCode(t, modify(b.admin, b.user(t, ""), replace("cn", "other")), ldap.LDAPResultNotAllowedOnRDN)
		},
		"malformed value": func(t *testing.T, b *bundle) {
			wantCode(t, modify(b.admin, b.user(t, ""), replace("msExchRecipientTypeDetails", "four")), ldap.LDAPResultInvalidAttributeSyntax)
		},
		"compare and swap": compareAndSwap,
	}
}

// newPrimary makes an alias the primary by naming every value, mail included, and keeps the case of all of them.
func newPrimary(t *testing.T, b *bundle) {
	dn := b.user(t, "old@contoso.test", "SMTP:old@contoso.test", "smtp:New@contoso.test", "X500:/o=Contoso/cn=Old")
	before, err := strconv.ParseInt(b.get(t, dn, "uSNChanged")[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, modify(b.service, dn,
		drop("proxyAddresses", "SMTP:old@contoso.test", "smtp:New@contoso.test"),
		add("proxyAddresses", "smtp:old@contoso.test", "SMTP:New@contoso.test"),
		drop("mail", "old@contoso.test"), add("mail", "New@contoso.test")), ldap.LDAPResultSuccess)
	wantValues(t, b.get(t, dn, "proxyAddresses"), "smtp:old@contoso.test", "SMTP:New@contoso.test", "X500:/o=Contoso/cn=Old")
	wantValues(t, b.get(t, dn, "mail"), "New@contoso.test")
	if after, err := strconv.ParseInt(b.get(t, dn, "uSNChanged")[0], 10, 64); err != nil || after <= before {
		t.Fatalf("uSNChanged went from %d to %d (%v)", before, after, err)
	}
}

func partlyFailing(t *testing.T, b *bundle) {
	dn := b.user(t, "a@contoso.test", "SMTP:a@contoso.test")
	usn := b.get(t, dn, "uSNChanged")
	err := modify(b.service, dn, add("proxyAddresses", "smtp:b@contoso.test"), replace("mail", "b@contoso.test"),
		drop("proxyAddresses", "smtp:missing@contoso.test"))
	wantCode(t, err, ldap.LDAPResultNoSuchAttribute)
	wantValues(t, b.get(t, dn, "proxyAddresses"), "SMTP:a@contoso.test")
	wantValues(t, b.get(t, dn, "mail"), "a@contoso.test")
	wantValues(t, b.get(t, dn, "uSNChanged"), usn...)
}

// compareAndSwap lets several connections count in mail, each naming the value that it read. No count may be lost.
func compareAndSwap(t *testing.T, b *bundle) {
	const workers, rounds = 4, 10
	dn := b.user(t, "0@contoso.test")
	conns := make([]*ldap.Conn, workers)
	for i := range conns {
		conns[i] = b.connect(t, b.Service)
	}
	var all sync.WaitGroup
	for _, conn := range conns {
		all.Go(func() {
			for won := 0; won < rounds; {
				switch err := countUp(conn, dn); code(err) {
				case ldap.LDAPResultSuccess:
					won++
				case ldap.LDAPResultNoSuchAttribute:
				default:
					t.Errorf("count up: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
	wantValues(t, b.get(t, dn, "mail"), fmt.Sprintf("%d@contoso.test", workers*rounds))
}

func countUp(conn *ldap.Conn, dn string) error {
	entries, err := search(conn, dn, ldap.ScopeBaseObject, "(objectClass=*)", "mail")
	if err != nil {
		return err
	}
	old := entries[0].GetAttributeValue("mail")
	n, err := strconv.Atoi(strings.TrimSuffix(old, "@contoso.test"))
	if err != nil {
		return err
	}
	return modify(conn, dn, drop("mail", old), add("mail", fmt.Sprintf("%d@contoso.test", n+1)))
}

// sorted is for values whose order means nothing.
func sorted(values []string) []string { return slices.Sorted(slices.Values(values)) }
