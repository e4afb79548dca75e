package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// BenchmarkSweep sweeps users who wait for the cloud, all of whom are due: HTTP calls to Graph, resource units, time, how
// much of it is the directory's, Graph's and the store's with the rest, and the time against that of the same number of
// $batch calls posted bare, four at a time, whose answers nobody reads.
func BenchmarkSweep(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			w := newWaiting(b, n)
			must(b, w.runner.Sweep(context.Background())) // the first one notes what the cloud shows
			floor := w.newFloor(b)
			for b.Loop() {
				w.report(b, w.measure(b), floor.measure(b))
			}
		})
	}
}

// waiting is a lab with users who wait for the cloud, and a runner whose sides take the time.
type waiting struct {
	n         int
	box       *lab.Lab
	requests  *store.Store
	directory *timedDirectory
	cloud     *timedCloud
	runner    *queue.Runner
}

// measured is one sweep.
type measured struct {
	took, directory, cloud time.Duration
	calls                  tenant.Calls
}

func (w *waiting) measure(b *testing.B) measured {
	b.Helper()
	w.box.Tenant.ResetCalls()
	w.directory.took, w.cloud.took = 0, 0
	began := time.Now()
	must(b, w.runner.Sweep(context.Background()))
	return measured{took: time.Since(began), directory: w.directory.took, cloud: w.cloud.took, calls: w.box.Tenant.Calls()}
}

func (w *waiting) report(b *testing.B, m measured, floor time.Duration) {
	b.Helper()
	b.ReportMetric(float64(m.calls.HTTP), "http-calls")
	b.ReportMetric(float64(m.calls.Units), "resource-units")
	b.ReportMetric(m.took.Seconds(), "s/sweep")
	b.ReportMetric(m.directory.Seconds(), "s-ldap")
	b.ReportMetric(m.cloud.Seconds(), "s-graph")
	b.ReportMetric((m.took - m.directory - m.cloud).Seconds(), "s-rest")
	b.ReportMetric(floor.Seconds(), "s-floor")
	b.ReportMetric(m.took.Seconds()/floor.Seconds(), "sweep/floor")
	b.ReportMetric(m.cloud.Seconds()/floor.Seconds(), "graph/floor")
	b.ReportMetric(0, "ns/op")
}

// timedDirectory and timedCloud take the time of what a sweep asks of them.
type timedDirectory struct {
	queue.Directory
	took time.Duration
}

func (d *timedDirectory) ReadAll(ctx context.Context, ids []address.GUID) ([]ldapwriter.Entry, []error) {
	began := time.Now()
	defer func() { d.took += time.Since(began) }()
	return d.Directory.ReadAll(ctx, ids)
}

type timedCloud struct {
	queue.Cloud
	took time.Duration
}

func (c *timedCloud) Survey(ctx context.Context) cloudcheck.Survey {
	began := time.Now()
	defer func() { c.took += time.Since(began) }()
	return c.Cloud.Survey(ctx)
}

func (c *timedCloud) Sweep(ctx context.Context, s cloudcheck.Survey, cases []cloudcheck.Case) ([]cloudcheck.Verdict, error) {
	began := time.Now()
	defer func() { c.took += time.Since(began) }()
	return c.Cloud.Sweep(ctx, s, cases)
}

// newWaiting has one written request for each user; the sync engine does not run again.
func newWaiting(b *testing.B, n int) *waiting {
	b.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	w := &waiting{n: n, box: waitingLab(b, n)}
	var err error
	w.requests, err = store.Open(ctx, filepath.Join(b.TempDir(), "aliasd.db"))
	must(b, err)
	b.Cleanup(func() { _ = w.requests.Close() })
	w.directory, w.cloud = &timedDirectory{Directory: waitingDirectory(b, w.box.Site)}, &timedCloud{Cloud: checker(b, w.box)}
	written := &counter{left: n, done: make(chan struct{})}
	w.runner = queue.NewRunner(queue.Options{Store: w.requests, Directory: w.directory, Cloud: w.cloud, Observer: written, Node: "bench",
		Workers: 2 * connections})
	service := queue.NewService(w.runner)
	for i := range n {
		_, _, err := service.Submit(ctx, queue.Submission{Holder: name(i), Action: address.AddAlias, Address: address.Address(alias("wait", i))}, "")
		must(b, err)
	}
	ended := make(chan error)
	go func() { ended <- w.runner.Run(ctx) }()
	<-written.done
	stop()
	must(b, <-ended)
	return w
}

