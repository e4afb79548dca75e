package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// Errors of tokens.
var (
	// ErrNoToken: there is no such token, or it was revoked. It is a queue.ErrNotFound too.
	ErrNoToken error = missing("no such token")
	// ErrTokenExists: a token of that name is in force.
	ErrTokenExists = errors.New("a token of that name exists; revoke it first or choose another name")
)

// Token is a bearer token as it is kept: without the token, of which there is only a hash that is never read.
type Token struct {
	Name   string
	Scopes []string
	// LastUsedAt and RevokedAt are zero where that has not happened.
	CreatedAt, LastUsedAt, RevokedAt time.Time
}

const tokenColumns = `name, scopes, created_at, last_used_at, revoked_at`

func (k *Token) fields() []any {
	return []any{&k.Name, list[string]{&k.Scopes}, instant{&k.CreatedAt}, instant{&k.LastUsedAt}, instant{&k.RevokedAt}}
}

// CreateToken keeps a new token by its hash. The name has to be free: ErrTokenExists. One that was revoked is.
func (s *Store) CreateToken(ctx context.Context, name string, scopes []string, hash []byte, now time.Time) error {
	granted, err := asList(scopes)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(t *txn) error {
		var id int64
		made, err := t.row(`INSERT INTO tokens (name, scopes, hash, created_at) VALUES (?, ?, ?, ?)
			ON CONFLICT (name) WHERE revoked_at = 0 DO NOTHING RETURNING id`, []any{name, granted, slices.Clone(hash), micros(queue.Instant(now))}, &id)
		if err == nil && !made {
			return ErrTokenExists
		}
		if err != nil {
			return err
		}
		return t.tellToken(eventlog.TokenCreated, queue.Instant(now), eventlog.TokenChange{ID: id, Name: name, Scopes: scopes})
	})
	if err != nil {
		return fmt.Errorf("create token %s: %w", name, err)
	}
	return nil
}

// TokenByHash returns the token in force that has a hash; ErrNoToken where there is none.
func (s *Store) TokenByHash(ctx context.Context, hash []byte) (Token, error) {
	var k Token
	found, err := s.row(ctx, `SELECT `+tokenColumns+` FROM tokens WHERE hash = ? AND revoked_at = 0`, []any{hash}, k.fields()...)
	if err != nil {
		return Token{}, fmt.Errorf("look up a token: %w", ended(ctx, err))
	}
	if !found {
		return Token{}, ErrNoToken
	}
	return k, nil
}

// TouchToken notes that a token in force was used. Callers do that once in a while, not with every call: it is a write.
func (s *Store) TouchToken(ctx context.Context, name string, now time.Time) error {
	err := s.write(ctx, func(t *txn) error {
		used := micros(queue.Instant(now))
		_, err := t.exec(`UPDATE tokens SET last_used_at = ? WHERE name = ? AND revoked_at = 0 AND last_used_at < ?`, used, name, used)
		return err
	})
	if err != nil {
		return fmt.Errorf("note the use of token %s: %w", name, err)
	}
	return nil
}

// ListTokens returns all tokens, revoked ones too, in the order of their making.
func (s *Store) ListTokens(ctx context.Context) ([]Token, error) {
	var all []Token
	err := s.rows(ctx, `SELECT `+tokenColumns+` FROM tokens ORDER BY id`, nil, func(row *sql.Rows) error {
		var k Token
		err := row.Scan(k.fields()...)
		all = append(all, k)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", ended(ctx, err))
	}
	return all, nil
}

// RevokeToken ends a token for good; ErrNoToken where none of that name is in force.
func (s *Store) RevokeToken(ctx context.Context, name string, now time.Time) error {
	err := s.write(ctx, func(t *txn) error {
		var id int64
		revoked, err := t.row(`UPDATE tokens SET revoked_at = ? WHERE name = ? AND revoked_at = 0 RETURNING id`, []any{micros(queue.Instant(now)), name}, &id)
		if err == nil && !revoked {
			return ErrNoToken
		}
		if err != nil {
			return err
		}
		return t.tellToken(eventlog.TokenRevoked, queue.Instant(now), eventlog.TokenChange{ID: id, Name: name})
	})
	if err != nil {
		return fmt.Errorf("revoke token %s: %w", name, err)
	}
	return nil
}

// tellToken puts what became of a token into the event log.
func (t *txn) tellToken(what string, now time.Time, of eventlog.TokenChange) error {
	row, err := t.oneDigest(`SELECT * FROM tokens WHERE id = ?`, of.ID)
	if err != nil {
		return err
	}
	return t.tell(what, now, of, row)
}
