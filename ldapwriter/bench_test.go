package ldapwriter_test

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab/samba"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/ldapwriter"
)

// What the benches work on: so many holders, over so many connections.
const (
	benchHolders     = 2000
	benchConnections = 8
)

// BenchmarkWritePath writes one alias to one holder after the other, on a real domain controller, and says what is ours of it:
// "writer" is this package, find to read-back; "bare" is the same LDAP operations by the library alone. Both run in one
// process against one server, so that their ratio counts and not their figures. They take turns, because holders get more values
// from round to round and so slower.
func BenchmarkWritePath(b *testing.B) {
	bench := newBench(b)
	bare, writer := bench.bare(b), bench.writer(b)
	for round := range 3 {
		b.Run(fmt.Sprintf("bare/%d", round), func(b *testing.B) { bench.eachHolder(b, bare) })
		b.Run(fmt.Sprintf("writer/%d", round), func(b *testing.B) { bench.eachHolder(b, writer) })
	}
}

// BenchmarkSteps measures the steps of a write one by one.
func BenchmarkSteps(b *testing.B) {
	bench := newBench(b)
	d := bench.open(b)
	ctx := context.Background()
	for name, step := range map[string]func(i int) error{
		"find": func(i int) error { _, err := d.Find(ctx, fmt.Sprintf("bench%04d@contoso.test", i)); return err },
		"read": func(i int) error { _, err := d.Read(ctx, bench.guids[i], ldapwriter.Prior{}); return err },
		"holders": func(i int) error {
			_, err := d.HoldersOf(ctx, []address.Address{address.Address(fmt.Sprintf("free%d@contoso.test", i))}, bench.guids[i])
			return err
		},
		"rights": func(i int) error { _, err := d.Rights(ctx, bench.guids[i]); return err },
	} {
		b.Run(name, func(b *testing.B) {
			bench.eachHolder(b, func(i int, _ string) error { return step(i) })
		})
	}
	b.Run("read all", func(b *testing.B) {
		for b.Loop() {
			for i, err := range second(d.ReadAll(ctx, bench.guids)) {
				if err != nil {
					b.Fatal(i, err)
				}
			}
		}
		b.ReportMetric(float64(benchHolders)*float64(b.N)/b.Elapsed().Seconds(), "holders/s")
	})
}

// writeBench is a domain controller with holders, and a counter that makes every alias a new one.
type writeBench struct {
	dc     *site.Site
	guids  []address.GUID
	unique atomic.Int64
}

func newBench(b *testing.B) *writeBench {
	b.Helper()
	if err := samba.Missing(); err != nil {
		b.Skip(err)
	}
	var objects []site.Object
	for i := range benchHolders {
		name := fmt.Sprintf("bench%04d", i)
		objects = append(objects, site.Object{Kind: site.User, Name: name, Account: name, UPN: name + "@contoso.test", Mail: name + "@contoso.test",
			Proxies: []string{"SMTP:" + name + "@contoso.test"}})
	}
	dc, err := samba.Start(context.Background(), samba.Options{Objects: objects, ProcessModel: "prefork"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = dc.Stop() })
	bench := &writeBench{dc: dc}
	bench.indexTarget(b)
	bench.readGUIDs(b)
	return bench
}

// indexTarget gives targetAddress the index that it has in the Exchange schema (Microsoft, "ms-Exch-Target-Address
// Attribute": searchFlags 1), where the lab's schema lacks it: a search that reads all objects would drown everything else.
func (w *writeBench) indexTarget(b *testing.B) {
	b.Helper()
	dn := "CN=ms-Exch-Target-Address,CN=Schema,CN=Configuration," + w.dc.BaseDN
	entry, err := w.dc.Read(context.Background(), dn, "searchFlags")
	if err != nil {
		b.Fatal(err)
	}
	if entry.GetAttributeValue("searchFlags") != "0" {
		return
	}
	if err := w.dc.Modify(context.Background(), dn, site.Changes{Replace: map[string][]string{"searchFlags": {"1"}}}); err != nil {
		b.Fatal(err)
	}
	if err := w.dc.Modify(context.Background(), "", site.Changes{Add: map[string][]string{"schemaUpdateNow": {"1"}}}); err != nil {
		b.Fatal(err)
	}
}

