package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/audit"
	"github.com/aliasd/aliasd/lab/tenant"
)

var _ audit.Source = (*Client)(nil)

// names reads everything and gives the names, sorted, and the sizes of the pages.
func names(t *testing.T, c *Client) (all []string, sizes []int, err error) {
	t.Helper()
	err = c.EachObject(t.Context(), func(page []cloudcheck.Object) error {
		sizes = append(sizes, len(page))
		for _, o := range page {
			all = append(all, o.Name)
		}
		return nil
	})
	slices.Sort(all)
	return all, sizes, err
}

func TestEachObjectReadsTheTenant(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{LicenceNew: true})
	holders := []address.Holder{groupHolder(5000, "SMTP:team@contoso.com"), contactHolder(5001, "SMTP:carl@fabrikam.com")}
	for i := range 2100 {
		holders = append(holders, userHolder(i))
	}
	l.sync(t, holders...)
	l.AddCloudUser(tenant.CloudObject{Name: "Cloud only", UPN: "cloud@contoso.com"})
	l.ResetCalls()
	all, sizes, err := names(t, l.client)
	slices.Sort(sizes)
	if want := []int{1, 1, 103, 999, 999}; err != nil || len(all) != 2103 || !slices.Equal(sizes, want) {
		t.Fatalf("%d objects on pages of %v, %v", len(all), sizes, err)
	}
	calls := l.Calls()
	if calls.HTTP != 5 || calls.Items != 0 || l.client.Calls() != 5 || l.client.Units() != calls.Units {
		t.Errorf("%d calls in %d by our count, %d units and %d by our count", calls.HTTP, l.client.Calls(), calls.Units, l.client.Units())
	}
}

// TestEachObjectShowsWhatALookUpShows: the bulk reading and the look-up of a sweep read the same of an object.
func TestEachObjectShowsWhatALookUpShows(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{LicenceNew: true})
	holders := []address.Holder{userHolder(1), groupHolder(2, "SMTP:team@contoso.com", "smtp:user1@contoso.com"), contactHolder(3, "SMTP:carl@fabrikam.com")}
	l.sync(t, holders...)
	read := map[string]cloudcheck.Object{}
	err := l.client.EachObject(t.Context(), func(page []cloudcheck.Object) error {
		for _, o := range page {
			read[o.Name] = o
		}
		return nil
	})
	if err != nil || len(read) != 3 {
		t.Fatalf("%v, %v", read, err)
	}
	for i, s := range l.objects(t, ref(holders[0]), ref(holders[1]), ref(holders[2])) {
		got := read[holders[i].Name]
		if s.Object == nil || fmt.Sprintf("%+v", noPointers(got)) != fmt.Sprintf("%+v", noPointers(*s.Object)) {
			t.Errorf("read in bulk %+v, looked up %+v", got, s.Object)
		}
	}
	if len(read["Group 2"].Errors) != 1 || !read["User user1"].ExchangeLicensed {
		t.Errorf("%+v", read)
	}
}

func noPointers(o cloudcheck.Object) cloudcheck.Object {
	o.SyncEnabled = nil
	return o
}

// pageStub answers GETs of collections: page is asked with the path, the token of the page and how often it was asked.
func pageStub(t testing.TB, page func(w http.ResponseWriter, r *http.Request, path, token string, asked int)) *stub {
	s := newStub(t)
	var mu sync.Mutex
	asked := map[string]int{}
	s.call = func(w http.ResponseWriter, r *http.Request) bool {
		path, token := strings.TrimPrefix(r.URL.Path, "/v1.0"), r.URL.Query().Get("$skiptoken")
		mu.Lock()
		asked[path+token]++
		n := asked[path+token]
		mu.Unlock()
		page(w, r, path, token, n)
		return true
	}
	return s
}

