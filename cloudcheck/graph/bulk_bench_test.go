package graph

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/lab/tenant"
)

// many is how many users the bulk benchmarks read, and manyPages on how many pages they stand.
const many, manyPages = 20_000, 21

func manyUsers(b *testing.B) *lab {
	b.Helper()
	l := startLab(b, tenant.Options{LicenceNew: true})
	holders := make([]address.Holder, many)
	for i := range holders {
		holders[i] = userHolder(i)
	}
	l.sync(b, holders...)
	return l
}

// BenchmarkEachObject reads 20,000 users of the lab's tenant, and the same pages over a bare net/http that throws them away:
// the figures of the package comment. The tenant's own share is in both.
func BenchmarkEachObject(b *testing.B) {
	l := manyUsers(b)
	bare, links := newBareReader(b, l), []string(nil)
	var ours, floor time.Duration
	for b.Loop() {
		if links == nil {
			links = bare.links(b)
		}
		floor += measured(func() { bare.discardAll(b, links) })
		ours += measured(func() { readMany(b, l.client) })
	}
	b.ReportMetric(float64(ours.Milliseconds())/float64(b.N), "ms-ours")
	b.ReportMetric(float64(floor.Milliseconds())/float64(b.N), "ms-floor")
	b.ReportMetric(float64(ours)/float64(floor), "ours/floor")
}

func measured(do func()) time.Duration {
	began := time.Now()
	do()
	return time.Since(began)
}

func readMany(b *testing.B, c *Client) {
	b.Helper()
	users := 0
	err := c.EachObject(b.Context(), func(page []cloudcheck.Object) error {
		users += len(page)
		return nil
	})
	if err != nil || users != many {
		b.Fatalf("%d users, %v", users, err)
	}
}

// bareReader reads pages with the client's own token and transport, without the SDK.
type bareReader struct {
	http  *http.Client
	token string
	first string
}

func newBareReader(b *testing.B, l *lab) *bareReader {
	b.Helper()
	token, err := l.client.signIn.GetToken(b.Context(), policy.TokenRequestOptions{Scopes: []string{l.client.scope}})
	if err != nil {
		b.Fatal(err)
	}
	first, err := usersOf().url(query{fields: shown(address.User), top: bigPage})
	if err != nil {
		b.Fatal(err)
	}
	return &bareReader{http: &http.Client{Transport: baseTransport(l.roots(b), time.Minute)}, token: token.Token, first: l.URL + version + first}
}

// links finds the addresses of all pages, so that the floor need not look for them.
func (r *bareReader) links(b *testing.B) []string {
	b.Helper()
	var links []string
	for at := r.first; at != ""; {
		links = append(links, at)
		var p struct {
			NextLink string `json:"@odata.nextLink"`
		}
		if err := json.Unmarshal(r.get(b, at, io.ReadAll), &p); err != nil {
			b.Fatal(err)
		}
		at = p.NextLink
	}
	if len(links) != manyPages {
		b.Fatalf("%d pages", len(links))
	}
	return links
}

func (r *bareReader) discardAll(b *testing.B, links []string) {
	b.Helper()
	for _, at := range links {
		r.get(b, at, func(body io.Reader) ([]byte, error) {
			_, err := io.Copy(io.Discard, body)
			return nil, err
		})
	}
}

func (r *bareReader) get(b *testing.B, at string, read func(io.Reader) ([]byte, error)) []byte {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, at, http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+r.token)
	response, err := r.http.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	body, err := read(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		b.Fatalf("%s, %v", response.Status, err)
	}
	return body
}
