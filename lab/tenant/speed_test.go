package tenant_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab/tenant"
)

// audited are the properties that an audit selects of users.
const audited = "id,displayName,mail,mailNickname,proxyAddresses,onPremisesSyncEnabled,onPremisesLastSyncDateTime," +
	"onPremisesProvisioningErrors,userPrincipalName,onPremisesUserPrincipalName,onPremisesImmutableId," +
	"onPremisesSecurityIdentifier,assignedPlans"

// crowd are users with two proxy addresses each.
func crowd(n int) []address.Holder {
	holders := make([]address.Holder, n)
	for i := range holders {
		name := fmt.Sprintf("user%06d", i)
		holders[i] = holder(name, "SMTP:"+name+"@contoso.com", "smtp:alias-"+name+"@contoso.com")
		holders[i].SID, holders[i].Nickname = fmt.Sprintf("S-1-5-21-1-2-3-%d", i), name
		holders[i].Mail = name + "@contoso.com"
	}
	return holders
}

// BenchmarkCrowd imports many users and reads them all: in pages as an audit does, with and without a filter.
func BenchmarkCrowd(b *testing.B) {
	for _, n := range []int{20_000, 100_000} {
		b.Run(fmt.Sprintf("users=%d", n), func(b *testing.B) { benchmarkCrowd(b, n) })
	}
}

func benchmarkCrowd(b *testing.B, n int) {
	holders := crowd(n)
	b.Run("import", func(b *testing.B) {
		for b.Loop() {
			ten := start(b, tenant.Options{LicenceNew: true})
			before := heap()
			ten.cycleAll(b, holders)
			b.ReportMetric(float64(heap()-before)/float64(n), "B/user")
		}
	})
	ten := start(b, tenant.Options{LicenceNew: true})
	ten.cycleAll(b, holders)
	b.Run("import of nothing new", func(b *testing.B) {
		for b.Loop() {
			ten.cycleAll(b, holders)
		}
	})
	for name, query := range map[string]url.Values{
		"pages":    {"$top": {"999"}, "$select": {audited}},
		"filtered": {"$top": {"999"}, "$select": {audited}, "$filter": {"onPremisesSyncEnabled eq true"}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				ten.readAll(b, n, "/users?"+query.Encode())
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/user")
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func (b *bundle) cycleAll(t testing.TB, holders []address.Holder) {
	t.Helper()
	if failed, err := b.Import(t.Context(), holders, time.Now()); err != nil || len(failed) > 0 {
		t.Fatal(err, failed)
	}
}

// readAll reads all pages of a collection and finds only their links, so that the reader costs little.
func (b *bundle) readAll(t testing.TB, want int, path string) {
	t.Helper()
	objects := 0
	for link := b.URL + "/v1.0" + path; link != ""; {
		response, err := b.client.Do(b.request(t, http.MethodGet, link, nil, nil))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatal(err, response.Status)
		}
		_ = response.Body.Close()
		var page struct {
			Value []json.RawMessage `json:"value"`
			Next  string            `json:"@odata.nextLink"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			t.Fatal(err)
		}
		objects, link = objects+len(page.Value), page.Next
	}
	if objects != want {
		t.Fatalf("%d objects, want %d", objects, want)
	}
}