// sendPage sends users with a link to the next page; "" is none.
func sendPage(w http.ResponseWriter, next string, users ...map[string]any) {
	body := map[string]any{"value": users}
	if users == nil {
		body["value"] = []any{}
	}
	if next != "" {
		body["@odata.nextLink"] = next
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

// TestEachObjectOutlastsFaults: the second page of users goes wrong once, in the ways that Graph and networks have.
func TestEachObjectOutlastsFaults(t *testing.T) {
	t.Parallel()
	retryAfter := func(status int, after string) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", after)
			w.WriteHeader(status)
		}
	}
	for name, fault := range map[string]func(w http.ResponseWriter){
		"429, a second":   retryAfter(http.StatusTooManyRequests, "1"),
		"429, a fraction": retryAfter(http.StatusTooManyRequests, "0.128"),
		"503":             retryAfter(http.StatusServiceUnavailable, "1"),
		"500":             func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"502 of a proxy":  func(w http.ResponseWriter) { http.Error(w, "<html>", http.StatusBadGateway) },
		"half a page":     func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"value":[{"id":"1"},{"id":`)) },
		"half a page behind its link": func(w http.ResponseWriter) {
			_, _ = w.Write([]byte(`{"@odata.nextLink":"https://graph.microsoft.com/v1.0/users?$skiptoken=3","value":[{"id":`))
		},
		"a broken connection": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"value":[`))
			panic(http.ErrAbortHandler)
		},
		"no answer": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := pageStub(t, func(w http.ResponseWriter, _ *http.Request, path, token string, asked int) {
				switch {
				case path != "/users":
					sendPage(w, "")
				case token == "":
					sendPage(w, "https://graph.microsoft.com/v1.0/users?$skiptoken=2", user(1))
				case token == "2" && asked == 1:
					fault(w)
				case token == "3":
					sendPage(w, "")
				default:
					sendPage(w, "", user(2))
				}
			})
			if all, _, err := names(t, s.client(t)); err != nil || !slices.Equal(all, []string{"User 1", "User 2"}) {
				t.Errorf("%v, %v", all, err)
			}
		})
	}
}

// TestEachObjectWaitsLongerThanOneCall: what Graph wants to wait for longer than the patience of a call is waited for, for
// nobody waits for an answer.
func TestEachObjectWaitsLongerThanOneCall(t *testing.T) {
	t.Parallel()
	for after, want := range map[string]string{"1": "", "7200": "throttled"} {
		s := pageStub(t, func(w http.ResponseWriter, _ *http.Request, path, _ string, asked int) {
			if path == "/users" && asked == 1 {
				w.Header().Set("Retry-After", after)
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			sendPage(w, "", user(1))
		})
		_, _, err := names(t, s.bulkClient(t))
		if got := codeOf(err); got != want {
			t.Errorf("after %s: %q, want %q: %v", after, got, want, err)
		}
	}
}

func codeOf(err error) string {
	if known, ok := cause.As(err); ok {
		return string(known.Cause.Code)
	}
	return ""
}

// TestEachObjectEnds: what does not pass ends it, and what would never end does.
func TestEachObjectEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		page func(w http.ResponseWriter, base, token string)
		says string
	}{
		"no permission": {func(w http.ResponseWriter, _, _ string) { w.WriteHeader(http.StatusForbidden) }, "User.Read.All"},
		"to itself":     {func(w http.ResponseWriter, base, _ string) { sendPage(w, base+"/users?$skiptoken=1", user(1)) }, "could not be read"},
		"in a circle": {func(w http.ResponseWriter, base, token string) {
			sendPage(w, base+"/users?$skiptoken="+map[string]string{"": "1", "1": "2", "2": "1"}[token], user(1))
		}, "could not be read"},
		"no Graph": {func(w http.ResponseWriter, _, _ string) { sendPage(w, "https://elsewhere.test/else", user(1)) }, "could not be read"},
		"no JSON":  {func(w http.ResponseWriter, _, _ string) { _, _ = w.Write([]byte("<html>")) }, "could not be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := pageStub(t, func(w http.ResponseWriter, r *http.Request, path, token string, _ int) {
				if path == "/users" {
					c.page(w, "https://"+r.Host+"/v1.0", token)
					return
				}
				sendPage(w, "")
			})
			_, _, err := names(t, s.client(t, func(o *Options) { o.Patience = 100 * time.Millisecond }))
			if code := codeOf(err); code != "cloud_unavailable" || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestEachObjectStaysAtHome: a link to another server is followed on our own, and nothing goes to the other one. Empty
