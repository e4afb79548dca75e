package samba_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/pki"
	"github.com/aliasd/aliasd/lab/samba"
	"github.com/aliasd/aliasd/lab/site"
)

// start runs a domain controller for one test and prints how long that took.
func start(t *testing.T, options samba.Options) *site.Site {
	t.Helper()
	if err := samba.Missing(); err != nil {
		t.Skip(err)
	}
	dc := begin(t, options)
	if dc == nil {
		t.FailNow()
	}
	return dc
}

// begin is start for goroutines, which must not end the test: it gives nil when the domain controller did not start.
func begin(t *testing.T, options samba.Options) *site.Site {
	begun := time.Now()
	dc, err := samba.Start(t.Context(), options)
	if err != nil {
		t.Error(err)
		return nil
	}
	t.Cleanup(func() {
		begun := time.Now()
		if err := dc.Stop(); err != nil {
			t.Error(err)
		}
		t.Logf("stopped in %v", time.Since(begun).Round(time.Millisecond))
	})
	t.Logf("%s answers after %v", dc.Server, time.Since(begun).Round(time.Millisecond))
	return dc
}

func modify(conn *ldap.Conn, dn string, attribute, value string) error {
	request := ldap.NewModifyRequest(dn, nil)
	request.Replace(attribute, []string{value})
	return conn.Modify(request)
}

func TestServiceAccountWritesTwoAttributesOnly(t *testing.T) {
	t.Parallel()
	dc := start(t, samba.Options{})
	objects := []site.Object{
		{Kind: site.User, Name: "John Doe", Account: "jdoe", UPN: "jdoe@contoso.test"},
		{Kind: site.Group, Name: "Team", OU: site.Sales},
		{Kind: site.Contact, Name: "Partner, Inc.", OU: site.Support},
	}
	locked := site.Object{Kind: site.User, Name: "Jane Roe", Account: "jroe", OU: site.Locked}
	if err := dc.Populate(t.Context(), append(objects, locked)); err != nil {
		t.Fatal(err)
	}
	conn, err := dc.Dial(t.Context(), dc.Service)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, object := range objects {
		dn := dc.DNOf(object)
		for attribute, wanted := range map[string]uint16{
			"proxyAddresses": ldap.LDAPResultSuccess, "mail": ldap.LDAPResultSuccess,
			"displayName": ldap.LDAPResultInsufficientAccessRights, "mailNickname": ldap.LDAPResultInsufficientAccessRights,
		} {
			value := "smtp:" + string(object.Kind) + "@contoso.test"
			if err := modify(conn, dn, attribute, value); code(err) != wanted {
				t.Errorf("write %s of %s: %v, wanted code %d", attribute, dn, err, wanted)
			}
		}
		if got := effective(t, conn, dn); !slices.Equal(got, []string{"mail", "proxyAddresses"}) {
			t.Errorf("allowedAttributesEffective of %s: %q", dn, got)
		}
	}
	if err := modify(conn, dc.DNOf(locked), "mail", "x@contoso.test"); code(err) != ldap.LDAPResultInsufficientAccessRights {
		t.Errorf("write mail in %s: %v", site.Locked, err)
	}
}

// code is the result code of an LDAP operation.
func code(err error) uint16 {
	for code := range ldap.LDAPResultCodeMap {
		if err != nil && ldap.IsErrorWithCode(err, code) {
			return code
		}
	}
	return ldap.LDAPResultSuccess
}

func effective(t *testing.T, conn *ldap.Conn, dn string) []string {
	t.Helper()
	result, err := conn.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", []string{"allowedAttributesEffective"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	names := result.Entries[0].GetAttributeValues("allowedAttributesEffective")
	slices.Sort(names)
	return names
}

func TestSeveralSideBySide(t *testing.T) {
	t.Parallel()
	if err := samba.Missing(); err != nil {
		t.Skip(err)
	}
	servers := make([]string, 3)
	var all sync.WaitGroup
	for i := range servers {
		all.Go(func() {
			if dc := begin(t, samba.Options{}); dc != nil {
				servers[i] = dc.Server
			}
		})
	}
	all.Wait()
	slices.Sort(servers)
	if len(slices.Compact(servers)) != 3 {
		t.Fatalf("three domain controllers at %q", servers)
	}
}

func TestCertificateAsAsked(t *testing.T) {
	t.Parallel()
	for name, leaf := range map[string]pki.Leaf{
		"expired":    {NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)},
		"wrong name": {Names: []string{"elsewhere.contoso.test"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dc := start(t, samba.Options{Certificate: leaf})
			conn, err := dc.Dial(t.Context(), dc.Service)
			if err == nil {
				_ = conn.Close()
				t.Fatal("the certificate was accepted")
			}
			t.Log(err)
		})
	}
}

func TestStopTwiceAndNothingIsLeft(t *testing.T) {
	t.Parallel()
	dc := start(t, samba.Options{ProcessModel: "prefork"})
	if err := dc.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := dc.Stop(); err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialTimeout("tcp", dc.Server[len("ldaps://"):], time.Second)
	if err == nil {
		_ = conn.Close()
		t.Fatal("something still listens")
	}
}

// TestFromAnEmptyCache: of two that start at once one provisions and the other waits for it; a third one finds everything made.
// All have the objects that were asked for.
func TestFromAnEmptyCache(t *testing.T) {
	t.Parallel()
	if err := samba.Missing(); err != nil {
		t.Skip(err)
	}
	objects := make([]site.Object, 50)
	for i := range objects {
		objects[i] = site.Object{Kind: site.User, Name: fmt.Sprintf("Bench, %03d = ü", i), Account: fmt.Sprintf("bench%03d", i),
			Proxies: []string{fmt.Sprintf("SMTP:bench%03d@contoso.test", i)}}
	}
	options := samba.Options{Objects: objects, CacheDir: t.TempDir()}
	check := func() {
		dc := begin(t, options)
		if dc == nil {
			return
		}
		entry, err := dc.Read(t.Context(), dc.DNOf(objects[49]), "proxyAddresses")
		if err != nil || !slices.Equal(entry.GetAttributeValues("proxyAddresses"), objects[49].Proxies) {
			t.Errorf("%v, %v", entry, err)
		}
	}
	var all sync.WaitGroup
	for range 2 {
		all.Go(check)
	}
	all.Wait()
	check()
	left, err := os.ReadDir(options.CacheDir)
	if err != nil || len(left) != 4 {
		t.Fatalf("the cache holds %v, %v, wanted two archives and their locks", left, err)
	}
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	if err := samba.Missing(); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if dc, err := samba.Start(ctx, samba.Options{}); err == nil {
		_ = dc.Stop()
		t.Fatal("started with a context that is over")
	}
}
