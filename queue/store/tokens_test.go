package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/aliasd/aliasd/queue"
)

func hashOf(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func TestTokenLife(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) { tokenLife(t, d.fresh(t)) })
}

func tokenLife(t *testing.T, s *Store) {
	ctx := context.Background()
	now := time.Date(2026, 3, 2, 9, 0, 0, 123456000, time.UTC)
	if err := s.CreateToken(ctx, "helpdesk", []string{"submit", "read"}, hashOf("secret"), now.Add(999).In(time.FixedZone("", 3600))); err != nil {
		t.Fatal(err)
	}
	want := Token{Name: "helpdesk", Scopes: []string{"submit", "read"}, CreatedAt: now}
	is := func(step string) {
		t.Helper()
		if got, err := s.TokenByHash(ctx, hashOf("secret")); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: got %+v: %v", step, got, err)
		}
	}
	is("created")
	if err := errors.Join(s.TouchToken(ctx, "helpdesk", now.Add(time.Hour)), s.TouchToken(ctx, "helpdesk", now), s.TouchToken(ctx, "nobody", now)); err != nil {
		t.Fatal(err)
	}
	want.LastUsedAt = now.Add(time.Hour)
	is("used")
	if err := s.RevokeToken(ctx, "helpdesk", now.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got, err := s.TokenByHash(ctx, hashOf("secret")); !errors.Is(err, ErrNoToken) || !errors.Is(err, queue.ErrNotFound) || got.Name != "" {
		t.Errorf("a revoked token gives %+v, %v", got, err)
	}
	want.RevokedAt = now.Add(2 * time.Hour)
	if all, err := s.ListTokens(ctx); err != nil || !reflect.DeepEqual(all, []Token{want}) {
		t.Errorf("the list is %+v: %v", all, err)
	}
}

func TestTokenErrors(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) { tokenErrors(t, d.fresh(t)) })
}

func tokenErrors(t *testing.T, s *Store) {
	ctx, now := context.Background(), time.Now()
	if _, err := s.TokenByHash(ctx, hashOf("none")); !errors.Is(err, ErrNoToken) {
		t.Errorf("an unknown hash gives %v", err)
	}
	if _, err := s.TokenByHash(ctx, nil); !errors.Is(err, ErrNoToken) {
		t.Errorf("no hash gives %v", err)
	}
	if err := s.RevokeToken(ctx, "none", now); !errors.Is(err, ErrNoToken) {
		t.Errorf("revoking an unknown token gives %v", err)
	}
	if err := s.CreateToken(ctx, "a", nil, hashOf("1"), now); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateToken(ctx, "a", nil, hashOf("2"), now); !errors.Is(err, ErrTokenExists) {
		t.Errorf("a name that is taken gives %v", err)
	}
	if err := s.CreateToken(ctx, "b", nil, hashOf("1"), now); err == nil {
		t.Error("a hash was taken twice")
	}
	if err := s.RevokeToken(ctx, "a", now); err != nil {
		t.Fatal(err)
	}
	if err := s.RevokeToken(ctx, "a", now); !errors.Is(err, ErrNoToken) {
		t.Errorf("revoking twice gives %v", err)
	}
	if err := s.CreateToken(ctx, "a", []string{"read"}, hashOf("2"), now); err != nil {
		t.Errorf("the name of a revoked token is not free: %v", err)
	}
	if k, err := s.TokenByHash(ctx, hashOf("2")); err != nil || k.Name != "a" {
		t.Errorf("got %+v: %v", k, err)
	}
}

func TestMeta(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) { meta(t, d.fresh(t)) })
}

func meta(t *testing.T, s *Store) {
	ctx := context.Background()
	is := func(key, want string) {
		t.Helper()
		if got, err := s.Meta(ctx, key); err != nil || got != want {
			t.Errorf("%s is %q, want %q: %v", key, got, want, err)
		}
	}
	is("last_report", "")
	for _, value := range []string{"2026-03-02T07:00:00Z", "", "ü\x01'"} {
		if err := s.SetMeta(ctx, "last_report", value); err != nil {
			t.Fatal(err)
		}
		is("last_report", value)
	}
	is("other", "")
}
