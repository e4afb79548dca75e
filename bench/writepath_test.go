package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/lab/samba"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/store"
)

const (
	// holders is how many users get one alias each.
	holders = 2000
	// connections is how many LDAP connections aliasd and the bare operations use.
	connections = 8
)

func name(i int) string { return fmt.Sprintf("user%04d", i) }

// alias is what contender gives to user i.
func alias(contender string, i int) string {
	return fmt.Sprintf("%s.%s@contoso.test", contender, name(i))
}

// domain starts a domain controller with the users.
func domain(b *testing.B) *site.Site {
	b.Helper()
	if missing := samba.Missing(); missing != nil {
		b.Skipf("the write path is measured on Samba: %v", missing)
	}
	objects := make([]site.Object, holders)
	for i := range objects {
		upn := name(i) + "@contoso.test"
		objects[i] = site.Object{Kind: site.User, Name: name(i), Account: name(i), UPN: upn, Mail: upn, Proxies: []string{"SMTP:" + upn}}
	}
	dc, err := samba.Start(context.Background(), samba.Options{Objects: objects})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := dc.Stop(); err != nil {
			b.Error(err)
		}
	})
	return dc
}

// BenchmarkWritePath gives every user one alias, three times: through aliasd from accepted to written (claim, find, checks
// on-premises, journal, modify, read-back, receipt), by one ldapmodify process, and by the same LDAP operations without our
// code.
func BenchmarkWritePath(b *testing.B) {
	dc := domain(b)
	for b.Loop() {
		ours := throughAliasd(b, dc)
		peer := byLdapmodify(b, dc)
		bare := bareOperations(b, dc)
		b.ReportMetric(rate(ours), "aliasd-req/s")
		b.ReportMetric(rate(peer), "ldapmodify-req/s")
		b.ReportMetric(rate(bare), "bare-req/s")
		b.ReportMetric(rate(ours)/rate(peer), "aliasd/ldapmodify")
		b.ReportMetric(rate(ours)/rate(bare), "aliasd/bare")
	}
}

func rate(took time.Duration) float64 { return holders / took.Seconds() }

// emptyCloud is a tenant in memory that has none of the users yet: the write path is measured, not the cloud.
type emptyCloud struct{}

func (emptyCloud) Refresh(context.Context, time.Time) error { return nil }

func (emptyCloud) Look(context.Context, cloudcheck.Ref) (cloudcheck.Snapshot, error) {
	return cloudcheck.Snapshot{Tenant: cloudcheck.Tenant{InitialDomain: "contoso.onmicrosoft.com",
		Verified: map[string]bool{"contoso.test": true}}}, nil
}

func (emptyCloud) HoldersOf(context.Context, []address.Address, string) ([]cause.Conflict, error) {
	return nil, nil
}

func (emptyCloud) Survey(context.Context) cloudcheck.Survey { return cloudcheck.Survey{} }

func (emptyCloud) Sweep(_ context.Context, _ cloudcheck.Survey, cases []cloudcheck.Case) ([]cloudcheck.Verdict, error) {
	return make([]cloudcheck.Verdict, len(cases)), nil
}

// counter tells when the last request was written.
type counter struct {
	mu   sync.Mutex
	left int
	done chan struct{}
}

func (c *counter) RequestWritten(time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left == 0 {
		close(c.done)
	}
}
func (*counter) RequestVerified(time.Duration) {}
func (*counter) SweepDone(queue.Swept)         {}
func (*counter) SyncSeen(time.Time)            {}