// pages in between are passed over.
func TestEachObjectStaysAtHome(t *testing.T) {
	t.Parallel()
	var strangers atomic.Int32
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strangers.Add(1) }))
	t.Cleanup(elsewhere.Close)
	s := pageStub(t, func(w http.ResponseWriter, _ *http.Request, path, token string, _ int) {
		switch {
		case path != "/users":
			sendPage(w, "")
		case token == "":
			sendPage(w, elsewhere.URL+"/v1.0/users?$skiptoken=2")
		default:
			sendPage(w, "", user(2))
		}
	})
	all, sizes, err := names(t, s.client(t))
	if err != nil || len(all) != 1 || len(sizes) != 1 || strangers.Load() != 0 {
		t.Errorf("%v on pages of %v, %v; %d calls to a stranger", all, sizes, err, strangers.Load())
	}
}

// TestEachObjectStaysTwoPagesAhead: while take works, two pages more of a collection are asked for, and no other.
func TestEachObjectStaysTwoPagesAhead(t *testing.T) {
	t.Parallel()
	var sent atomic.Int32
	ahead := make(chan struct{}, 20)
	s := pageStub(t, func(w http.ResponseWriter, r *http.Request, path, token string, _ int) {
		if path != "/users" {
			sendPage(w, "")
			return
		}
		n, next := sent.Add(1), ""
		if n < 20 {
			next = fmt.Sprintf("https://%s/v1.0/users?$skiptoken=%d", r.Host, n)
		}
		sendPage(w, next, user(int(n)))
		ahead <- struct{}{}
	})
	taken := int32(0)
	err := s.client(t).EachObject(t.Context(), func([]cloudcheck.Object) error {
		taken++
		for n := sent.Load(); n < min(taken+1, 20); n = sent.Load() {
			select {
			case <-ahead:
			case <-time.After(patience):
				return errors.New("the next page is not asked for while take works")
			}
		}
		if n := sent.Load(); n > taken+2 {
			t.Errorf("%d pages were sent when take had the %dth", n, taken)
		}
		return nil
	})
	if err != nil || taken != 20 {
		t.Errorf("%d pages, %v", taken, err)
	}
}

func TestEachObjectIsStopped(t *testing.T) {
	t.Parallel()
	endless := func(t *testing.T) *stub {
		var n atomic.Int32
		return pageStub(t, func(w http.ResponseWriter, r *http.Request, path, _ string, _ int) {
			sendPage(w, fmt.Sprintf("https://%s/v1.0%s?$skiptoken=%d", r.Host, path, n.Add(1)), user(1))
		})
	}
	t.Run("by take", func(t *testing.T) {
		t.Parallel()
		full := errors.New("the disk is full")
		if err := endless(t).client(t).EachObject(t.Context(), func([]cloudcheck.Object) error { return full }); err != full {
			t.Errorf("%v", err)
		}
	})
	t.Run("by the caller", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		pages := 0
		err := endless(t).client(t).EachObject(ctx, func([]cloudcheck.Object) error {
			if pages++; pages == 3 {
				cancel()
			}
			return nil
		})
		if codeOf(err) != "cloud_unavailable" || !errors.Is(err, context.Canceled) || pages > 10 {
			t.Errorf("after %d pages: %v", pages, err)
		}
	})
	t.Run("while it waits", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		s := pageStub(t, func(w http.ResponseWriter, _ *http.Request, _, _ string, _ int) {
			w.WriteHeader(http.StatusInternalServerError)
			cancel()
		})
		c := s.client(t)
		err := c.EachObject(ctx, func([]cloudcheck.Object) error { return nil })
		if codeOf(err) != "cloud_unavailable" || !errors.Is(err, context.Canceled) || c.Calls() > 3 {
			t.Errorf("after %d calls: %v", c.Calls(), err)
		}
	})
}
