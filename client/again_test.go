package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/token"
)

// refusing is a server that has had too many calls, says so with each of the headers, and then answers.
func refusing(t *testing.T, retryAfter ...string) (c *Client, bodies *[]string, pauses *[]time.Duration) {
	t.Helper()
	bodies, pauses = &[]string{}, &[]time.Duration{}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*bodies = append(*bodies, r.Header.Get("Idempotency-Key")+string(body))
		if n := len(*bodies); n <= len(retryAfter) {
			w.Header().Set("Retry-After", retryAfter[n-1])
			look{status: http.StatusTooManyRequests}.answer(w)
			return
		}
		look{state: "accepted"}.answer(w)
	}))
	t.Cleanup(web.Close)
	c, err := New(Options{URL: web.URL, Token: token.New().Reveal(), Timeout: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.patience = 10 * time.Second
	c.pace.sleep = func(ctx context.Context, d time.Duration) error {
		*pauses = append(*pauses, d)
		return ctx.Err()
	}
	return c, bodies, pauses
}

// TestComesBackWhenTold: the whole call is made again, with its key, after the pause that the server asked for.
func TestComesBackWhenTold(t *testing.T) {
	t.Parallel()
	c, bodies, pauses := refusing(t, "2", "1")
	r, err := c.Submit(t.Context(), server.SubmissionJSON{Holder: "jdoe", Action: address.AddAlias, Address: "j@contoso.test"}, "key")
	if err != nil || r.State != "accepted" {
		t.Fatalf("%+v, %v", r, err)
	}
	if !slices.Equal(*pauses, []time.Duration{2 * time.Second, time.Second}) {
		t.Errorf("pauses %v", *pauses)
	}
	if len(*bodies) != 3 || (*bodies)[0] != (*bodies)[2] || len((*bodies)[2]) < 20 {
		t.Errorf("sent %q", *bodies)
	}
}

// TestDoesNotComeBack: not without being told when, nor beyond the client's patience.
func TestDoesNotComeBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after []string
		calls int
	}{
		"no header":         {[]string{""}, 1},
		"a date":            {[]string{"Fri, 31 Dec 2027 23:59:59 GMT"}, 1},
		"nothing":           {[]string{"0"}, 1},
		"a fraction":        {[]string{"1.5"}, 1},
		"too long":          {[]string{"11"}, 1},
		"a flood":           {slices.Repeat([]string{"3"}, 100), 4},
		"for ever and ever": {[]string{"99999999999999999999"}, 1},
	} {
		client, bodies, _ := refusing(t, c.after...)
		if _, err := client.Get(t.Context(), "r1"); !tooManyCalls(err) || len(*bodies) != c.calls {
			t.Errorf("%s: %d calls, %v", name, len(*bodies), err)
		}
	}
}

// TestDoesNotComeBackAfterItsTime: a call that has an hour does not wait for two, however patient the client is.
func TestDoesNotComeBackAfterItsTime(t *testing.T) {
	t.Parallel()
	client, bodies, _ := refusing(t, "7200")
	client.patience = 24 * time.Hour
	ctx, stop := context.WithTimeout(t.Context(), time.Hour)
	defer stop()
	if _, err := client.Get(ctx, "r1"); !tooManyCalls(err) || len(*bodies) != 1 {
		t.Errorf("%d calls, %v", len(*bodies), err)
	}
}

func tooManyCalls(err error) bool {
	var problem *Problem
	return errors.As(err, &problem) && problem.Status == http.StatusTooManyRequests
}

// TestItReallyWaits has the clock's own pauses.
func TestItReallyWaits(t *testing.T) {
	t.Parallel()
	c, bodies, _ := refusing(t, "1")
	c.pace = defaultPace()
	began := time.Now()
	if _, err := c.Get(t.Context(), "r1"); err != nil || len(*bodies) != 2 || time.Since(began) < time.Second {
		t.Errorf("%d calls in %v: %v", len(*bodies), time.Since(began), err)
	}
}