func throughAliasd(b *testing.B, dc *site.Site) time.Duration {
	b.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	requests, err := store.Open(ctx, filepath.Join(b.TempDir(), "aliasd.db"))
	must(b, err)
	defer requests.Close()
	directory, err := ldapwriter.Open(ldapwriter.Options{Servers: []string{dc.Server}, GlobalCatalog: []string{dc.GlobalCatalog}, BaseDN: dc.BaseDN,
		RootCAs: dc.Roots(), Connections: connections, Bind: ldapwriter.SimpleBind{User: dc.Service.User,
			Password: func() (string, error) { return dc.Service.Password, nil }}})
	must(b, err)
	defer directory.Close()
	written := &counter{left: holders, done: make(chan struct{})}
	runner := queue.NewRunner(queue.Options{Store: requests, Directory: directory, Cloud: emptyCloud{}, Observer: written, Node: "bench",
		Workers: 2 * connections})
	service := queue.NewService(runner)
	for i := range holders {
		_, _, err := service.Submit(ctx, queue.Submission{Holder: name(i) + "@contoso.test", Action: address.AddAlias,
			Address: address.Address(alias("ours", i))}, "")
		must(b, err)
	}
	began := time.Now()
	ended := make(chan error)
	go func() { ended <- runner.Run(ctx) }()
	select {
	case <-written.done:
	case <-time.After(5 * time.Minute):
		b.Fatalf("%d of %d requests were not written in five minutes", written.left, holders)
	}
	took := time.Since(began)
	stop()
	must(b, <-ended)
	return took
}

// byLdapmodify gives the changes to one ldapmodify process, as a script would.
func byLdapmodify(b *testing.B, dc *site.Site) time.Duration {
	b.Helper()
	var ldif strings.Builder
	for i := range holders {
		fmt.Fprintf(&ldif, "dn: CN=%s,%s,%s\nchangetype: modify\nadd: proxyAddresses\nproxyAddresses: smtp:%s\n\n", name(i), site.People, dc.BaseDN, alias("peer", i))
	}
	ca := filepath.Join(b.TempDir(), "ca.pem")
	must(b, os.WriteFile(ca, dc.CA, 0o600))
	c := exec.Command("ldapmodify", "-H", dc.Server, "-x", "-D", dc.Service.User, "-w", dc.Service.Password)
	c.Env = append(os.Environ(), "LDAPTLS_CACERT="+ca)
	c.Stdin = strings.NewReader(ldif.String())
	began := time.Now()
	out, err := c.CombinedOutput()
	if err != nil {
		b.Fatalf("ldapmodify: %v\n%s", err, out)
	}
	return time.Since(began)
}

// bareOperations does per user what the write path asks of the directory: find, read, look who else holds the address,
// modify, read back.
func bareOperations(b *testing.B, dc *site.Site) time.Duration {
	b.Helper()
	work := make(chan int)
	failed := make(chan error, connections)
	var running sync.WaitGroup
	began := time.Now()
	for range connections {
		conn, err := dc.Dial(context.Background(), dc.Service)
		must(b, err)
		running.Go(func() {
			defer conn.Close()
			for i := range work {
				if err := bareOne(conn, dc, i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	for i := range holders {
		select {
		case work <- i:
		case err := <-failed:
			b.Fatal(err)
		}
	}
	close(work)
	running.Wait()
	return time.Since(began)
}

func bareOne(conn *ldap.Conn, dc *site.Site, i int) error {
	upn, dn := name(i)+"@contoso.test", fmt.Sprintf("CN=%s,%s,%s", name(i), site.People, dc.BaseDN)
	addr := alias("bare", i)
	find := fmt.Sprintf("(&(|(objectClass=user)(objectClass=group)(objectClass=contact))(|(userPrincipalName=%s)(proxyAddresses=smtp:%s)))", upn, upn)
	held := fmt.Sprintf("(|(proxyAddresses=smtp:%s)(mail=%s)(userPrincipalName=%s))", addr, addr, addr)
	modify := ldap.NewModifyRequest(dn, nil)
	modify.Add("proxyAddresses", []string{"smtp:" + addr})
	steps := []func() error{
		func() error { return search(conn, dc.BaseDN, ldap.ScopeWholeSubtree, find) },
		func() error { return search(conn, dn, ldap.ScopeBaseObject, "(objectClass=*)") },
		func() error { return search(conn, dc.BaseDN, ldap.ScopeWholeSubtree, held) },
		func() error { return conn.Modify(modify) },
		func() error { return search(conn, dn, ldap.ScopeBaseObject, "(objectClass=*)") },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func search(conn *ldap.Conn, base string, scope int, filter string) error {
	_, err := conn.Search(ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 30, false, filter,
		[]string{"objectGUID", "objectClass", "displayName", "userPrincipalName", "mail", "proxyAddresses", "uSNChanged", "whenChanged"}, nil))
	return err
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
