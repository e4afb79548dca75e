package client_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/store"
	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/metrics"
	"github.com/aliasd/aliasd/server/token"
)

// stack is a client before a real server, queue and SQLite store; nobody works on the queue.
type stack struct {
	*client.Client
	url   string
	store *store.Store
	token token.Secret
}

func newStack(t testing.TB) *stack {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "aliasd.db"))
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	runner := queue.NewRunner(queue.Options{Store: db, Logger: logger, Node: "n1"})
	s, err := server.New(server.Options{Service: queue.NewService(runner), Archive: db, Holders: noHolders{}, Tokens: tokens{db},
		Metrics: metrics.New(metrics.Options{Source: db, Logger: logger, Now: time.Now}), Logger: logger, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := server.Listen(t.Context(), server.Endpoint{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, listener) }()
	k := &stack{url: "http://" + listener.Addr().String(), store: db}
	k.token = k.create(t, "helpdesk", token.Submit, token.Read)
	k.Client = k.as(t, k.token)
	t.Cleanup(func() {
		k.Close()
		stop()
		if err := errors.Join(<-ended, db.Close()); err != nil {
			t.Error(err)
		}
	})
	return k
}

// create makes a token in the store.
func (k *stack) create(t testing.TB, name string, scopes ...token.Scope) token.Secret {
	t.Helper()
	secret := token.New()
	var words []string
	for _, s := range scopes {
		words = append(words, string(s))
	}
	if err := k.store.CreateToken(t.Context(), name, words, []byte(secret.Hash()), time.Now()); err != nil {
		t.Fatal(err)
	}
	return secret
}

// as is a client with another token.
func (k *stack) as(t testing.TB, secret token.Secret) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{URL: k.url, Token: secret.Reveal()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// tokens reads the store's tokens for the server.
type tokens struct{ db *store.Store }

func (k tokens) TokenByHash(ctx context.Context, hash token.Hash) (token.Identity, error) {
	found, err := k.db.TokenByHash(ctx, []byte(hash))
	if errors.Is(err, store.ErrNoToken) {
		return token.Identity{}, token.ErrUnknown
	}
	who := token.Identity{Name: found.Name}
	for _, s := range found.Scopes {
		who.Scopes = append(who.Scopes, token.Scope(s))
	}
	return who, err
}

// noHolders is a directory in which a name fits two.
type noHolders struct{}

func (noHolders) Show(_ context.Context, identity string) (server.HolderView, error) {
	return server.HolderView{}, cause.Refuse(cause.AmbiguousHolder, "%q fits two", identity).
		WithCandidates([]cause.Candidate{{ObjectGUID: "g1", Name: "A"}, {ObjectGUID: "g2", Name: "B"}})
}

func alias(holder string) server.SubmissionJSON {
	return server.SubmissionJSON{Holder: holder, Action: address.AddAlias, Address: "j.doe@contoso.test", Ticket: "INC1",
		Allow: []address.Allowance{address.AllowMailEnable}}
}

// problem takes the problem out of an error.
func problem(t *testing.T, err error) *client.Problem {
	t.Helper()
	var p *client.Problem
	if !errors.As(err, &p) {
		t.Fatalf("%v is no problem", err)
	}
	return p
}

func TestLifeOfARequest(t *testing.T) {
	t.Parallel()
	k := newStack(t)
	ctx := t.Context()
	made, err := k.Submit(ctx, alias("jdoe"), "key-1")
	if err != nil || made.State != queue.Accepted || made.SubmittedBy != "helpdesk" || made.Ticket != "INC1" {
		t.Fatalf("%+v, %v", made, err)
	}
	again, err := k.Submit(ctx, alias("jdoe"), "key-1")
	if err != nil || again.ID != made.ID {
		t.Errorf("again: %+v, %v", again, err)
	}
	if _, err := k.Submit(ctx, alias("mary"), "key-1"); problem(t, err).Code != server.IdempotencyKeyReused {
		t.Errorf("with another body: %v", err)
	}
	read, err := k.Get(ctx, made.ID)
	if err != nil || len(read.Events) != 1 || read.Events[0].To != queue.Accepted || !read.CreatedAt.Equal(made.CreatedAt) {
		t.Errorf("read: %+v, %v", read, err)
	}
	rechecked, err := k.Recheck(ctx, made.ID)
	if err != nil || rechecked.State != queue.Accepted {
		t.Errorf("rechecked: %+v, %v", rechecked, err)
	}
	cancelled, err := k.Cancel(ctx, made.ID)
	if err != nil || cancelled.State != queue.Cancelled {
		t.Errorf("cancelled: %+v, %v", cancelled, err)
	}
	_, err = k.Cancel(ctx, made.ID)
	if p := problem(t, err); p.Status != http.StatusConflict || p.Code != server.NotPossible || !strings.Contains(p.Detail, "The request is cancelled") {
		t.Errorf("cancelled twice: %+v", p)
	}
	if _, err := k.Undo(ctx, made.ID, server.UndoJSON{Note: "x"}, ""); problem(t, err).Code != server.NothingToUndo {
		t.Errorf("undone: %v", err)
	}
}

// TestALongStoryIsReadInPages: one answer has the newest events, and the whole story is as many calls as that takes.
func TestALongStoryIsReadInPages(t *testing.T) {
	t.Parallel()
	k := newStack(t)
	ctx := t.Context()
	made, err := k.Submit(ctx, alias("jdoe"), "")
	for n := 0; n < 700 && err == nil; n++ {
		_, err = k.store.Advance(ctx, queue.Transition{ID: made.ID, From: queue.Accepted, To: queue.Accepted, What: "retry", Now: time.Now()})
	}
	if err != nil {
		t.Fatal(err)
	}
	read, err := k.Get(ctx, made.ID)
	if err != nil || len(read.Events) != 100 || read.EventsCursor == 0 {
		t.Errorf("read %d events, cursor %d: %v", len(read.Events), read.EventsCursor, err)
	}
	whole, err := k.GetWhole(ctx, made.ID)
	if err != nil || len(whole.Events) != 701 || whole.EventsCursor != 0 || whole.Events[0].To != queue.Accepted || whole.Events[0].From != "" {
		t.Errorf("read all %d events, cursor %d: %v", len(whole.Events), whole.EventsCursor, err)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	k := newStack(t)
	ctx := t.Context()
	for _, holder := range []string{"a", "b", "c", "d", "e"} {
		if _, err := k.Submit(ctx, alias(holder), ""); err != nil {
			t.Fatal(err)
		}
	}
	var seen []string
	q := client.Query{State: queue.Accepted, Ticket: "INC1", Limit: 2}
	for {
		page, err := k.List(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Items {
			seen = append(seen, r.Holder)
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			break
		}
	}
	if got := strings.Join(seen, ""); got != "edcba" {
		t.Errorf("listed %s", got)
	}
	if page, err := k.List(ctx, client.Query{Holder: "B"}); err != nil || len(page.Items) != 1 {
		t.Errorf("by holder: %+v, %v", page, err)
	}
	if _, err := k.List(ctx, client.Query{Cursor: "x"}); problem(t, err).Errors[0].Location != "query.cursor" {
		t.Errorf("a cursor of another list: %v", err)
	}
}

func TestScopesAndRevocation(t *testing.T) {
	t.Parallel()
	k := newStack(t)
	ctx := t.Context()
	admin := k.as(t, k.create(t, "boss", token.Admin))
	if _, err := k.Pause(ctx); problem(t, err).Code != server.Forbidden {
		t.Errorf("the helpdesk pauses: %v", err)
	}
	paused, err := admin.Pause(ctx)
	if err != nil || !paused.Paused || paused.By != "boss" {
		t.Errorf("paused: %+v, %v", paused, err)
	}
	if resumed, err := admin.Resume(ctx); err != nil || resumed.Paused {
		t.Errorf("resumed: %+v, %v", resumed, err)
	}
	if _, err := admin.Release(ctx, "none"); problem(t, err).Code != server.NotFound {
		t.Errorf("released: %v", err)
	}
	if err := k.store.RevokeToken(ctx, "helpdesk", time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Get(ctx, "x"); problem(t, err).Status != http.StatusUnauthorized {
		t.Errorf("after the revocation: %v", err)
	}
}

func TestProblemsComeWhole(t *testing.T) {
	t.Parallel()
	k := newStack(t)
	_, err := k.Holder(t.Context(), "Doe, J/ä?#%")
	if p := problem(t, err); p.Status != http.StatusConflict || p.Code != "ambiguous_holder" || len(p.Candidates) != 2 || p.Detail != `"Doe, J/ä?#%" fits two` {
		t.Errorf("got %+v", p)
	}
	body := alias(" x")
	body.Address = "x"
	_, err = k.Submit(t.Context(), body, "")
	if p := problem(t, err); p.Status != http.StatusUnprocessableEntity || len(p.Errors) != 2 {
		t.Errorf("got %+v", p)
	}
	body = alias("jdoe")
	body.Address = "j@contoso.onmicrosoft.com"
	if preview, err := k.Validate(t.Context(), body); err != nil || preview.OK || preview.Refusals[0].Code != cause.ReservedSuffix {
		t.Errorf("validated: %+v, %v", preview, err)
	}
}
