package graph

import (
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// noPages are answers with status 200 that hold no list.
func noPages() map[string]string {
	return map[string]string{"nothing": `{}`, "null": `{"value":null}`, "only a link": `{"@odata.nextLink":"https://graph.microsoft.com/v1.0/users?$skiptoken=2"}`,
		"an error": `{"error":{"code":"UnknownError","message":"try again"}}`, "an error beside a list": `{"value":[],"error":{"code":"UnknownError"}}`}
}

type rawJSON string

// MarshalJSON gives it as it is.
func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

// What holds no list is not an empty one: nobody is absent and no address is free because of it.
func TestAnswersWithoutAListAreNoAnswers(t *testing.T) {
	t.Parallel()
	for name, body := range noPages() {
		s := newStub(t)
		s.items = func(*url.URL) reply { return reply{status: 200, body: rawJSON(body)} }
		c := s.client(t)
		_, err := c.Objects(t.Context(), []cloudcheck.Ref{{CloudID: "x", Holder: userHolder(1)}})
		checkCause(t, err, cause.CloudUnavailable, "could not be read", "/users")
		if held, err := c.HoldersOf(t.Context(), []address.Address{"a@contoso.com"}); err == nil {
			t.Errorf("%s: held by %v", name, held)
		}
	}
}

// A bulk reading asks again for a page that holds no list, and fails when it stays so.
func TestEachObjectAsksAgainForAPageWithoutAList(t *testing.T) {
	t.Parallel()
	for name, body := range noPages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := atomic.Int32{}
			broken.Store(1)
			s := pageStub(t, func(w http.ResponseWriter, _ *http.Request, path, _ string, _ int) {
				if path == "/users" && broken.Add(-1) >= 0 {
					_, _ = w.Write([]byte(body))
					return
				}
				sendPage(w, "", user(1))
			})
			if _, _, err := names(t, s.bulkClient(t)); err != nil {
				t.Errorf("broken once: %v", err)
			}
			broken.Store(1000)
			c := s.client(t, func(o *Options) { o.Patience = 200 * time.Millisecond })
			if _, _, err := names(t, c); codeOf(err) != string(cause.CloudUnavailable) {
				t.Errorf("broken for good: %v", err)
			}
		})
	}
}
