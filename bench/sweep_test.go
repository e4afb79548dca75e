package bench

import (
	"context"
	"crypto/x509"
	"path/filepath"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/graph"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/store"
)

// waitingUsers is how many users wait for the cloud in the sweep's bench.
const waitingUsers = 1000

// BenchmarkSweep sweeps 1,000 users who wait for the cloud: HTTP calls to Graph (4 batches of 300 holders, and what reads
// the tenant), resource units, and time.
func BenchmarkSweep(b *testing.B) {
	box := waitingLab(b)
	runner := waitingRunner(b, box)
	for b.Loop() {
		box.Tenant.ResetCalls()
		began := time.Now()
		must(b, runner.Sweep(context.Background()))
		calls := box.Tenant.Calls()
		b.ReportMetric(float64(calls.HTTP), "http-calls")
		b.ReportMetric(float64(calls.Units), "resource-units")
		b.ReportMetric(time.Since(began).Seconds(), "s/sweep")
	}
}

// waitingLab is a lab with the users; the sync engine does not run again.
func waitingLab(b *testing.B) *lab.Lab {
	b.Helper()
	objects := make([]site.Object, waitingUsers)
	for i := range objects {
		upn := name(i) + "@contoso.test"
		objects[i] = site.Object{Kind: site.User, Name: name(i), Account: name(i), UPN: upn, Mail: upn, Proxies: []string{"SMTP:" + upn}}
	}
	box, err := lab.Start(context.Background(), lab.Options{Objects: objects, Tenant: tenant.Options{LicenceNew: true}})
	must(b, err)
	b.Cleanup(func() {
		if err := box.Close(); err != nil {
			b.Error(err)
		}
	})
	return box
}

// waitingRunner has one written request for each user.
func waitingRunner(b *testing.B, box *lab.Lab) *queue.Runner {
	b.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	requests, err := store.Open(ctx, filepath.Join(b.TempDir(), "aliasd.db"))
	must(b, err)
	b.Cleanup(func() { _ = requests.Close() })
	directory, err := ldapwriter.Open(ldapwriter.Options{Servers: []string{box.Site.Server}, BaseDN: box.Site.BaseDN, RootCAs: box.Site.Roots(),
		Connections: connections, Bind: ldapwriter.SimpleBind{User: box.Site.Service.User,
			Password: func() (string, error) { return box.Site.Service.Password, nil }}})
	must(b, err)
	b.Cleanup(func() { _ = directory.Close() })
	written := &counter{left: waitingUsers, done: make(chan struct{})}
	runner := queue.NewRunner(queue.Options{Store: requests, Directory: directory, Cloud: checker(b, box), Observer: written, Node: "bench",
		Workers: 2 * connections})
	service := queue.NewService(runner)
	for i := range waitingUsers {
		_, _, err := service.Submit(ctx, queue.Submission{Holder: name(i), Action: address.AddAlias, Address: address.Address(alias("wait", i))}, "")
		must(b, err)
	}
	ended := make(chan error)
	go func() { ended <- runner.Run(ctx) }()
	<-written.done
	stop()
	must(b, <-ended)
	return runner
}

func checker(b *testing.B, box *lab.Lab) *cloudcheck.Checker {
	b.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(box.Tenant.CA) {
		b.Fatal("the tenant's CA is no PEM")
	}
	client, err := graph.Open(graph.Options{TenantID: box.Tenant.TenantID, GraphURL: box.Tenant.URL, AuthorityURL: box.Tenant.AuthorityURL, RootCAs: roots,
		Credential: graph.SecretCredential(box.Tenant.ClientID, func() (string, error) { return box.Tenant.ClientSecret, nil })})
	must(b, err)
	return cloudcheck.New(cloudcheck.Options{Reader: client})
}