func waitingLab(b *testing.B, n int) *lab.Lab {
	b.Helper()
	objects := make([]site.Object, n)
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

func waitingDirectory(b *testing.B, dc *site.Site) *ldapwriter.Directory {
	b.Helper()
	directory, err := ldapwriter.Open(ldapwriter.Options{Servers: []string{dc.Server}, BaseDN: dc.BaseDN, RootCAs: dc.Roots(),
		Connections: connections, Bind: ldapwriter.SimpleBind{User: dc.Service.User,
			Password: func() (string, error) { return dc.Service.Password, nil }}})
	must(b, err)
	b.Cleanup(func() { _ = directory.Close() })
	return directory
}

func checker(b *testing.B, box *lab.Lab) *cloudcheck.Checker {
	b.Helper()
	client, err := graph.Open(graph.Options{TenantID: box.Tenant.TenantID, GraphURL: box.Tenant.URL, AuthorityURL: box.Tenant.AuthorityURL, RootCAs: tenantRoots(b, box),
		Credential: graph.SecretCredential(box.Tenant.ClientID, func() (string, error) { return box.Tenant.ClientSecret, nil })})
	must(b, err)
	return cloudcheck.New(cloudcheck.Options{Reader: client})
}

func tenantRoots(b *testing.B, box *lab.Lab) *x509.CertPool {
	b.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(box.Tenant.CA) {
		b.Fatal("the tenant's CA is no PEM")
	}
	return roots
}

// floor posts the batches of a sweep without our code and without the SDK.
type floor struct {
	client *http.Client
	url    string
	token  string
	bodies [][]byte
}

func (w *waiting) newFloor(b *testing.B) *floor {
	b.Helper()
	f := &floor{url: w.box.Tenant.URL + "/v1.0/$batch", client: &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: tenantRoots(b, w.box)}, ForceAttemptHTTP2: true}}}
	f.signIn(b, w.box.Tenant)
	seqs := make([]int64, w.n)
	for i := range seqs {
		seqs[i] = int64(i + 1)
	}
	waiting, err := w.requests.Awaited(context.Background(), seqs)
	must(b, err)
	for some := range slices.Chunk(waiting, 300) {
		f.bodies = append(f.bodies, batchOf(b, some))
	}
	return f
}

func (f *floor) signIn(b *testing.B, t *tenant.Tenant) {
	b.Helper()
	answer, err := f.client.PostForm(t.AuthorityURL+"/"+t.TenantID+"/oauth2/v2.0/token", url.Values{"grant_type": {"client_credentials"},
		"client_id": {t.ClientID}, "client_secret": {t.ClientSecret}, "scope": {"https://graph.microsoft.com/.default"}})
	must(b, err)
	defer answer.Body.Close()
	var token struct {
		Token string `json:"access_token"`
	}
	must(b, json.NewDecoder(answer.Body).Decode(&token))
	f.token = token.Token
}

// batchOf is one batch for at most 300 users, as aliasd asks for them.
func batchOf(b *testing.B, requests []queue.Request) []byte {
	b.Helper()
	const fields = "id,displayName,mail,mailNickname,proxyAddresses,onPremisesSyncEnabled,onPremisesLastSyncDateTime,onPremisesProvisioningErrors," +
		"userPrincipalName,onPremisesUserPrincipalName,onPremisesImmutableId,onPremisesSecurityIdentifier,assignedPlans"
	var items []map[string]string
	for some := range slices.Chunk(requests, cloudcheck.HoldersPerUnit) {
		ids := make([]string, len(some))
		for i, r := range some {
			ids[i] = "'" + r.CloudID + "'"
		}
		query := url.Values{"$filter": {"id in (" + strings.Join(ids, ",") + ")"}, "$select": {fields}}
		items = append(items, map[string]string{"id": strconv.Itoa(len(items)), "method": "GET", "url": "/users?" + query.Encode()})
	}
	body, err := json.Marshal(map[string]any{"requests": items})
	must(b, err)
	return body
}

func (f *floor) measure(b *testing.B) time.Duration {
	b.Helper()
	began := time.Now()
	work := make(chan []byte)
	failed := make(chan error, len(f.bodies))
	var posting sync.WaitGroup
	for range 4 {
		posting.Go(func() {
			for body := range work {
				failed <- f.post(body)
			}
		})
	}
	for _, body := range f.bodies {
		work <- body
	}
	close(work)
	posting.Wait()
	close(failed)
	for err := range failed {
		must(b, err)
	}
	return time.Since(began)
}

func (f *floor) post(body []byte) error {
	r, err := http.NewRequest(http.MethodPost, f.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+f.token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := f.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	n, err := io.Copy(io.Discard, answer.Body)
	if answer.StatusCode != http.StatusOK || n < 1000 {
		return fmt.Errorf("status %d and %d bytes", answer.StatusCode, n)
	}
	return err
}