func (w *writeBench) readGUIDs(b *testing.B) {
	b.Helper()
	conn, err := w.dc.Dial(context.Background(), w.dc.Service)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	found, err := conn.SearchWithPaging(ldap.NewSearchRequest(w.dc.DN(site.People), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=user)", []string{"objectGUID"}, nil), 500)
	if err != nil || len(found.Entries) != benchHolders {
		b.Fatalf("%d holders, %v", len(found.Entries), err)
	}
	for _, e := range found.Entries {
		w.guids = append(w.guids, address.GUID(e.GetRawAttributeValue("objectGUID")))
	}
}

func (w *writeBench) open(b *testing.B) *ldapwriter.Directory {
	b.Helper()
	o := optionsOf(w.dc, newClock())
	o.Connections = benchConnections
	d, err := ldapwriter.Open(o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.Close() })
	return d
}

// eachHolder runs b.N steps, as many at a time as there are connections; each gets the index of a holder that no other has at that
// time, and an address that nobody has.
func (w *writeBench) eachHolder(b *testing.B, step func(i int, free string) error) {
	b.Helper()
	var next atomic.Int64
	b.SetParallelism(int(math.Ceil(benchConnections / 2.0)))
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			i := int(next.Add(1)) % benchHolders
			if err := step(i, fmt.Sprintf("alias%d@contoso.test", w.unique.Add(1))); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// writer is the write path of this package.
func (w *writeBench) writer(b *testing.B) func(int, string) error {
	d, ctx := w.open(b), context.Background()
	return func(i int, free string) error {
		entry, err := d.Read(ctx, w.guids[i], ldapwriter.Prior{})
		if err != nil {
			return err
		}
		alias := address.Address(free)
		if held, err := d.HoldersOf(ctx, []address.Address{alias}, entry.GUID); err != nil || len(held) > 0 {
			return fmt.Errorf("%v: %w", held, err)
		}
		_, err = d.Write(ctx, ldapwriter.Job{Entry: entry, Change: address.Change{Add: []address.Proxy{address.Secondary(alias)}}})
		return err
	}
}

// bare is the same LDAP operations, by the library alone.
func (w *writeBench) bare(b *testing.B) func(int, string) error {
	conns := make(chan *ldap.Conn, benchConnections)
	for range benchConnections {
		conn, err := w.dc.Dial(context.Background(), w.dc.Service)
		if err != nil {
			b.Fatal(err)
		}
		conn.SetTimeout(10 * time.Second)
		b.Cleanup(func() { _ = conn.Close() })
		conns <- conn
	}
	attributes := []string{"objectClass", "objectGUID", "mS-DS-ConsistencyGuid", "objectSid", "displayName", "cn", "userPrincipalName",
		"sAMAccountName", "mail", "proxyAddresses", "mailNickname", "targetAddress", "msExchRemoteRecipientType", "msExchRecipientTypeDetails",
		"msExchPoliciesIncluded", "msExchPoliciesExcluded", "isCriticalSystemObject", "whenChanged", "uSNChanged"}
	return func(i int, free string) error {
		conn := <-conns
		defer func() { conns <- conn }()
		dn := fmt.Sprintf("<GUID=%x>", w.guids[i][:])
		read := ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", attributes, nil)
		if _, err := conn.Search(read); err != nil {
			return err
		}
		filter := fmt.Sprintf("(|(proxyAddresses=smtp:%[1]s)(mail=%[1]s)(userPrincipalName=%[1]s)(targetAddress=smtp:%[1]s)(targetAddress=%[1]s))", free)
		if _, err := conn.Search(ldap.NewSearchRequest(w.dc.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter,
			[]string{"objectGUID", "displayName", "proxyAddresses", "mail"}, nil)); err != nil {
			return err
		}
		modify := ldap.NewModifyRequest(dn, nil)
		modify.Add("proxyAddresses", []string{"smtp:" + free})
		if err := conn.Modify(modify); err != nil {
			return err
		}
		_, err := conn.Search(read)
		return err
	}
}
