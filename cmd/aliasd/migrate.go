package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/queue/store"
)

// The places that migrate knows: the SQLite file in data_dir, and the database of the settings.
const (
	placeSQLite   = "sqlite"
	placePostgres = "postgres"
)

func (a *app) migrateCommand() *cobra.Command {
	var from, to string
	c := &cobra.Command{Use: "migrate --from sqlite --to postgres", Short: "Copy the store into another database, and compare it",
		Example: "  aliasd migrate --from sqlite --to postgres",
		Long: `Copies all that the store holds (requests, claims, idempotency keys, the event log, tokens, the stop switch and notes) from the SQLite
file in data_dir to the PostgreSQL database of the settings, or back. Stop aliasd first, on every node, and set database (and
database_password) in the settings. The target has to be empty. All is copied in one transaction and compared before it is
committed; then both sides are verified. The source stays as it is, but for writing, which is stopped there.`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if from == to || !isPlace(from) || !isPlace(to) {
				return usage(c, errors.New("give --from sqlite --to postgres, or --from postgres --to sqlite"))
			}
			s, err := a.settings()
			if err != nil {
				return err
			}
			if s.Database == "" {
				return usage(c, errors.New("the settings name no PostgreSQL database: set database, for example postgres://aliasd@db.contoso.test/aliasd?sslmode=verify-full"))
			}
			return inDataDir(s.DataDir, func() error { return a.migrate(c.Context(), s, from, to) })
		}}
	c.Flags().StringVar(&from, "from", placeSQLite, "where the store is: sqlite or postgres")
	c.Flags().StringVar(&to, "to", placePostgres, "where it goes: postgres or sqlite")
	return c
}

func isPlace(place string) bool { return place == placeSQLite || place == placePostgres }

// migratedJSON is what migrate prints with --json.
type migratedJSON struct {
	From   string              `json:"from"`
	To     string              `json:"to"`
	Tables []store.CopiedTable `json:"tables"`
	Events int64               `json:"events"`
	Head   string              `json:"head"`
}

func (a *app) migrate(ctx context.Context, s *config.Settings, from, to string) (err error) {
	file := filepath.Join(s.DataDir, storeFile)
	if err := readyToMigrate(ctx, s, from, file); err != nil {
		return err
	}
	held, err := lockDataDir(s.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	places := map[string]func() (*store.Store, error){
		placeSQLite:   func() (*store.Store, error) { return store.Open(ctx, file) },
		placePostgres: func() (*store.Store, error) { return store.OpenPostgres(ctx, s.Database, postgresOptions(s)...) },
	}
	source, err := places[from]()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := places[to]()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	copied, err := store.Copy(ctx, source, target)
	if err != nil {
		return err
	}
	// What is open would be written from both sides if somebody started aliasd on the old store.
	if err := source.SetPaused(ctx, true, byMigration, a.now()); err != nil {
		return fmt.Errorf("all is copied, but writing on the source could not be stopped; put it away before aliasd is started: %w", err)
	}
	return a.printMigrated(migratedJSON{From: from, To: to, Tables: copied.Tables, Events: copied.Events, Head: copied.Head})
}

// readyToMigrate refuses where there is nothing to copy, and where a node works on the database. That one works on the file is seen
// by its lock.
func readyToMigrate(ctx context.Context, s *config.Settings, from, file string) error {
	if from == placeSQLite {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no store in %s: nothing to copy; start aliasd on the database right away", s.DataDir)
		} else if err != nil {
			return err
		}
	}
	return nobodyConnected(ctx, s)
}

// goodbye is how long the database may take to notice that a node has gone.
const goodbye = 5 * time.Second

// nobodyConnected refuses where a node is connected to the database, and still is after a while.
func nobodyConnected(ctx context.Context, s *config.Settings) error {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(goodbye); ; {
		found, err := store.ProbePostgres(ctx, s.Database, time.Now, postgresOptions(s)...)
		if err != nil || found.Connections == 0 {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return fmt.Errorf("aliasd has %d connections open to the database: stop it on every node first", found.Connections)
		}
	}
}

func (a *app) printMigrated(m migratedJSON) error {
	if a.json {
		return a.printJSON(m)
	}
	sayf(a.out, "copied from %s to %s, and compared:", m.From, m.To)
	for _, table := range m.Tables {
		fmt.Fprintf(a.out, "  %-18s %8d rows\n", table.Name, table.Rows)
	}
	say(a.out, "", fmt.Sprintf("The event log has %d entries on both sides, every link holds, and the last hash is the same:", m.Events))
	fmt.Fprintln(a.out, "  "+m.Head)
	next := "The source is as it was, but for writing, which is stopped there. Start aliasd now, on each node with a data_dir of its own."
	if m.To == placeSQLite {
		next = "The source is as it was, but for writing, which is stopped there. Leave database empty in the settings, and start aliasd now, on one node."
	}
	say(a.out, "", next)
	return nil
}
