package directory_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/site"
)

// many are users with two proxy addresses each.
func many(n int) []site.Object {
	list := make([]site.Object, n)
	for i := range list {
		account := fmt.Sprintf("user%05d", i)
		list[i] = site.Object{Kind: site.User, Name: account, Account: account, UPN: account + "@contoso.test", Mail: account + "@contoso.test",
			Proxies: []string{"SMTP:" + account + "@contoso.test", "smtp:alias-" + account + "@contoso.test"}}
	}
	return list
}

// BenchmarkSearch looks for one of many users by each thing that names one, and reads them all in pages.
func BenchmarkSearch(b *testing.B) {
	for _, n := range []int{20_000, 100_000} {
		b.Run(fmt.Sprintf("users=%d", n), func(b *testing.B) { benchmarkSearch(b, n) })
	}
}

func benchmarkSearch(b *testing.B, n int) {
	d, err := directory.Start(directory.Options{Objects: many(n)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = d.Site().Stop() }()
	conn, err := d.Site().Dial(b.Context(), d.Site().Service)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for name, filter := range map[string]string{"proxyAddresses": "(proxyAddresses=smtp:alias-user19999@contoso.test)",
		"mail": "(mail=user19999@contoso.test)", "name": "(displayName=user19999)", "unindexed": "(department=x)"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := find(conn, site.BaseDN, filter, nil, "mail"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("all in pages", func(b *testing.B) {
		for b.Loop() {
			if found := readAll(b, conn); found != n+2 {
				b.Fatal(found)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/user")
	})
}

// readAll reads all users in pages of a thousand, holding one page at a time, and counts them.
func readAll(b *testing.B, conn *ldap.Conn) (found int) {
	b.Helper()
	paging := ldap.NewControlPaging(1000)
	for {
		request := ldap.NewSearchRequest(site.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
			"(objectClass=user)", []string{"mail", "proxyAddresses", "objectGUID", "userPrincipalName"}, []ldap.Control{paging})
		page, err := conn.Search(request)
		if err != nil {
			b.Fatal(err)
		}
		found += len(page.Entries)
		next, ok := ldap.FindControl(page.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok || len(next.Cookie) == 0 {
			return found
		}
		paging.SetCookie(next.Cookie)
	}
}

func BenchmarkModify(b *testing.B) {
	for _, workers := range []int{1, 8} {
		b.Run(fmt.Sprintf("connections=%d", workers), func(b *testing.B) {
			d, err := directory.Start(directory.Options{Objects: many(1000)})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = d.Site().Stop() }()
			modifyAll(b, d, workers)
		})
	}
}

// modifyAll makes b.N modifies over several connections.
func modifyAll(b *testing.B, d *directory.Directory, workers int) {
	var all sync.WaitGroup
	next := make(chan int)
	for range workers {
		conn, err := d.Site().Dial(b.Context(), d.Site().Service)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		all.Go(func() {
			for i := range next {
				request := ldap.NewModifyRequest(fmt.Sprintf("CN=user%05d,OU=People,%s", i%1000, site.BaseDN), nil)
				request.Replace("mail", []string{fmt.Sprintf("%d@contoso.test", i)})
				if err := conn.Modify(request); err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.ResetTimer()
	for i := range b.N {
		next <- i
	}
	close(next)
	all.Wait()
}
