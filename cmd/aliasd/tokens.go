package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/queue/store"
	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/token"
)

// touchEvery is how often a token's last use is noted; every call would be a write.
const touchEvery = time.Hour

// tokens lets the server find tokens in the store.
type tokens struct {
	store   *store.Store
	now     func() time.Time
	mu      sync.Mutex
	touched map[string]time.Time
}

var _ server.Tokens = (*tokens)(nil)

// TokenByHash finds whose token has the hash; token.ErrUnknown where none has or it was revoked.
func (t *tokens) TokenByHash(ctx context.Context, hash token.Hash) (token.Identity, error) {
	found, err := t.store.TokenByHash(ctx, []byte(hash))
	if errors.Is(err, store.ErrNoToken) {
		return token.Identity{}, token.ErrUnknown
	}
	if err != nil {
		return token.Identity{}, err
	}
	identity := token.Identity{Name: found.Name}
	for _, s := range found.Scopes {
		identity.Scopes = append(identity.Scopes, token.Scope(s))
	}
	if t.due(found.Name) {
		// A use that cannot be noted stops nobody.
		_ = t.store.TouchToken(ctx, found.Name, t.now())
	}
	return identity, nil
}

func (t *tokens) due(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now().Sub(t.touched[name]) < touchEvery {
		return false
	}
	t.touched[name] = t.now()
	return true
}

func (a *app) tokenCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "token", Short: "Make, list and revoke tokens for the REST API",
		Long:    "These commands work on the store in the data folder, with or without a running daemon.",
		Example: "  aliasd token create --name helpdesk --scope submit,read\n  aliasd token list"})
	c.AddCommand(a.tokenCreateCommand(), a.tokenListCommand(), a.tokenRevokeCommand())
	return c
}

func (a *app) tokenCreateCommand() *cobra.Command {
	var name, scope string
	c := &cobra.Command{Use: "create --name NAME --scope SCOPES", Short: "Make a token and print it once",
		Example: "  aliasd token create --name helpdesk --scope submit,read",
		Args:    args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			scopes, err := token.ParseScopes(scope)
			if err := errors.Join(token.CheckName(name), err); err != nil {
				return usage(c, err)
			}
			return a.withStore(c.Context(), func(s *store.Store) error { return a.createToken(c.Context(), s, name, scopes) })
		}}
	c.Flags().StringVar(&name, "name", "", "who uses it; it stands in every request")
	c.Flags().StringVar(&scope, "scope", "submit,read", "what it allows: submit, read, approve, admin")
	return c
}

func (a *app) createToken(ctx context.Context, s *store.Store, name string, scopes []token.Scope) error {
	secret := token.New()
	words := make([]string, len(scopes))
	for i, scope := range scopes {
		words[i] = string(scope)
	}
	if err := s.CreateToken(ctx, name, words, []byte(secret.Hash()), a.now()); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"name": name, "scopes": words, "token": secret.Reveal()})
	}
	fmt.Fprintln(a.out, secret.Reveal())
	fmt.Fprintf(a.err, "This is the only time that the token of %s is shown.\n", name)
	return nil
}

func (a *app) tokenListCommand() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List tokens, revoked ones too", Example: "  aliasd token list", Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withStore(c.Context(), func(s *store.Store) error {
				list, err := s.ListTokens(c.Context())
				if err != nil {
					return err
				}
				return a.printTokens(list)
			})
		}}
}

// tokenJSON is a token in the output of `token list --json`.
type tokenJSON struct {
	Name       string    `json:"name"`
	Scopes     []string  `json:"scopes"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
}

func (a *app) printTokens(list []store.Token) error {
	if a.json {
		out := make([]tokenJSON, len(list))
		for i, t := range list {
			out[i] = tokenJSON(t)
		}
		return a.printJSON(out)
	}
	table := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tSCOPES\tCREATED\tLAST USED\tREVOKED")
	for _, t := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", t.Name, strings.Join(t.Scopes, ","), day(t.CreatedAt), day(t.LastUsedAt), day(t.RevokedAt))
	}
	return table.Flush()
}

func day(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.Local().Format("2006-01-02 15:04")
}

func (a *app) tokenRevokeCommand() *cobra.Command {
	return &cobra.Command{Use: "revoke NAME", Short: "Revoke a token at once", Example: "  aliasd token revoke helpdesk", Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			return a.withStore(c.Context(), func(s *store.Store) error { return a.revokeToken(c.Context(), s, given[0]) })
		}}
}

// revokeToken revokes a token. Where that was done before, it is said and is no error: nobody can use the token.
func (a *app) revokeToken(ctx context.Context, s *store.Store, name string) error {
	done := "revoked"
	err := s.RevokeToken(ctx, name, a.now())
	if errors.Is(err, store.ErrNoToken) {
		list, listErr := s.ListTokens(ctx)
		if listErr != nil {
			return listErr
		}
		if slices.ContainsFunc(list, func(t store.Token) bool { return t.Name == name }) {
			done, err = "already revoked", nil
		}
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]string{"name": name, "done": done})
	}
	sayf(a.out, "token %s: %s", name, done)
	return nil
}

// withStoreThere opens the store for a command that has nothing to do where there is none: an empty one would look sound.
func (a *app) withStoreThere(ctx context.Context, do func(*store.Store) error) error {
	s, err := a.settings()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(s.DataDir, storeFile)); s.Database == "" && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no store in %s: look at data_dir in the settings, or start aliasd first", s.DataDir)
	}
	return a.withStore(ctx, do)
}

// withStore opens the store of the settings for one command, and makes it where there is none. The daemon may be running, and be of an
// earlier version: bringing its store up to date is left to the daemon.
func (a *app) withStore(ctx context.Context, do func(*store.Store) error) error {
	s, err := a.settings()
	if err != nil {
		return err
	}
	return inDataDir(s.DataDir, func() error {
		opened, err := openStore(ctx, s, store.AsItIs())
		if err != nil {
			return err
		}
		return errors.Join(do(opened), opened.Close())
	})
}
